import type { Loader } from '../module/loaderTypes.js';
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
  ) {}

  /** Where the run is in the loader. `load` comes first. */
  get cursor(): BatchCursor {
    return this.current!;
  }

  /** Batches in an epoch; `Infinity` when unknown, 0 before `load`. */
  get total(): number {
    return this.current?.total ?? 0;
  }

  async load(epoch: number): Promise<void> {
    const loader = await this.source();
    const length = loaderLength(loader);
    this.current = new BatchCursor(loader, limitedLength(length, this.limit, 'limitTrainBatches'), length !== null);
    this.loadedFor = epoch;
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
