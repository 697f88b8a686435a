import { forkRng } from '../random.js';
import type { Tensor } from '../tensor.js';
import { warn } from '../warnings.js';
import { collateStream } from './badSamples.js';
import type { BatchFetcher } from './batchFetcher.js';
import { end, skipped } from './batchMarks.js';
import { datasetName } from './checks.js';
import type { IterableDataset } from './dataset.js';
import type { KeySource } from './keySource.js';
import type { ReplayedIterator } from './replayedIterator.js';
import { SampleStream, type StreamRules, streamStates } from './sampleStream.js';
import { withSeed } from './seeding.js';

/** The batches of one epoch. */
export interface BatchSource {
  /**
   * A batch, a promise of one (or of `end`), or `end`.
   *
   * @param isBlocking whether to stop the thread until a worker is done; what a dataset promises stays a promise
   */
  next(isBlocking: boolean): unknown;
  /** Whether it is certain that no batch is left. */
  readonly ended: boolean;
  state(): Record<string, unknown>;
  close(): void | Promise<void>;
  /** The rest is for sources whose batches workers make ahead; `EpochRun` says what each is. */
  readonly stopsAtOnce?: boolean;
  settled?(): Promise<void>;
  now?(): { generators: Tensor[]; sampler: Record<string, unknown> | null } | null;
}

/** Batches of a dataset whose samples have numbers. */
export class IndexedBatches implements BatchSource {
  ended = false;

  constructor(
    private readonly keys: KeySource,
    private readonly fetcher: BatchFetcher,
    /** The seed of batch number `fetched`; null: draws come from the default generator as it is. */
    private readonly seedOf: ((number: number) => bigint) | null,
    /** Batches fetched so far in the epoch, those without a good sample included. */
    private fetched: number,
  ) {}

  next(): unknown {
    while (!this.ended) {
      const keys = this.keys.next();
      if (keys === null) break;
      const number = this.fetched++;
      const batch =
        this.seedOf === null ? this.fetcher.fetch(keys) : withSeed(this.seedOf(number), () => this.fetcher.fetch(keys));
      if (this.fetched === this.keys.total) {
        // A loop that stops at the known length and one that asks once more must leave the generators alike, or a
        // state taken after the last batch would fit only one of them.
        this.keys.finish();
        this.ended = true;
      }
      if (batch instanceof Promise) return batch.then((found: unknown) => (found === skipped ? this.next() : found));
      if (batch !== skipped) return batch;
    }
    this.ended = true;
    return end;
  }

  state(): Record<string, unknown> {
    return { ...this.keys.state(), fetched: this.fetched };
  }

  close(): void {
    this.ended = true;
    this.keys.close?.();
  }
}

/** Batches of a dataset whose samples come one after the other. */
export class StreamedBatches implements BatchSource {
  ended = false;

  constructor(
    private readonly dataset: IterableDataset,
    private readonly samples: ReplayedIterator<unknown>,
    private readonly rules: StreamRules,
  ) {}

  next(): unknown {
    const { batchSize, dropLast, collate, onBadSample } = this.rules;
    const wanted = batchSize ?? 1;
    while (!this.ended) {
      const batch: unknown[] = [];
      while (batch.length < wanted) {
        const sample = this.samples.next();
        if (this.samples.ended) break;
        batch.push(sample);
      }
      this.ended = this.samples.ended;
      if (batch.length === 0 || (dropLast && batch.length < wanted)) break;
      warnBeyondLength(this.dataset, this.samples.taken);
      const made = collateStream(batch, batchSize !== null, collate, onBadSample);
      if (made instanceof Promise) return made.then((found: unknown) => (found === skipped ? this.next() : found));
      if (made !== skipped) return made;
    }
    this.ended = true;
    return end;
  }

  state(): Record<string, unknown> {
    return this.samples.state();
  }

  close(): void {
    this.ended = true;
    this.samples.close();
  }
}

/** The stream that a single worker would make, made here: the same draws, and the same state. */
export class SeededStream implements BatchSource {
  ended = false;
  private readonly stream: SampleStream;

  constructor(
    private readonly dataset: IterableDataset,
    rules: StreamRules,
    baseSeed: bigint,
    resumeAt: Record<string, unknown> | null,
  ) {
    const [state] = streamStates(resumeAt, 1);
    this.stream = forkRng(() => new SampleStream(dataset, rules, baseSeed, state!));
  }

  next(): unknown {
    while (!this.ended) {
      const made = forkRng(() => this.stream.next());
      if (made === end) break;
      warnBeyondLength(this.dataset, this.stream.taken);
      if (made instanceof Promise) return made.then((found: unknown) => (found === skipped ? this.next() : found));
      if (made !== skipped) return made;
    }
    this.ended = true;
    return end;
  }

  state(): Record<string, unknown> {
    return { turn: 0, workers: [this.stream.state()] };
  }

  close(): void {
    this.ended = true;
    this.stream.close();
  }
}

export function warnBeyondLength(dataset: IterableDataset, taken: number): void {
  const { length } = dataset;
  if (length !== undefined && taken > length)
    warn(
      'DATA_LENGTH_EXCEEDED',
      `The length of ${datasetName(dataset)} is ${length}, but it gave more samples than that. Loops that count batches stop too early.`,
    );
}
