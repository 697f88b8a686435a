/** Anything that yields batches: a DataLoader, an array of batches, a generator's owner, an async stream. */
export type Loader<Batch = unknown> = Iterable<Batch> | AsyncIterable<Batch>;

/** One loader, or an array of several that are run one after the other. */
export type EvaluationLoaders<Batch = unknown> = Loader<Batch> | readonly Loader<Batch>[];
