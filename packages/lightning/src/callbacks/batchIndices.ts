import { DataLoader, type Dataset, IterableDataset, type Sampler } from '@lightning-ts/torch/data';
import type { Loader } from '../module/loaderTypes.js';

/** Gives what another sampler gives, and remembers it until it is asked for. */
class RecordingSampler<Item extends number | number[]> implements Sampler<Item> {
  private given = new Map<number, Item>();

  constructor(private readonly sampler: Sampler<Item>) {}

  get length(): number | undefined {
    return this.sampler.length;
  }

  setEpoch(epoch: number): void {
    (this.sampler as { setEpoch?: (epoch: number) => void }).setEpoch?.(epoch);
  }

  /** What came at a place, once. */
  take(place: number): Item | null {
    const item = this.given.get(place) ?? null;
    this.given.delete(place);
    return item;
  }

  *[Symbol.iterator](): IterableIterator<Item> {
    this.given = new Map();
    let place = 0;
    for (const item of this.sampler) {
      this.given.set(place, item);
      place += 1;
      yield item;
    }
  }
}

/**
 * A loader like this one of which `takeBatchIndices` knows the samples. Workers ask for batches ahead of time, so the indices are
 * kept by the batch's number.
 *
 * What has no indices, or whose batches may come in another order or lack samples, stays as it is.
 */
export function recordBatchIndices(loader: Loader): Loader {
  if (!isDataLoader(loader)) return loader;
  const { batchSampler, dataset, inOrder, options, sampler } = loader;
  if (dataset instanceof IterableDataset || !inOrder || options.onBadSample === 'skip') return loader;
  const order =
    batchSampler === null
      ? { sampler: new RecordingSampler(sampler!) }
      : { batchSampler: new RecordingSampler(batchSampler), batchSize: 1, sampler: null, dropLast: false };
  // Its workers would outlive the run: nobody iterates over this loader again.
  const workers = options.numWorkers ? { persistentWorkers: false } : {};
  return new DataLoader(
    dataset as Dataset,
    {
      ...options,
      shuffle: null,
      ...workers,
      ...order,
    } as never,
  ) as Loader;
}

/** The samples of a batch of such a loader; null when they are not known. Each batch can be asked for once. */
export function takeBatchIndices(loader: Loader | undefined, batchIdx: number): number[] | null {
  if (loader === undefined || !isDataLoader(loader)) return null;
  const { batchSampler, sampler } = loader;
  const recording = batchSampler ?? sampler;
  if (!(recording instanceof RecordingSampler)) return null;
  const taken = recording.take(batchIdx) as number | number[] | null;
  return typeof taken === 'number' ? [taken] : taken;
}

function isDataLoader(loader: Loader): loader is DataLoader {
  return loader instanceof (DataLoader as unknown as abstract new () => DataLoader);
}
