import { TorchError } from '../errors.js';
import type { Dataset } from './dataset.js';

/** The samples of `dataset` at `indices`, in that order. */
export class Subset<T = unknown, B = unknown> implements Dataset<T, B> {
  readonly dataset: Dataset<T, B>;
  readonly indices: readonly number[];

  constructor(dataset: Dataset<T, B>, indices: readonly number[]) {
    this.dataset = dataset;
    this.indices = indices;
  }

  /** There when the dataset under it has one. */
  get getBatch(): ((rows: number[]) => B) | undefined {
    const { dataset } = this;
    if (typeof dataset.getBatch !== 'function') return undefined;
    return (rows) => dataset.getBatch!(rows.map((row) => this.indexAt(row)));
  }

  /** There when the dataset under it has one. */
  get getItems(): Dataset<T, B>['getItems'] {
    const { dataset } = this;
    if (typeof dataset.getItems !== 'function') return undefined;
    return (rows) => dataset.getItems!(rows.map((row) => this.indexAt(row)));
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
