import type { Tensor } from '@lightning-ts/torch';
import type { CombinedLoader } from '../loops/combinedLoader.js';

/** Anything that yields batches: a DataLoader, an array of batches, a generator's owner, an async stream. */
export type Loader<Batch = unknown> = Iterable<Batch> | AsyncIterable<Batch>;

/** Loaders nested like the batch they make together: `{ a: loaderOfA, b: loaderOfB }` for batches `{ a, b }`. */
export type LoadersOf<Batch> = unknown extends Batch
  ? object
  : Batch extends Tensor
    ? never
    : Batch extends object
      ? { readonly [Key in keyof Batch]: Loader<Batch[Key]> | LoadersOf<Batch[Key]> }
      : never;

/**
 * What to train on: one loader, or several, whose batches come together in the same nesting (shorter ones start again). A
 * `CombinedLoader` chooses another mode.
 */
export type TrainLoaders<Batch = unknown> = Loader<Batch> | LoadersOf<Batch> | CombinedLoader<Batch>;

/** One loader, several that are run one after the other, or a `CombinedLoader` of any mode. */
export type EvaluationLoaders<Batch = unknown> =
  | Loader<Batch>
  | readonly Loader<Batch>[]
  | Readonly<Record<string, Loader<Batch>>>
  | CombinedLoader<Batch>;
