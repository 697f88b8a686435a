import { countSamples, encodeLabels, type Fold, foldsOf, type SampleLabels, type Samples, Shuffle } from './fold.js';
import { type KFoldOptions, kFoldOptions, type ResolvedKFoldOptions } from './splitterOptions.js';
import { checkClassSizes } from './stratification.js';

/**
 * Folds in which every class has the same share as in the whole, as nearly as whole samples allow. Sizes and unshuffled folds
 * are scikit-learn's.
 */
export class StratifiedKFold {
  private readonly options: ResolvedKFoldOptions;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN, OPTION_CONFLICT */
  constructor(options: KFoldOptions = {}) {
    this.options = kFoldOptions('StratifiedKFold', options);
  }

  /**
   * @param by `labels`: the class of each sample
   * @throws LightningError FOLDS_INVALID when every class has fewer samples than there are folds
   */
  split(samples: Samples, by: { readonly labels: SampleLabels }): Fold[] {
    const { nSplits, seed, shuffle } = this.options;
    const count = countSamples('StratifiedKFold', samples);
    const { codes, counts } = encodeLabels('StratifiedKFold', 'labels', by?.labels, count, 'seen');
    checkClassSizes('StratifiedKFold', counts, nSplits);
    // The samples sorted by class, dealt out one by one: so many of each class go to each fold.
    const dealt = counts.map(() => new Array<number>(nSplits).fill(0));
    let position = 0;
    for (const [code, size] of counts.entries())
      for (let i = 0; i < size; i += 1, position += 1) dealt[code]![position % nSplits]! += 1;
    const random = shuffle ? new Shuffle(seed) : null;
    const places = dealt.map((sizes) => {
      const folds = sizes.flatMap((size, fold) => new Array<number>(size).fill(fold));
      return random === null ? folds : random.of(folds);
    });
    const next = counts.map(() => 0);
    const foldOf = codes.map((code) => {
      const place = next[code]!;
      next[code] = place + 1;
      return places[code]![place]!;
    });
    return foldsOf(foldOf, nSplits);
  }
}
