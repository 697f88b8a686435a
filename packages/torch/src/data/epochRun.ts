import { TorchError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import { end } from './batchMarks.js';
import type { BatchSource } from './batchSource.js';

/** Where a run stands, as plain data. */
export type RunState = { base_seed: string; batches: number; source: Record<string, unknown> };

export interface RunParts {
  /** Draws the number that each epoch takes from the loader's generator. */
  drawBaseSeed(): bigint;
  /**
   * @param begin to be called once at the moment when a fresh epoch draws its base seed
   * @param baseSeed the epoch's, once it has been drawn
   */
  open(begin: () => void, resumeAt: RunState | null, baseSeed: () => bigint): BatchSource;
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
    this.source = parts.open(
      () => void parts.drawBaseSeed(),
      resumeAt,
      () => this.baseSeed,
    );
  }

  /**
   * A batch, a promise of one, or `end`.
   *
   * @param isBlocking whether to stop this thread, rather than return a promise, when a worker is not done yet
   */
  next(isBlocking: boolean): unknown {
    const batch = this.source.next(isBlocking);
    if (!(batch instanceof Promise)) return this.counted(batch, isBlocking);
    return isBlocking ? batch : batch.then((found: unknown) => this.counted(found, isBlocking));
  }

  private counted(batch: unknown, isBlocking: boolean): unknown {
    const isOver = batch === end && this.freshlyResumed && this.batches > 0;
    this.freshlyResumed = false;
    if (isOver) {
      // The state was taken after the last batch: the very next one is the first of a new epoch.
      this.openFresh();
      return this.next(isBlocking);
    }
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

  /** Ends the epoch here; resolves when its workers are gone. */
  close(): void | Promise<void> {
    this.freshlyResumed = false;
    const closed = this.source.close();
    this.parts.onEnd(this);
    return closed;
  }

  /** Whether it can be closed while a batch is under way. */
  get stopsAtOnce(): boolean {
    return this.source.stopsAtOnce === true;
  }

  /** Resolves when nothing is left of workers that have failed. */
  settled(): void | Promise<void> {
    return this.source.settled?.();
  }

  /** How the loader's generators and sampler would stand if workers loaded nothing ahead; null when they are there. */
  behind(): { generators: Tensor[]; sampler: Record<string, unknown> | null } | null {
    return this.source.now?.() ?? null;
  }

  /** What an iterator that nobody has any more leaves to be closed. */
  get openSource(): BatchSource {
    return this.source;
  }

  private openFresh(): void {
    this.batches = 0;
    this.source = this.parts.open(
      () => {
        this.baseSeed = this.parts.drawBaseSeed();
      },
      null,
      () => this.baseSeed,
    );
  }
}

/** `for (const batch of loader)`. Leaving the loop early ends the epoch. */
export class BatchIterator<Batch> implements IterableIterator<Batch> {
  constructor(private readonly run: EpochRun) {}

  next(): IteratorResult<Batch, undefined> {
    const batch = this.run.next(true);
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
    void this.run.close();
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
    if (!this.run.stopsAtOnce) await this.last;
    await this.run.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private async fetch(): Promise<IteratorResult<Batch, undefined>> {
    try {
      let batch = this.run.next(false);
      if (batch instanceof Promise) {
        this.run.inFlight = true;
        batch = await batch;
      }
      return batch === end ? { done: true, value: undefined } : { done: false, value: batch as Batch };
    } catch (error) {
      await this.run.settled();
      throw error;
    } finally {
      this.run.inFlight = false;
    }
  }
}
