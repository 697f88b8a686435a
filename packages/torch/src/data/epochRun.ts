import { TorchError } from '../errors.js';
import { type BatchSource, end } from './batchSource.js';

/** Where a run stands, as plain data. */
export type RunState = { base_seed: string; batches: number; source: Record<string, unknown> };

export interface RunParts {
  /** Draws the number that each epoch takes from the loader's generator. */
  drawBaseSeed(): bigint;
  /** @param begin to be called once at the moment when a fresh epoch draws its base seed. */
  open(begin: () => void, resumeAt: RunState | null): BatchSource;
  /** Called when the last batch has been given, or the loop was left. */
  onEnd(run: EpochRun): void;
}

/** One epoch of a loader, or what is left of one. */
export class EpochRun {
  /** Whether an asynchronous batch is on its way. */
  inFlight = false;
  private source!: BatchSource;
  private baseSeed!: bigint;
  private batches = 0;
  /** Resumed, and no batch given since. */
  private freshlyResumed = false;

  constructor(
    private readonly parts: RunParts,
    resumeAt: RunState | null,
  ) {
    if (resumeAt === null) {
      this.openFresh();
      return;
    }
    this.baseSeed = BigInt(resumeAt.base_seed);
    this.batches = resumeAt.batches;
    this.freshlyResumed = true;
    // A replay repeats the draw, under the random state of that time.
    this.source = parts.open(() => void parts.drawBaseSeed(), resumeAt);
  }

  /** A batch, a promise of one, or `end`. */
  next(): unknown {
    let batch = this.source.next();
    if (batch === end && this.freshlyResumed && this.batches > 0) {
      // The state was taken after the last batch: the very next one is the first of a new epoch.
      this.openFresh();
      batch = this.source.next();
    }
    this.freshlyResumed = false;
    if (batch === end) {
      this.parts.onEnd(this);
      return end;
    }
    this.batches += 1;
    if (this.source.ended) this.parts.onEnd(this);
    return batch;
  }

  state(): RunState {
    if (this.inFlight)
      throw new TorchError(
        'DATA_LOADER',
        'stateDict() was called while a batch is being fetched; await the batch first, so that it is clear whether it counts',
      );
    return { base_seed: String(this.baseSeed), batches: this.batches, source: this.source.state() };
  }

  close(): void {
    this.freshlyResumed = false;
    this.source.close();
    this.parts.onEnd(this);
  }

  private openFresh(): void {
    this.batches = 0;
    this.source = this.parts.open(() => {
      this.baseSeed = this.parts.drawBaseSeed();
    }, null);
  }
}

/** `for (const batch of loader)`. Leaving the loop early ends the epoch. */
export class BatchIterator<Batch> implements IterableIterator<Batch> {
  constructor(private readonly run: EpochRun) {}

  next(): IteratorResult<Batch, undefined> {
    const batch = this.run.next();
    if (batch === end) return { done: true, value: undefined };
    if (batch instanceof Promise) {
      batch.catch(() => {}); // Reported here instead.
      throw new TorchError(
        'DATA_LOADER',
        'the dataset returned a promise; iterate over the loader with `for await (const batch of loader)`',
      );
    }
    return { done: false, value: batch as Batch };
  }

  return(): IteratorResult<Batch, undefined> {
    this.run.close();
    return { done: true, value: undefined };
  }

  [Symbol.iterator](): this {
    return this;
  }
}

/** `for await (const batch of loader)`. Calls to `next` that do not wait for each other are answered in order. */
export class AsyncBatchIterator<Batch> implements AsyncIterableIterator<Batch> {
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly run: EpochRun) {}

  next(): Promise<IteratorResult<Batch, undefined>> {
    const result = this.last.then(() => this.fetch());
    this.last = result.catch(() => {});
    return result;
  }

  async return(): Promise<IteratorResult<Batch, undefined>> {
    await this.last;
    this.run.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private async fetch(): Promise<IteratorResult<Batch, undefined>> {
    const batch = this.run.next();
    if (batch === end) return { done: true, value: undefined };
    if (!(batch instanceof Promise)) return { done: false, value: batch as Batch };
    this.run.inFlight = true;
    try {
      return { done: false, value: (await batch) as Batch };
    } finally {
      this.run.inFlight = false;
    }
  }
}
