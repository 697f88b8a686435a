import { cuda } from '../device.js';
import { TorchError } from '../errors.js';
import { defaultGenerator, Generator } from '../random.js';
import type { Tensor } from '../tensor.js';
import { warn } from '../warnings.js';
import { withoutBad } from './badSamples.js';
import { BatchFetcher } from './batchFetcher.js';
import { type BatchSource, IndexedBatches, SeededStream, StreamedBatches } from './batchSource.js';
import { datasetName, shown } from './checks.js';
import { defaultCollate, defaultConvert } from './collate.js';
import type { Converted } from './collated.js';
import { type AnyLoaderOptions, checkLoaderArguments, type LoaderOptions } from './dataLoaderOptions.js';
import { type BatchOf, type Dataset, type ItemOf, IterableDataset, isStateful, type Stateful } from './dataset.js';
import { AsyncBatchIterator, BatchIterator, EpochRun, type RunParts, type RunState } from './epochRun.js';
import { IndexBatches, IteratedKeys, type KeySource } from './keySource.js';
import { closeWhenForgotten, LoaderWorkers } from './loaderWorkers.js';
import { pinBatch } from './pinBatch.js';
import { ReplayedIterator } from './replayedIterator.js';
import { reportError } from './sampleError.js';
import { BatchSampler } from './samplers/batchSampler.js';
import { drawSeed, RandomSampler } from './samplers/randomSampler.js';
import { hasIndexPass, IndexSampler, type Sampler } from './samplers/sampler.js';
import { SequentialSampler } from './samplers/sequentialSampler.js';
import { batchSeed, type Seeding } from './seeding.js';
import type { BadSample } from './workers/messages.js';
import { WorkerBatches } from './workers/workerBatches.js';

type AnyDataset = Dataset | IterableDataset;

/** What a loader keeps in a checkpoint: plain data and tensors. */
export type DataLoaderState = {
  /** The epoch that is under way, null between epochs. */
  running: RunState | null;
  /** States of the generators that belong to the loader and its sampler; never the default generator's. */
  generators: Tensor[];
  sampler: Record<string, unknown> | null;
  dataset: Record<string, unknown> | null;
  /** States of a stateful IterableDataset in the workers that `persistentWorkers` keeps. */
  workers: (Record<string, unknown> | null)[] | null;
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
  readonly numWorkers: number;
  readonly persistentWorkers: boolean;
  /** Batches that each worker loads ahead; null without workers. */
  readonly prefetchFactor: number | null;
  readonly timeout: number;
  readonly workerInitFn: ((workerId: number) => unknown) | null;
  readonly inOrder: boolean;
  readonly seeding: Seeding;
  /** Samples that could not be loaded and were left out since this loader was made. */
  badSamples = 0;
  /** As given, so that a loader like this one can be made. */
  readonly options: Readonly<AnyLoaderOptions>;

  private readonly makeBatch: (samples: never) => unknown;
  private readonly ownGenerators: readonly Generator[];
  private running: EpochRun | null = null;
  private loaded: DataLoaderState | null = null;
  private readonly workers = new LoaderWorkers(this);
  private datasetStates: DataLoaderState['workers'] = null;
  private readonly onBadSample: ((error: unknown, index: number | null) => void) | null;

  constructor(dataset: AnyDataset, options: AnyLoaderOptions = {}) {
    checkLoaderArguments(dataset, options);
    const { batchSize = 1, shuffle = false, dropLast = false, generator = null, collateFn = null } = options;
    this.dataset = dataset;
    this.options = Object.freeze({ ...options });
    this.dropLast = dropLast;
    this.generator = generator;
    this.collateFn = collateFn;
    this.pinMemory = options.pinMemory ?? false;
    this.numWorkers = options.numWorkers ?? 0;
    this.persistentWorkers = options.persistentWorkers ?? false;
    this.prefetchFactor = this.numWorkers === 0 ? null : (options.prefetchFactor ?? 2);
    this.timeout = options.timeout ?? 0;
    this.workerInitFn = options.workerInitFn ?? null;
    this.inOrder = options.inOrder ?? true;
    this.seeding = options.seeding ?? (this.numWorkers === 0 ? 'global' : 'batch');
    this.onBadSample =
      options.onBadSample === 'skip'
        ? (error, index) => this.countBad({ index, dataset: datasetName(dataset), error: reportError(error) })
        : null;
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
    this.makeBatch = collateFn ?? (this.collates ? defaultCollate : defaultConvert);
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
    const run = this.begin();
    const iterator = new BatchIterator<Batch>(run);
    closeWhenForgotten(iterator, run.openSource);
    return iterator;
  }

  [Symbol.asyncIterator](): AsyncBatchIterator<Batch> {
    const run = this.begin();
    const iterator = new AsyncBatchIterator<Batch>(run);
    closeWhenForgotten(iterator, run.openSource);
    return iterator;
  }

  /** Ends the workers that `persistentWorkers` keeps; the next epoch starts new ones. Resolves when they are gone. */
  close(): Promise<void> {
    return this.workers.close();
  }

  /**
   * Where the loader stands, at any point: before, between and inside epochs. Of several iterators the latest counts.
   *
   * The default generator's state is not in it: save and restore that along with it.
   */
  stateDict(): DataLoaderState {
    if (this.loaded !== null) return this.loaded;
    const { dataset } = this;
    const behind = this.running?.behind() ?? null;
    return {
      running: this.running?.state() ?? null,
      generators: behind?.generators ?? this.ownGenerators.map((generator) => generator.getState()),
      sampler: behind?.sampler ?? this.statefulSampler()?.stateDict() ?? null,
      dataset: isStateful(dataset) ? dataset.stateDict() : null,
      workers: this.datasetStates,
    };
  }

  /** The next iteration continues with the batch after the last one given; the epochs after it are as they would be. */
  loadStateDict(state: DataLoaderState | Record<string, unknown>): void {
    const { running, generators, sampler, dataset, workers = null } = state as DataLoaderState;
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
    this.datasetStates = workers;
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
      open: (begin, resumeAt, baseSeed) => this.open(begin, resumeAt, baseSeed),
      onEnd: (run) => {
        if (this.running === run) this.running = null;
      },
    };
  }

  private open(begin: () => void, resumeAt: RunState | null, baseSeed: () => bigint): BatchSource {
    const { dataset } = this;
    const position = resumeAt?.source ?? null;
    if (this.pinMemory && !cuda.isAvailable())
      warn('DATA_PIN_MEMORY_UNUSED', 'pinMemory is true, but there is no GPU; batches stay in ordinary memory.');
    if (this.numWorkers > 0) return this.openWorkers(begin, position, baseSeed);
    if (!(dataset instanceof IterableDataset)) {
      const keys = this.openKeys(begin, position);
      const seedOf = this.seeding === 'global' ? null : (number: number) => batchSeed(baseSeed(), number);
      const fetched = (position?.fetched as number | undefined) ?? resumeAt?.batches ?? 0;
      return new IndexedBatches(keys, this.fetcher(dataset), seedOf, fetched);
    }
    if (resumeAt === null) begin();
    const { batchSize, dropLast, onBadSample } = this;
    const rules = { batchSize, dropLast, collate: this.pinned(this.makeBatch), onBadSample };
    if (this.seeding === 'batch') return new SeededStream(dataset, rules, baseSeed(), position);
    const skipping = { [Symbol.iterator]: () => withoutBad(dataset[Symbol.iterator](), onBadSample) };
    const samples = new ReplayedIterator(skipping, this.ownGenerators, isStateful(dataset), () => {}, position);
    return new StreamedBatches(dataset, samples, rules);
  }

  private openWorkers(
    begin: () => void,
    position: Record<string, unknown> | null,
    baseSeed: () => bigint,
  ): BatchSource {
    const { dataset, collateFn, workerInitFn, batchSize, dropLast, persistentWorkers: persistent } = this;
    const keys = dataset instanceof IterableDataset ? null : this.openKeys(begin, position);
    if (keys === null && position === null) begin();
    const rules = {
      batchSize,
      dropLast,
      collates: this.collates,
      pinMemory: this.pinMemory,
      skipsBadSamples: this.onBadSample !== null,
    };
    const roots = { dataset, collateFn, workerInitFn };
    const pool = this.workers.forEpoch({ numWorkers: this.numWorkers, roots, rules }, persistent);
    const sampler = this.statefulSampler();
    const settings = {
      dataset,
      keys,
      baseSeed: baseSeed(),
      prefetchFactor: this.prefetchFactor!,
      inOrder: this.inOrder,
      timeout: this.timeout === 0 ? Number.POSITIVE_INFINITY : this.timeout * 1000,
      persistent,
      generators: this.ownGenerators,
      sampler: sampler instanceof IndexSampler ? null : sampler,
      datasetStates: persistent ? this.datasetStates : null,
      keepDatasetStates: (states: NonNullable<DataLoaderState['workers']>) => {
        if (persistent) this.datasetStates = states;
      },
      onBadSample: (bad: BadSample) => this.countBad(bad),
    };
    const batches = new WorkerBatches(pool, settings, position);
    if (persistent) this.workers.attach(batches);
    return batches;
  }

  private countBad({ index, dataset, error }: BadSample): void {
    this.badSamples += 1;
    if (this.badSamples > 1) return;
    const which = index === null ? 'A sample' : `Sample ${index}`;
    warn(
      'DATA_BAD_SAMPLE',
      `${which} of ${dataset} could not be loaded and was left out: ${error.name}: ${error.message}. Further ones are only counted, in the loader's badSamples.`,
    );
  }

  private get collates(): boolean {
    return this.batchSize !== null || this.batchSampler !== null;
  }

  private pinned(collate: (samples: never) => unknown): (samples: never) => unknown {
    return this.pinMemory ? (samples) => pinBatch(collate(samples)) : collate;
  }

  private fetcher(dataset: Dataset): BatchFetcher {
    const { onBadSample } = this;
    const makesBatches = this.collateFn === null && dataset.getBatch !== undefined && this.batchSampler !== null;
    if (!makesBatches)
      return new BatchFetcher(dataset, {
        collate: this.pinned(this.makeBatch),
        onBadSample,
        oneByOne: this.seeding === 'batch',
      });
    const source = this.pinMemory ? pinning(dataset) : dataset;
    return new BatchFetcher(source, { collate: null, onBadSample, oneByOne: true });
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
/** A dataset whose batches are copied to page-locked memory. */
function pinning(dataset: Dataset): Dataset {
  return {
    length: dataset.length,
    getItem: (index) => dataset.getItem(index),
    getBatch: (indices) => {
      const batch = dataset.getBatch!(indices);
      return batch instanceof Promise ? batch.then(pinBatch) : pinBatch(batch);
    },
  };
}

Object.defineProperty(Loader, 'name', { value: 'DataLoader' });

/**
 * Batches of a dataset, epoch after epoch: `for (const batch of loader)`, or `for await` for datasets whose samples are
 * promises. Orders, seeds and random draws are PyTorch's.
 *
 * With `numWorkers` threads load the batches ahead; `for` then blocks this thread until the next one is there, and `for
 * await` does not.
 *
 * Options: `batchSize` 1, `shuffle` false, `sampler`, `batchSampler`, `dropLast` false, `collateFn`, `generator`,
 * `pinMemory` false, `numWorkers` 0 and what goes with it; see `LoaderOptions`. Bad ones throw `DATA_LOADER`, a dataset
 * that workers cannot have a copy of `DATA_TRAVEL`, a sample that a worker could not load `DATA_SAMPLE` and a worker that
 * ended `DATA_WORKER`. The type of a batch follows from the dataset:
 * with samples `[Tensor, number]` it is `[Tensor, Tensor]`.
 */
export type DataLoader<Batch = unknown> = Loader<Batch>;
export const DataLoader = Loader as unknown as DataLoaderConstructor;
