import type { BatchSource } from './batchSource.js';
import type { WorkerBatches } from './workers/workerBatches.js';
import type { PoolSettings } from './workers/workerPool.js';
import { WorkerPool } from './workers/workerPool.js';

/** Threads must not outlive the loader or iterator that nobody has any more. */
const abandonedPools = new FinalizationRegistry<WorkerPool>((pool) => void pool.end());
const abandonedSources = new FinalizationRegistry<BatchSource>((source) => void source.close());

/** Closes a source whose iterator is forgotten in the middle of an epoch. */
export function closeWhenForgotten(iterator: object, source: BatchSource): void {
  if (source.stopsAtOnce) abandonedSources.register(iterator, source);
}

/** The workers that a loader has at the moment, if any. */
export class LoaderWorkers {
  private pool: WorkerPool | null = null;
  private batches: WorkerBatches | null = null;

  constructor(private readonly loader: object) {}

  /** Workers for an epoch: those of the last one, or new ones with a copy of the dataset as it is now. */
  forEpoch(settings: PoolSettings, isPersistent: boolean): WorkerPool {
    if (!isPersistent) return new WorkerPool(settings);
    this.batches?.supersede();
    this.batches = null;
    if (this.pool !== null && !this.pool.isUsable) this.forget(this.pool);
    if (this.pool === null) {
      this.pool = new WorkerPool(settings);
      abandonedPools.register(this.loader, this.pool, this.pool);
    }
    return this.pool;
  }

  /** The epoch that the kept workers are at. */
  attach(batches: WorkerBatches): void {
    this.batches = batches;
  }

  /** Resolves when the kept workers are gone. */
  async close(): Promise<void> {
    const { pool } = this;
    this.batches?.supersede();
    this.batches = null;
    if (pool === null) return;
    this.forget(pool);
    await pool.end();
  }

  private forget(pool: WorkerPool): void {
    abandonedPools.unregister(pool);
    this.pool = null;
    void pool.end();
  }
}
