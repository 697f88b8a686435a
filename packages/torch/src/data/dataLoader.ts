import { TorchError } from '../errors.js';
import { defaultGenerator, Generator } from '../random.js';
import type { Tensor } from '../tensor.js';
import { type BatchSource, fetchFrom, IndexedBatches, pinBatch, StreamedBatches } from './batchSource.js';
import { shown } from './checks.js';
import { defaultCollate, defaultConvert } from './collate.js';
import type { Converted } from './collated.js';
import { type AnyLoaderOptions, checkLoaderArguments, type LoaderOptions } from './dataLoaderOptions.js';
import { type BatchOf, type Dataset, type ItemOf, IterableDataset, isStateful, type Stateful } from './dataset.js';
import { AsyncBatchIterator, BatchIterator, EpochRun, type RunParts, type RunState } from './epochRun.js';
import { IndexBatches, IteratedKeys, type KeySource } from './keySource.js';
import { ReplayedIterator } from './replayedIterator.js';
import { BatchSampler } from './samplers/batchSampler.js';
import { drawSeed, RandomSampler } from './samplers/randomSampler.js';
import { hasIndexPass, IndexSampler, type Sampler } from './samplers/sampler.js';
import { SequentialSampler } from './samplers/sequentialSampler.js';

type AnyDataset = Dataset | IterableDataset;

/** What a loader keeps in a checkpoint: plain data and tensors. */
export type DataLoaderState = {
  /** The epoch that is under way, null between epochs. */
  running: RunState | null;
  /** States of the generators that belong to the loader and its sampler; never the default generator's. */
  generators: Tensor[];
  sampler: Record<string, unknown> | null;
  dataset: Record<string, unknown> | null;
};

/** How `new DataLoader(...)` finds the type of a batch. */
export interface DataLoaderConstructor {
  readonly prototype: DataLoader<unknown>;
  /** Batches made by the dataset's `getBatch`, or by `defaultCollate`. */
  new <D extends AnyDataset>(
    dataset: D,
    options?: LoaderOptions & { batchSize?: number; collateFn?: null },
  ): DataLoader<BatchOf<D>>;
  /** Single samples. */
  new <D extends AnyDataset>(
    dataset: D,
    options: LoaderOptions & { batchSize: null; collateFn?: null },
  ): DataLoader<Converted<ItemOf<D>>>;
  /** Batches made by `collateFn`. */
  new <D extends AnyDataset, Batch>(
    dataset: D,
    options: LoaderOptions & { batchSize?: number; collateFn: (samples: ItemOf<D>[]) => Batch },
  ): DataLoader<Awaited<Batch>>;
  /** Single samples, each made by `collateFn`. */
  new <D extends AnyDataset, Batch>(
    dataset: D,
    options: LoaderOptions & { batchSize: null; collateFn: (sample: ItemOf<D>) => Batch },
  ): DataLoader<Awaited<Batch>>;
}

class Loader<Batch> implements Iterable<Batch>, AsyncIterable<Batch> {
  readonly dataset: AnyDataset;
  /** Null when a batch sampler decides, or when samples come one by one. */
  readonly batchSize: number | null;
  /** Null for an IterableDataset. */
  readonly sampler: Sampler | null;
  /** Null for an IterableDataset, and when samples come one by one. */
  readonly batchSampler: Sampler<number[]> | null;
  readonly dropLast: boolean;
  readonly generator: Generator | null;
  readonly collateFn: ((samples: never) => unknown) | null;
  readonly pinMemory: boolean;
  readonly numWorkers: number = 0;
  readonly persistentWorkers: boolean = false;
  /** As given, so that a loader like this one can be made. */
  readonly options: Readonly<AnyLoaderOptions>;

  private readonly makeBatch: (samples: never) => unknown;
  private readonly ownGenerators: readonly Generator[];
  private running: EpochRun | null = null;
  private loaded: DataLoaderState | null = null;

  constructor(dataset: AnyDataset, options: AnyLoaderOptions = {}) {
    checkLoaderArguments(dataset, options);
    const { batchSize = 1, shuffle = false, dropLast = false, generator = null, collateFn = null } = options;
    this.dataset = dataset;
    this.options = Object.freeze({ ...options });
    this.dropLast = dropLast;
    this.generator = generator;
    this.collateFn = collateFn;
    this.pinMemory = options.pinMemory ?? false;
    this.batchSize = options.batchSampler ? null : batchSize;
    if (dataset instanceof IterableDataset) {
      this.sampler = null;
      this.batchSampler = null;
    } else {
      this.sampler =
        options.sampler ??
        (shuffle ? new RandomSampler(dataset as Dataset, { generator }) : new SequentialSampler(dataset as Dataset));
      this.batchSampler =
        options.batchSampler ?? (batchSize === null ? null : new BatchSampler(this.sampler, batchSize, { dropLast }));
    }
    const collates = this.batchSize !== null || this.batchSampler !== null;
    this.makeBatch = collateFn ?? (collates ? defaultCollate : defaultConvert);
    const holders = [this, this.sampler, this.batchSampler] as ({ generator?: unknown } | null)[];
    const generators = holders.map((holder) => holder?.generator).filter((found) => found instanceof Generator);
    this.ownGenerators = [...new Set(generators)].filter((found) => found !== defaultGenerator());
  }

  /** Batches in an epoch (samples, when `batchSize` is null); throws `DATA_LOADER` when nobody knows. */
  get length(): number {
    const length = this.lengthOrNull;
    if (length !== null) return length;
    const unsized = this.dataset instanceof IterableDataset ? this.dataset : (this.batchSampler ?? this.sampler);
    throw new TorchError('DATA_LOADER', `the length of this DataLoader is unknown, as ${shown(unsized)} has no length`);
  }

  /** Batches in an epoch, null when nobody knows. */
  get lengthOrNull(): number | null {
    if (!(this.dataset instanceof IterableDataset)) return (this.batchSampler ?? this.sampler)!.length ?? null;
    const { length } = this.dataset;
    if (length === undefined) return null;
    if (this.batchSize === null) return length;
    return this.dropLast ? Math.floor(length / this.batchSize) : Math.ceil(length / this.batchSize);
  }

  [Symbol.iterator](): BatchIterator<Batch> {
    return new BatchIterator(this.begin());
  }

  [Symbol.asyncIterator](): AsyncBatchIterator<Batch> {
    return new AsyncBatchIterator(this.begin());
  }

  /**
   * Where the loader stands, at any point: before, between and inside epochs. Of several iterators the latest counts.
   *
   * The default generator's state is not in it: save and restore that along with it.
   */
  stateDict(): DataLoaderState {
    if (this.loaded !== null) return this.loaded;
    const { dataset } = this;
    return {
      running: this.running?.state() ?? null,
      generators: this.ownGenerators.map((generator) => generator.getState()),
      sampler: this.statefulSampler()?.stateDict() ?? null,
      dataset: isStateful(dataset) ? dataset.stateDict() : null,
    };
  }

  /** The next iteration continues with the batch after the last one given; the epochs after it are as they would be. */
  loadStateDict(state: DataLoaderState | Record<string, unknown>): void {
    const { running, generators, sampler, dataset } = state as DataLoaderState;
    if (running === undefined || !Array.isArray(generators))
      throw new TorchError(
        'DATA_LOADER',
        `this is no state of a DataLoader: its keys are ${Object.keys(state).join(', ')}`,
      );
    if (generators.length !== this.ownGenerators.length)
      throw new TorchError(
        'DATA_LOADER',
        `the state has ${generators.length} generator(s), this loader and its sampler have ${this.ownGenerators.length}; make the loader as it was`,
      );
    generators.forEach((generator, i) => {
      this.ownGenerators[i]!.setState(generator);
    });
    if (sampler) this.statefulSampler()?.loadStateDict(sampler);
    if (dataset && isStateful(this.dataset)) this.dataset.loadStateDict(dataset);
    this.running = null;
    this.loaded = state as DataLoaderState;
  }

  private begin(): EpochRun {
    const resumeAt = this.loaded?.running ?? null;
    const run = new EpochRun(this.runParts(), resumeAt);
    this.loaded = null;
    this.running = run;
    return run;
  }

  private runParts(): RunParts {
    return {
      drawBaseSeed: () => drawSeed(this.generator),
      open: (begin, resumeAt) => this.open(begin, resumeAt),
      onEnd: (run) => {
        if (this.running === run) this.running = null;
      },
    };
  }

  private open(begin: () => void, resumeAt: RunState | null): BatchSource {
    const { dataset } = this;
    const position = resumeAt?.source ?? null;
    if (!(dataset instanceof IterableDataset)) {
      const collate = this.collateFn === null && dataset.getBatch && this.batchSampler ? null : this.makeBatch;
      return new IndexedBatches(this.openKeys(begin, position), this.fetch(dataset, collate), resumeAt?.batches ?? 0);
    }
    if (resumeAt === null) begin();
    const samples = new ReplayedIterator(dataset, this.ownGenerators, isStateful(dataset), () => {}, position);
    const collate = this.pinMemory ? (batch: never) => pinBatch(this.makeBatch(batch)) : this.makeBatch;
    return new StreamedBatches(dataset, samples, this.batchSize, this.dropLast, collate);
  }

  private fetch(dataset: Dataset, collate: ((samples: never) => unknown) | null): (keys: number[] | number) => unknown {
    const fetch = fetchFrom(dataset, collate);
    if (!this.pinMemory) return fetch;
    return (keys) => {
      const batch = fetch(keys);
      return batch instanceof Promise ? batch.then(pinBatch) : pinBatch(batch);
    };
  }

  private openKeys(begin: () => void, position: Record<string, unknown> | null): KeySource {
    const { batchSampler, sampler } = this;
    // A subclass of BatchSampler groups as it likes.
    const isPlain =
      batchSampler instanceof BatchSampler && batchSampler[Symbol.iterator] === BatchSampler.prototype[Symbol.iterator];
    const indexed = isPlain ? batchSampler.sampler : batchSampler === null ? sampler : null;
    if (hasIndexPass(indexed)) {
      if (position === null) begin();
      const { batchSize = null, dropLast = false } = isPlain ? batchSampler : {};
      return new IndexBatches(indexed, batchSize, dropLast, position);
    }
    const stateful = this.statefulSampler();
    const continues = stateful !== null && !(stateful instanceof IndexSampler);
    return new IteratedKeys((batchSampler ?? sampler)!, this.ownGenerators, continues, begin, position);
  }

  private statefulSampler(): Stateful | null {
    const { batchSampler, sampler } = this;
    const inner = batchSampler instanceof BatchSampler ? batchSampler.sampler : null;
    const candidates: unknown[] = [batchSampler, inner, sampler];
    return candidates.find(isStateful) ?? null;
  }
}
Object.defineProperty(Loader, 'name', { value: 'DataLoader' });

/**
 * Batches of a dataset, epoch after epoch: `for (const batch of loader)`, or `for await` for datasets whose samples are
 * promises. Orders, seeds and random draws are PyTorch's.
 *
 * Options: `batchSize` 1, `shuffle` false, `sampler`, `batchSampler`, `dropLast` false, `collateFn`, `generator`,
 * `pinMemory` false; see `LoaderOptions`. Bad ones throw `DATA_LOADER`. The type of a batch follows from the dataset:
 * with samples `[Tensor, number]` it is `[Tensor, Tensor]`.
 */
export type DataLoader<Batch = unknown> = Loader<Batch>;
export const DataLoader = Loader as unknown as DataLoaderConstructor;
