import type { Loader } from '../module/loaderTypes.js';
import { BatchCursor } from './batchCursor.js';
import { limitedLength, loaderLength, type ResolvedAmount } from './limits.js';

/** The batches of `fit`: one cursor for each epoch over one loader, which may be asked for again every few epochs. */
export class TrainData {
  cursor: BatchCursor;
  private lastLoaded: number;

  /**
   * @param reloadEvery epochs after which `reload` is asked for a new loader; 0: never
   * @param firstEpoch the epoch that `loader` was loaded for
   */
  constructor(
    loader: Loader,
    private readonly limit: ResolvedAmount,
    private readonly reload: () => Promise<Loader>,
    private readonly reloadEvery: number,
    firstEpoch: number,
  ) {
    this.lastLoaded = firstEpoch;
    this.cursor = this.cursorOver(loader);
  }

  /** Batches in an epoch; `Infinity` when unknown. */
  get total(): number {
    return this.cursor.total;
  }

  /** Before an epoch's hooks: a new loader when one is due, and the epoch's number for samplers that shuffle by it. */
  async prepareEpoch(epoch: number): Promise<void> {
    if (this.reloadEvery > 0 && epoch - this.lastLoaded >= this.reloadEvery) {
      this.cursor = this.cursorOver(await this.reload());
      this.lastLoaded = epoch;
    }
    setLoaderEpoch(this.cursor.loader, epoch);
  }

  /** After an epoch's hooks: goes before the first batch. */
  startEpoch(): void {
    this.cursor.start();
  }

  close(): Promise<void> {
    return this.cursor.close();
  }

  private cursorOver(loader: Loader): BatchCursor {
    const length = loaderLength(loader);
    return new BatchCursor(loader, limitedLength(length, this.limit, 'limitTrainBatches'), length !== null);
  }
}

interface TakesEpoch {
  setEpoch?(epoch: number): void;
}

/** Tells the samplers of a loader which epoch it is. */
export function setLoaderEpoch(loader: unknown, epoch: number): void {
  const { sampler, batchSampler } = loader as { sampler?: TakesEpoch; batchSampler?: TakesEpoch & { sampler?: TakesEpoch } };
  const all = new Set([loader as TakesEpoch, sampler, batchSampler, batchSampler?.sampler]);
  for (const one of all) if (typeof one?.setEpoch === 'function') one.setEpoch(epoch);
}
