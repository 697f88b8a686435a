import type { IndexPass, PassState } from './indexPass.js';

/**
 * The order in which samples are used: any iterable of indices. `length` is the number of indices, where it is known.
 *
 * A sampler of your own is stateful when it has `stateDict()` and `loadStateDict(state)`: after loading, its next
 * iterator gives the index after the last one given. Without them the loader iterates it again from the start of the
 * epoch, under the random state of that time, and skips what was used.
 */
export interface Sampler<K = number> extends Iterable<K> {
  readonly length?: number;
}

/** The samplers of this package: their indices come in typed arrays, and a pass can be taken up in the middle. */
export abstract class IndexSampler implements Sampler {
  abstract readonly length: number;

  /** One pass over the indices; with `resumeAt`, the state of another pass, from the piece that one was in. */
  abstract indexPass(resumeAt?: PassState | null): IndexPass;

  *[Symbol.iterator](): IterableIterator<number> {
    const pass = this.indexPass();
    for (let piece = pass.nextPiece(); piece !== null; piece = pass.nextPiece()) yield* piece;
  }
}

/** Whether the indices are those of `indexPass`: a subclass may have an iterator of its own. */
export const hasIndexPass = (sampler: unknown): sampler is IndexSampler =>
  sampler instanceof IndexSampler && sampler[Symbol.iterator] === IndexSampler.prototype[Symbol.iterator];
