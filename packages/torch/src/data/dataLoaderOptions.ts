import { TorchError } from '../errors.js';
import type { Generator } from '../random.js';
import { checkBoolean, checkGenerator, checkPositiveInteger, shown } from './checks.js';
import { type Dataset, IterableDataset } from './dataset.js';
import type { Sampler } from './samplers/sampler.js';

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
  /** Worker threads. Only 0, the default, for now: samples are loaded in the thread that asks for them. */
  numWorkers?: number;
  /** Batches that each worker loads ahead. Only with workers. */
  prefetchFactor?: number | null;
  /** Keep the workers between epochs; default false. Only with workers. */
  persistentWorkers?: boolean;
  /** Seconds to wait for a batch from a worker, 0 (the default) for any time. Only with workers. */
  timeout?: number;
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
} satisfies Record<keyof AnyLoaderOptions, true>;

function fail(message: string): never {
  throw new TorchError('DATA_LOADER', `DataLoader: ${message}`);
}

function checkWorkerOptions(options: AnyLoaderOptions): void {
  const { numWorkers = 0, prefetchFactor = null, persistentWorkers = false, timeout = 0 } = options;
  if (!Number.isInteger(numWorkers) || numWorkers < 0)
    fail(`numWorkers must be an integer from 0 up, got ${shown(numWorkers)}; 0 loads in the thread that asks`);
  if (!(timeout >= 0)) fail(`timeout must not be negative, got ${shown(timeout)}`);
  if (prefetchFactor !== null && (!Number.isInteger(prefetchFactor) || prefetchFactor <= 0))
    fail(`prefetchFactor must be a positive integer, got ${shown(prefetchFactor)}`);
  if (numWorkers > 0)
    fail(`numWorkers is ${numWorkers}, but worker threads are not there yet; leave it out or set it to 0`);
  if (prefetchFactor !== null) fail('prefetchFactor needs workers, and numWorkers is 0; leave it out');
  if (persistentWorkers) fail('persistentWorkers needs workers, and numWorkers is 0; leave it out');
  if (timeout > 0) fail('timeout is for workers, and numWorkers is 0; leave it out');
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
