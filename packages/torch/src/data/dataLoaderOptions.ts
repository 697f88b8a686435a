import { TorchError } from '../errors.js';
import type { Generator } from '../random.js';
import { checkBoolean, checkGenerator, checkPositiveInteger, shown } from './checks.js';
import { type Dataset, IterableDataset } from './dataset.js';
import type { Sampler } from './samplers/sampler.js';
import type { Seeding } from './seeding.js';

/** Options of `DataLoader` besides `batchSize` and `collateFn`, which decide the type of a batch. */
export interface LoaderOptions {
  /** A new order each epoch; default false. Excludes `sampler`. */
  shuffle?: boolean | null;
  /** The order of the samples. Excludes `shuffle`. */
  sampler?: Sampler | null;
  /** Whole batches of indices. Excludes `batchSize`, `shuffle`, `sampler` and `dropLast`. */
  batchSampler?: Sampler<number[]> | null;
  /** Leave out a last batch that is not full; default false. */
  dropLast?: boolean;
  /** Where `shuffle` and the epochs' seeds are drawn from; by default the default generator. */
  generator?: Generator | null;
  /** Copy batches to page-locked memory where there is a GPU; default false. */
  pinMemory?: boolean;
  /** Threads that load samples; 0, the default, loads them in the thread that asks. */
  numWorkers?: number;
  /** Batches that each worker loads ahead; default 2. Only with workers. */
  prefetchFactor?: number | null;
  /** Keep the workers and their copies of the dataset between epochs; default false. Only with workers. */
  persistentWorkers?: boolean;
  /** Seconds to wait for a batch from a worker, 0 (the default) for any time. Only with workers. */
  timeout?: number;
  /** Called in each worker with its number before it loads anything. Only with workers. */
  workerInitFn?: ((workerId: number) => unknown) | null;
  /** Batches in the order of the sampler; false gives each as soon as it is there. Default true. Only with workers. */
  inOrder?: boolean;
  /** Where random draws in samples come from; default `'global'` without workers and `'batch'` with them. */
  seeding?: Seeding;
  /**
   * `'skip'` leaves out samples whose loading throws, counts them in `badSamples`, and warns of the first; default
   * `'raise'`.
   */
  onBadSample?: 'raise' | 'skip';
}

/** All options, as the loader reads them. */
export interface AnyLoaderOptions extends LoaderOptions {
  /** Samples in a batch, default 1; null gives single samples, not batches. */
  batchSize?: number | null;
  /** Makes a batch of a list of samples, or, when `batchSize` is null, of one sample. Default: `defaultCollate`. */
  collateFn?: ((samples: never) => unknown) | null;
}

const optionNames = {
  batchSize: true,
  shuffle: true,
  sampler: true,
  batchSampler: true,
  numWorkers: true,
  collateFn: true,
  pinMemory: true,
  dropLast: true,
  timeout: true,
  generator: true,
  prefetchFactor: true,
  persistentWorkers: true,
  workerInitFn: true,
  inOrder: true,
  seeding: true,
  onBadSample: true,
} satisfies Record<keyof AnyLoaderOptions, true>;

function fail(message: string): never {
  throw new TorchError('DATA_LOADER', `DataLoader: ${message}`);
}

function checkWorkerOptions(options: AnyLoaderOptions): void {
  const { numWorkers = 0, prefetchFactor = null, persistentWorkers = false, timeout = 0 } = options;
  const { workerInitFn = null, inOrder = true } = options;
  if (!Number.isInteger(numWorkers) || numWorkers < 0)
    fail(`numWorkers must be an integer from 0 up, got ${shown(numWorkers)}; 0 loads in the thread that asks`);
  if (!(timeout >= 0)) fail(`timeout must not be negative, got ${shown(timeout)}`);
  if (prefetchFactor !== null && (!Number.isInteger(prefetchFactor) || prefetchFactor <= 0))
    fail(`prefetchFactor must be a positive integer, got ${shown(prefetchFactor)}`);
  checkBoolean('DataLoader: persistentWorkers', persistentWorkers);
  checkBoolean('DataLoader: inOrder', inOrder);
  if (workerInitFn !== null && typeof workerInitFn !== 'function')
    fail(`workerInitFn must be a function, got ${shown(workerInitFn)}`);
  if (numWorkers > 0) {
    if (options.seeding === 'global')
      fail(
        "seeding is 'global', but workers cannot draw from this thread's generator one after the other; use 'batch'",
      );
    return;
  }
  if (prefetchFactor !== null) fail('prefetchFactor needs workers, and numWorkers is 0; leave it out');
  if (persistentWorkers) fail('persistentWorkers needs workers, and numWorkers is 0; leave it out');
  if (timeout > 0) fail('timeout is for workers, and numWorkers is 0; leave it out');
  if (workerInitFn !== null) fail('workerInitFn is for workers, and numWorkers is 0; leave it out');
  if (!inOrder) fail('inOrder is false, which is for workers, and numWorkers is 0; leave it out');
}

function checkIterableOptions(options: AnyLoaderOptions): void {
  const hint = 'an IterableDataset decides its own order';
  if (options.shuffle) fail(`shuffle is true, but ${hint}; leave it out and shuffle in the dataset`);
  if (options.sampler) fail(`sampler is given, but ${hint}; leave it out`);
  if (options.batchSampler) fail(`batchSampler is given, but ${hint}; leave it out`);
}

function checkBatching({ batchSize = 1, shuffle, sampler, batchSampler, dropLast = false }: AnyLoaderOptions): void {
  if (batchSize !== null) checkPositiveInteger('DataLoader: batchSize', batchSize);
  if (sampler && shuffle) fail('sampler and shuffle exclude each other; a sampler decides the order by itself');
  if (batchSampler && (batchSize !== 1 || shuffle || sampler || dropLast))
    fail('batchSampler excludes batchSize, shuffle, sampler and dropLast: it decides all of them');
  if (batchSize === null && dropLast)
    fail('batchSize is null, which turns batches off, so dropLast has no meaning; leave it out');
}

function checkOneOf(name: string, value: unknown, allowed: readonly string[]): void {
  if (value !== undefined && !allowed.includes(value as string))
    fail(`${name} must be ${allowed.map(shown).join(' or ')}, got ${shown(value)}`);
}

function checkIterable(name: string, value: unknown): void {
  if (
    value !== null &&
    value !== undefined &&
    typeof (value as Partial<Iterable<unknown>>)[Symbol.iterator] !== 'function'
  )
    fail(`${name} must be iterable, got ${shown(value)}`);
}

/** Throws `DATA_LOADER` for what a loader cannot use. */
export function checkLoaderArguments(dataset: Dataset | IterableDataset, options: AnyLoaderOptions): void {
  const isStream = dataset instanceof IterableDataset;
  if (!isStream && (typeof dataset?.getItem !== 'function' || typeof dataset.length !== 'number'))
    fail(`expected a dataset with length and getItem(index), or an IterableDataset; got ${shown(dataset)}`);
  const unknown = Object.keys(options).find((name) => !(name in optionNames));
  if (unknown !== undefined)
    fail(`there is no option '${unknown}'; the options are ${Object.keys(optionNames).join(', ')}`);
  checkWorkerOptions(options);
  checkOneOf('seeding', options.seeding, ['global', 'batch']);
  checkOneOf('onBadSample', options.onBadSample, ['raise', 'skip']);
  if (options.dropLast !== undefined) checkBoolean('DataLoader: dropLast', options.dropLast);
  if (options.pinMemory !== undefined) checkBoolean('DataLoader: pinMemory', options.pinMemory);
  if (options.shuffle !== undefined && options.shuffle !== null) checkBoolean('DataLoader: shuffle', options.shuffle);
  checkGenerator(options.generator);
  checkIterable('sampler', options.sampler);
  checkIterable('batchSampler', options.batchSampler);
  if (options.collateFn !== undefined && options.collateFn !== null && typeof options.collateFn !== 'function')
    fail(`collateFn must be a function, got ${shown(options.collateFn)}`);
  if (isStream) checkIterableOptions(options);
  checkBatching(options);
}
