import { TorchError } from '../errors.js';
import { shown } from './checks.js';
import { IterableDataset } from './dataset.js';

/** Iterable datasets one after the other, each iterated only when its turn has come. */
export class ChainDataset<T = unknown> extends IterableDataset<T> {
  readonly datasets: Iterable<IterableDataset<T>>;

  constructor(datasets: Iterable<IterableDataset<T>>) {
    super();
    this.datasets = datasets;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (const dataset of this.datasets) yield* checked(dataset);
  }

  /** The sum of the lengths; undefined when one of them is. */
  override get length(): number | undefined {
    let total = 0;
    for (const dataset of this.datasets) {
      const { length } = checked(dataset);
      if (length === undefined) return undefined;
      total += length;
    }
    return total;
  }
}

function checked<T>(dataset: IterableDataset<T>): IterableDataset<T> {
  if (!(dataset instanceof IterableDataset))
    throw new TorchError(
      'DATA_LOADER',
      `ChainDataset takes IterableDatasets; got ${shown(dataset)}. Use ConcatDataset`,
    );
  return dataset;
}
