import { TorchError } from '../errors.js';
import type { Dataset } from './dataset.js';

/** The samples of `dataset` at `indices`, in that order. */
export class Subset<T = unknown, B = unknown> implements Dataset<T, B> {
  readonly dataset: Dataset<T, B>;
  readonly indices: readonly number[];
  /** There when the dataset under it has one. */
  readonly getBatch?: (indices: number[]) => B;

  constructor(dataset: Dataset<T, B>, indices: readonly number[]) {
    this.dataset = dataset;
    this.indices = indices;
    if (typeof dataset.getBatch === 'function')
      this.getBatch = (rows) => dataset.getBatch!(rows.map((row) => this.indexAt(row)));
  }

  get length(): number {
    return this.indices.length;
  }

  getItem(index: number): T {
    return this.dataset.getItem(this.indexAt(index));
  }

  private indexAt(position: number): number {
    const index = this.indices.at(position);
    if (index === undefined)
      throw new TorchError(
        'INDEX_OUT_OF_RANGE',
        `index ${position} is outside a Subset of ${this.indices.length} samples`,
      );
    return index;
  }
}
