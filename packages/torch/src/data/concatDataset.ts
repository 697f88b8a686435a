import { TorchError } from '../errors.js';
import { type Dataset, IterableDataset } from './dataset.js';

/** Datasets one after the other, as one. Their lengths are read once, at the start. */
export class ConcatDataset<T = unknown> implements Dataset<T> {
  readonly datasets: readonly Dataset<T>[];
  /** Where each dataset ends: [3, 5] for datasets of 3 and 2 samples. */
  readonly cumulativeSizes: readonly number[];

  constructor(datasets: Iterable<Dataset<T>>) {
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
    const { length } = this;
    const from0 = index < 0 ? index + length : index;
    if (!(from0 >= 0 && from0 < length))
      throw new TorchError('INDEX_OUT_OF_RANGE', `index ${index} is outside a ConcatDataset of ${length} samples`);
    let which = 0;
    while (this.cumulativeSizes[which]! <= from0) which += 1;
    return this.datasets[which]!.getItem(which === 0 ? from0 : from0 - this.cumulativeSizes[which - 1]!);
  }
}
