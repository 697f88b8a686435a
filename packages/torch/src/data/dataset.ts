import type { Collated } from './collated.js';

/** Something whose position or random state goes into a checkpoint as plain data. */
export interface Stateful {
  stateDict(): Record<string, unknown>;
  loadStateDict(state: Record<string, unknown>): void;
}

export const isStateful = (value: unknown): value is Stateful =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as Partial<Stateful>).stateDict === 'function' &&
  typeof (value as Partial<Stateful>).loadStateDict === 'function';

/**
 * Samples that can be asked for by number: any object with a length and `getItem`.
 *
 * `getItem` may return a promise; the loader is then iterated with `for await`. A dataset that can answer for many
 * indices at once also has `getBatch`, which returns the batch as the training step wants it, already collated.
 *
 * A worker of a loader gets a copy: of its fields, sharing tensors, and of its class with the variables that its text
 * uses. A method `workerFields()` may return other fields for it; see also `perWorker`.
 */
export interface Dataset<T = unknown, B = unknown> {
  readonly length: number;
  getItem(index: number): T;
  /** Several samples at once, where that is faster than one by one; they are collated as usual. */
  // NoInfer: T is what `getItem` returns, which may be a promise.
  getItems?(indices: number[]): NoInfer<Awaited<T>>[] | Promise<NoInfer<Awaited<T>>[]>;
  getBatch?(indices: number[]): B;
}

/**
 * Samples that only come one after the other. The iterator is made anew for each epoch.
 *
 * Give `length` (in samples) where it is known. With `stateDict()` and `loadStateDict(state)`, an interrupted epoch
 * continues from the dataset's own state: the iterator made after `loadStateDict` gives the sample after the last one.
 * Without them the epoch is iterated again from its start, and the samples already used are skipped.
 */
export abstract class IterableDataset<T = unknown> implements Iterable<T> {
  /** For the compiler only: an array iterates too, but is no IterableDataset. */
  declare protected readonly isIterableDataset: true;
  abstract [Symbol.iterator](): Iterator<T>;
}
// Merged rather than a field: a field would hide a subclass's getter.
export interface IterableDataset<T = unknown> extends Iterable<T> {
  readonly length?: number;
}

/** The type of one sample of a dataset. */
export type ItemOf<D> =
  D extends Dataset<infer T, unknown> ? Awaited<T> : D extends IterableDataset<infer T> ? Awaited<T> : never;

/** The type of a batch: what `getBatch` returns, else the samples collated by `defaultCollate`. */
export type BatchOf<D> =
  D extends Dataset<infer T, infer B>
    ? unknown extends B
      ? Collated<Awaited<T>>
      : Awaited<B>
    : D extends IterableDataset<infer T>
      ? Collated<Awaited<T>>
      : never;
