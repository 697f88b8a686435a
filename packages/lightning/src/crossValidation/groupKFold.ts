import { LightningError } from '../errors.js';
import { OptionReader } from '../optionReader.js';
import { countSamples, encodeLabels, type Fold, foldsOf, type SampleLabels, type Samples } from './fold.js';

export interface GroupKFoldOptions {
  /** Folds, from 2 up. Default 5. */
  readonly nSplits?: number;
}

/**
 * Folds that keep groups whole: no group (a patient, a speaker, a document) is trained on and held out at once. The largest
 * group goes first, each to the fold that has the fewest samples by then, as in scikit-learn.
 */
export class GroupKFold {
  private readonly nSplits: number;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN */
  constructor(options: GroupKFoldOptions = {}) {
    const reader = new OptionReader<GroupKFoldOptions>('GroupKFold', options);
    this.nSplits = reader.integer('nSplits', 5, 2);
    reader.done();
  }

  /**
   * @param by `groups`: the group of each sample
   * @throws LightningError FOLDS_INVALID for fewer groups than folds
   */
  split(samples: Samples, by: { readonly groups: SampleLabels }): Fold[] {
    const { nSplits } = this;
    const count = countSamples('GroupKFold', samples);
    const { codes, counts } = encodeLabels('GroupKFold', 'groups', by?.groups, count, 'sorted');
    if (nSplits > counts.length) {
      throw new LightningError(
        'FOLDS_INVALID',
        `GroupKFold: nSplits is ${nSplits}, but there are only ${counts.length} groups. Use fewer folds.`,
      );
    }
    const sizes = new Array<number>(nSplits).fill(0);
    const foldOfGroup = new Int32Array(counts.length);
    // Of groups of one size the last comes first.
    const largestFirst = counts
      .map((size, group) => ({ size, group }))
      .sort((a, b) => b.size - a.size || b.group - a.group);
    for (const { group, size } of largestFirst) {
      const lightest = sizes.indexOf(Math.min(...sizes));
      sizes[lightest]! += size;
      foldOfGroup[group] = lightest;
    }
    return foldsOf(
      codes.map((group) => foldOfGroup[group]!),
      nSplits,
    );
  }
}
