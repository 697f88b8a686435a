import { LightningError } from '../errors.js';
import { countSamples, encodeLabels, type Fold, foldsOf, type SampleLabels, type Samples, Shuffle } from './fold.js';
import { type KFoldOptions, kFoldOptions, type ResolvedKFoldOptions } from './splitterOptions.js';
import { checkClassSizes } from './stratification.js';

/**
 * Folds that keep groups whole, and the share of each class in each fold as even as that allows. Groups are placed one by one,
 * the ones that mix classes least first, each where the shares stay most even, as in scikit-learn.
 */
export class StratifiedGroupKFold {
  private readonly options: ResolvedKFoldOptions;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN, OPTION_CONFLICT */
  constructor(options: KFoldOptions = {}) {
    this.options = kFoldOptions('StratifiedGroupKFold', options);
  }

  /**
   * @param by `labels`, `groups`: the class and the group of each sample
   * @throws LightningError FOLDS_INVALID for fewer groups than folds, or when every class has fewer samples than folds
   */
  split(samples: Samples, by: { readonly labels: SampleLabels; readonly groups: SampleLabels }): Fold[] {
    const owner = 'StratifiedGroupKFold';
    const { nSplits, seed, shuffle } = this.options;
    const count = countSamples(owner, samples);
    const labels = encodeLabels(owner, 'labels', by?.labels, count, 'sorted');
    const groups = encodeLabels(owner, 'groups', by?.groups, count, 'sorted');
    checkClassSizes(owner, labels.counts, nSplits);
    if (nSplits > groups.counts.length) {
      throw new LightningError(
        'FOLDS_INVALID',
        `${owner}: nSplits is ${nSplits}, but there are only ${groups.counts.length} groups. Use fewer folds.`,
      );
    }
    const classes = groups.counts.map(() => labels.counts.map(() => 0));
    for (const [sample, group] of groups.codes.entries()) classes[group]![labels.codes[sample]!]! += 1;
    const order = shuffle ? new Shuffle(seed).order(classes.length) : [...classes.keys()];
    // Sorting is stable: groups that are alike stay in their order.
    const spread = classes.map(standardDeviation);
    order.sort((a, b) => spread[b]! - spread[a]!);
    const inFold = Array.from({ length: nSplits }, () => labels.counts.map(() => 0));
    const foldOfGroup = new Int32Array(classes.length);
    for (const group of order) {
      const best = bestFold(inFold, labels.counts, classes[group]!);
      foldOfGroup[group] = best;
      add(inFold[best]!, classes[group]!, 1);
    }
    return foldsOf(
      groups.codes.map((group) => foldOfGroup[group]!),
      nSplits,
    );
  }
}

/** The fold where a group leaves the classes' shares most even; of equally good ones the one with the fewest samples. */
function bestFold(inFold: readonly number[][], classSizes: readonly number[], group: readonly number[]): number {
  let best = 0;
  let leastUneven = Number.POSITIVE_INFINITY;
  let fewest = Number.POSITIVE_INFINITY;
  for (const [fold, counts] of inFold.entries()) {
    add(counts, group, 1);
    const uneven = mean(classSizes.map((size, code) => standardDeviation(inFold.map((of) => of[code]! / size))));
    add(counts, group, -1);
    const samples = counts.reduce((sum, n) => sum + n, 0);
    if (uneven < leastUneven || (isClose(uneven, leastUneven) && samples < fewest)) {
      best = fold;
      leastUneven = uneven;
      fewest = samples;
    }
  }
  return best;
}

function add(counts: number[], group: readonly number[], sign: 1 | -1): void {
  for (const [code, n] of group.entries()) counts[code]! += sign * n;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of the whole, not of a sample. */
function standardDeviation(values: readonly number[]): number {
  const center = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - center) ** 2)));
}

/** As numpy's `isclose`. */
function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-8 + 1e-5 * Math.abs(b);
}
