import { TorchError } from '../errors.js';
import { type Dataset, IterableDataset } from './dataset.js';
import { mergedBatch } from './mergedBatch.js';

/** Datasets one after the other, as one. Their lengths are read once, at the start. */
export class ConcatDataset<T = unknown, B = unknown> implements Dataset<T, B> {
  readonly datasets: readonly Dataset<T, B>[];
  /** Where each dataset ends: [3, 5] for datasets of 3 and 2 samples. */
  readonly cumulativeSizes: readonly number[];

  constructor(datasets: Iterable<Dataset<T, B>>) {
    this.datasets = [...datasets];
    if (this.datasets.length === 0) throw new TorchError('DATA_LOADER', 'ConcatDataset needs at least one dataset');
    this.datasets.forEach((dataset, i) => {
      if ((dataset as unknown) instanceof IterableDataset)
        throw new TorchError(
          'DATA_LOADER',
          `ConcatDataset takes datasets with getItem; dataset ${i} is an IterableDataset. Use ChainDataset`,
        );
    });
    let end = 0;
    this.cumulativeSizes = this.datasets.map((dataset) => {
      end += dataset.length;
      return end;
    });
  }

  get length(): number {
    return this.cumulativeSizes.at(-1)!;
  }

  /** Negative indices count from the end. */
  getItem(index: number): T {
    const [which, inner] = this.locate(index);
    return this.datasets[which]!.getItem(inner);
  }

  /** There when all of the datasets have one. */
  get getBatch(): ((indices: number[]) => B) | undefined {
    if (this.datasets.some((dataset) => dataset.getBatch === undefined)) return undefined;
    return (indices) => {
      const parts = new Map<number, { rows: number[]; places: number[] }>();
      indices.forEach((index, place) => {
        const [which, inner] = this.locate(index);
        if (!parts.has(which)) parts.set(which, { rows: [], places: [] });
        parts.get(which)!.rows.push(inner);
        parts.get(which)!.places.push(place);
      });
      const batches = [...parts].map(([which, { rows, places }]) => ({
        batch: this.datasets[which]!.getBatch!(rows) as unknown,
        places,
      }));
      if (!batches.some(({ batch }) => batch instanceof Promise)) return mergedBatch(batches) as B;
      const settled = batches.map(async ({ batch, places }) => ({ batch: await batch, places }));
      return Promise.all(settled).then(mergedBatch) as B;
    };
  }

  /** The dataset that has the sample, and the sample's number there. */
  private locate(index: number): [which: number, inner: number] {
    const { length } = this;
    const from0 = index < 0 ? index + length : index;
    if (!(from0 >= 0 && from0 < length))
      throw new TorchError('INDEX_OUT_OF_RANGE', `index ${index} is outside a ConcatDataset of ${length} samples`);
    let which = 0;
    while (this.cumulativeSizes[which]! <= from0) which += 1;
    return [which, which === 0 ? from0 : from0 - this.cumulativeSizes[which - 1]!];
  }
}
