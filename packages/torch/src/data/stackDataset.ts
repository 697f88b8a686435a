import { TorchError } from '../errors.js';
import { shown } from './checks.js';
import type { Dataset } from './dataset.js';

type Members = readonly Dataset[] | Readonly<Record<string, Dataset>>;
type ItemOfMember<D> = D extends Dataset<infer T, unknown> ? T : never;
type ItemsOf<M> = { -readonly [K in keyof M]: ItemOfMember<M[K]> };

/**
 * Datasets side by side: sample i is made of the samples i of all of them. `new StackDataset(images, labels)` gives
 * `[image, label]`, `new StackDataset({ image, text })` gives `{ image, text }`.
 */
export class StackDataset<M extends Members = Members> implements Dataset<ItemsOf<M>> {
  readonly datasets: M;
  readonly length: number;

  constructor(members: M extends readonly Dataset[] ? never : M);
  constructor(...datasets: M extends readonly Dataset[] ? M : never);
  constructor(...args: unknown[]) {
    const [first] = args as [Partial<Dataset> | undefined];
    const isRecord = args.length === 1 && first !== undefined && typeof first.getItem !== 'function';
    this.datasets = (isRecord ? first : args) as M;
    const members = Object.entries(this.datasets) as [string, Dataset][];
    if (members.length === 0) throw new TorchError('DATA_LOADER', 'StackDataset needs at least one dataset');
    for (const [name, dataset] of members)
      if (typeof dataset?.getItem !== 'function' || typeof dataset.length !== 'number')
        throw new TorchError(
          'DATA_LOADER',
          `StackDataset takes datasets with length and getItem; ${name} is ${shown(dataset)}`,
        );
    const lengths = members.map(([, dataset]) => dataset.length);
    if (lengths.some((length) => length !== lengths[0]))
      throw new TorchError('DATA_LOADER', `Size mismatch between datasets: their lengths are ${lengths.join(', ')}`);
    this.length = lengths[0]!;
  }

  getItem(index: number): ItemsOf<M> {
    return this.with((dataset) => dataset.getItem(index)) as ItemsOf<M>;
  }

  private with<T>(use: (dataset: Dataset) => T): T[] | Record<string, T> {
    const { datasets } = this;
    if (Array.isArray(datasets)) return (datasets as Dataset[]).map(use);
    return Object.fromEntries(
      Object.entries(datasets as Record<string, Dataset>).map(([name, dataset]) => [name, use(dataset)]),
    );
  }
}
