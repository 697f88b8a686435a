import { TorchError } from '../errors.js';
import { collateStream, type OnBadSample, withoutBad } from './badSamples.js';
import { end } from './batchMarks.js';
import { type IterableDataset, isStateful } from './dataset.js';
import { batchSeed, seedThread } from './seeding.js';

/** Where one worker's share of an IterableDataset is, as plain data. */
export type StreamState = {
  /** Batches taken. */
  batches: number;
  ended: boolean;
  /** The dataset's own state, when it keeps one. */
  dataset: Record<string, unknown> | null;
};

export const freshStream = (): StreamState => ({ batches: 0, ended: false, dataset: null });

export interface StreamRules {
  /** Null: samples one by one. */
  batchSize: number | null;
  dropLast: boolean;
  collate: (samples: never) => unknown;
  onBadSample: OnBadSample | null;
}

/**
 * Batches of an IterableDataset, each drawn from a random stream of its own. Draws from the calling thread's default
 * generator and leaves it anywhere.
 */
export class SampleStream {
  /** Samples taken since this object was made. */
  taken = 0;
  private readonly iterator: Iterator<unknown>;
  private batches = 0;
  private ended: boolean;

  /** @param seed the thread's generator starts from it while the iterator is made */
  constructor(
    private readonly dataset: IterableDataset,
    private readonly rules: StreamRules,
    private readonly seed: bigint,
    resumeAt: StreamState,
  ) {
    const continues = isStateful(dataset) && resumeAt.dataset !== null;
    if (continues) dataset.loadStateDict(resumeAt.dataset!);
    seedThread(seed);
    this.iterator = withoutBad(dataset[Symbol.iterator](), rules.onBadSample);
    this.ended = resumeAt.ended;
    if (this.ended || continues) this.batches = resumeAt.batches;
    else while (this.batches < resumeAt.batches && this.pull() !== null);
  }

  /** A batch, a promise of one, `skipped` or `end`. */
  next(): unknown {
    const samples = this.pull();
    if (samples === null) return end;
    const { batchSize, collate, onBadSample } = this.rules;
    return collateStream(samples, batchSize !== null, collate, onBadSample);
  }

  state(): StreamState {
    const { dataset } = this;
    return { batches: this.batches, ended: this.ended, dataset: isStateful(dataset) ? dataset.stateDict() : null };
  }

  close(): void {
    if (!this.ended) this.iterator.return?.();
    this.ended = true;
  }

  /** The samples of the next batch; null when there is none. */
  private pull(): unknown[] | null {
    if (this.ended) return null;
    seedThread(batchSeed(this.seed, this.batches));
    const wanted = this.rules.batchSize ?? 1;
    const samples: unknown[] = [];
    while (samples.length < wanted) {
      const { done, value } = this.iterator.next();
      if (done) {
        this.ended = true;
        break;
      }
      samples.push(value);
    }
    this.taken += samples.length;
    if (samples.length === 0 || (this.rules.dropLast && samples.length < wanted)) return null;
    this.batches += 1;
    return samples;
  }
}

/** A share for each worker: new ones, or those of a state. */
export function streamStates(resumeAt: Record<string, unknown> | null, numWorkers: number): StreamState[] {
  if (resumeAt === null) return Array.from({ length: numWorkers }, freshStream);
  const streams = resumeAt.workers as StreamState[] | undefined;
  if (streams?.length === numWorkers) return streams.map((stream) => ({ ...stream }));
  const saved = streams === undefined ? 'without workers' : `with ${streams.length} worker(s)`;
  throw new TorchError(
    'DATA_LOADER',
    `the loader's state was taken inside an epoch ${saved}, each of which has its own place in the IterableDataset; this loader has ${numWorkers}. Continue with the same number, or from a state taken between epochs`,
  );
}
