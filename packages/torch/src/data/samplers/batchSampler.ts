import { checkBoolean, checkPositiveInteger } from '../checks.js';
import type { Sampler } from './sampler.js';

/** Groups the indices of another sampler into lists of `batchSize`. */
export class BatchSampler implements Sampler<number[]> {
  readonly sampler: Sampler;
  readonly batchSize: number;
  /** Leave out a last batch that is not full; default false. */
  readonly dropLast: boolean;

  constructor(sampler: Sampler, batchSize: number, options: { dropLast?: boolean } = {}) {
    const { dropLast = false } = options;
    checkPositiveInteger('batchSize', batchSize);
    checkBoolean('dropLast', dropLast);
    this.sampler = sampler;
    this.batchSize = batchSize;
    this.dropLast = dropLast;
  }

  /** Batches in one pass; undefined when the sampler's length is not known. */
  get length(): number | undefined {
    const { length } = this.sampler;
    if (length === undefined) return undefined;
    return this.dropLast ? Math.floor(length / this.batchSize) : Math.ceil(length / this.batchSize);
  }

  *[Symbol.iterator](): IterableIterator<number[]> {
    let batch: number[] = [];
    for (const index of this.sampler) {
      batch.push(index);
      if (batch.length < this.batchSize) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0 && !this.dropLast) yield batch;
  }
}
