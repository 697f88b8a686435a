import { warn } from '@lightning-ts/torch';
import type { Loader } from '../module/loaderTypes.js';
import type { Strategy } from '../strategies/strategy.js';
import { BatchCursor } from './batchCursor.js';
import { limitedLength, type ResolvedAmount } from './limits.js';
import { loaderLength, setLoaderEpoch } from './loaderKinds.js';

/** The batches of `fit`: one loader, which may be asked for again every few epochs, and the place in it. */
export class TrainData {
  private current: BatchCursor | null = null;
  private loadedFor = 0;

  /**
   * @param source asks for the loader
   * @param reloadEvery epochs after which it is asked for again; 0: never
   */
  constructor(
    private readonly source: () => Promise<Loader>,
    private readonly limit: ResolvedAmount,
    private readonly reloadEvery: number,
    private readonly strategy: Strategy,
  ) {}

  /** Where the run is in the loader. `load` comes first. */
  get cursor(): BatchCursor {
    return this.current!;
  }

  /** Whether there is a loader: a run that failed while it was prepared has none. */
  get isLoaded(): boolean {
    return this.current !== null;
  }

  /** Batches in an epoch; `Infinity` when unknown, 0 before `load`. */
  get total(): number {
    return this.current?.total ?? 0;
  }

  async load(epoch: number): Promise<void> {
    const loader = await this.source();
    const { isExact, length } = commonLength(loaderLength(loader), this.strategy);
    const total = limitedLength(length, this.limit, 'limitTrainBatches');
    const allHave =
      isExact || this.strategy.worldSize === 1
        ? null
        : (has: boolean): boolean => this.strategy.reduceBooleanDecision(has, true);
    this.current = new BatchCursor(loader, total, isExact, allHave);
    this.loadedFor = lastReload(epoch, this.reloadEvery);
  }

  /** Before an epoch's hooks: a new loader when one is due, and the epoch's number for samplers that shuffle by it. */
  async prepareEpoch(epoch: number): Promise<void> {
    if (this.reloadEvery > 0 && epoch - this.loadedFor >= this.reloadEvery) await this.load(epoch);
    setLoaderEpoch(this.cursor.loader, epoch);
  }

  async close(): Promise<void> {
    await this.current?.close();
  }
}

/**
 * The epoch for which a run that began at the first one asked for its loader last: a resumed run asks again in the same epochs.
 *
 * @param every epochs after which it asks again; 0: never
 * @param isUsed in which epochs the loader is used, and so asked for
 */
export function lastReload(epoch: number, every: number, isUsed: (epoch: number) => boolean = () => true): number {
  let last = 0;
  for (let past = 1; every > 0 && past <= epoch; past += 1) if (isUsed(past) && past - last >= every) last = past;
  return last;
}

/** What all processes have: the shortest length, or none when one of them does not know its own. */
function commonLength(
  own: number | null,
  strategy: Strategy,
): { readonly length: number | null; readonly isExact: boolean } {
  if (strategy.worldSize === 1 || strategy.allGatherObject === undefined) return { length: own, isExact: own !== null };
  const lengths = strategy.allGatherObject(own);
  const known = lengths.filter((length) => length !== null);
  if (known.length < lengths.length) return { length: null, isExact: false };
  const shortest = Math.min(...known);
  if (known.some((length) => length !== shortest)) {
    warn(
      'LOADER_UNEVEN',
      `The processes have ${known.join(', ')} training batches; each epoch ends after ${shortest} for all, and the rest is left out.`,
    );
  }
  return { length: shortest, isExact: true };
}
