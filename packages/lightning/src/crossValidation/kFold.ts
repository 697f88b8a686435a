import { LightningError } from '../errors.js';
import { countSamples, type Fold, foldsOf, type Samples, Shuffle } from './fold.js';
import { type KFoldOptions, kFoldOptions, type ResolvedKFoldOptions } from './splitterOptions.js';

/**
 * Parts the samples into `nSplits` runs of about the same size, and holds each out once. With `shuffle` the samples of a fold
 * are a random choice. Sizes and unshuffled folds are scikit-learn's.
 *
 * ```ts
 * for (const { trainIndices, testIndices } of new KFold({ nSplits: 5 }).split(dataset)) …
 * ```
 */
export class KFold {
  private readonly options: ResolvedKFoldOptions;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN, OPTION_CONFLICT */
  constructor(options: KFoldOptions = {}) {
    this.options = kFoldOptions('KFold', options);
  }

  /** @throws LightningError FOLDS_INVALID for fewer samples than folds */
  split(samples: Samples): Fold[] {
    const { nSplits, seed, shuffle } = this.options;
    const count = countSamples('KFold', samples);
    if (nSplits > count) {
      throw new LightningError(
        'FOLDS_INVALID',
        `KFold: nSplits is ${nSplits}, but there are only ${count} samples. Use fewer folds.`,
      );
    }
    const order = shuffle ? new Shuffle(seed).order(count) : null;
    const foldOf = new Int32Array(count);
    let start = 0;
    for (let fold = 0; fold < nSplits; fold += 1) {
      // The first folds take what the division leaves over, one sample each.
      const end = start + Math.floor(count / nSplits) + (fold < count % nSplits ? 1 : 0);
      for (let place = start; place < end; place += 1) foldOf[order === null ? place : order[place]!] = fold;
      start = end;
    }
    return foldsOf(foldOf, nSplits);
  }
}
