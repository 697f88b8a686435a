import { arange, cat, linspace, ones, searchsorted, Tensor, tensor, where, zeros } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import type { Recipe, RecipeState } from '../recipe.js';
import { countLabels } from './inputs.js';
import { type CommonOptions, checkCount } from './options.js';
import { rankedCounts, readCounts, rocAreaOf } from './rankedCounts.js';
import { readScores } from './smallBatch.js';

/** Where a curve is evaluated: at every score that occurs (null, exact), at so many even steps of [0, 1], or at these. */
export type Thresholds = null | number | readonly number[] | Tensor;

export interface CurveOptions extends CommonOptions {
  /** Null (default) keeps every score; thresholds keep counts only, in constant memory. */
  readonly thresholds?: Thresholds;
}

/** Points of a curve and the thresholds they belong to, each [points]. */
export type Curve = [x: Tensor, y: Tensor, thresholds: Tensor];

/** The scores of one class, ranked: what its curves are read from. */
export interface RankedScores {
  /** False and true positive rates from (0, 0) on, thresholds falling. */
  roc(): Curve;
  /** Precision and recall, thresholds rising; the last point is (1, 0) and has none. */
  precisionRecall(): Curve;
  /** How many positives there are, 0-d. */
  positives(): Tensor;
  /** The area under the whole of `roc`, 0-d, where that is quicker told than its points; null elsewhere. */
  rocArea(): Tensor | null;
}

/** a / b, and 0 where b is 0. */
export const safeDivide = (a: Tensor, b: Tensor): Tensor => {
  const whole = b.isFloatingPoint() ? b : b.float();
  return (a.isFloatingPoint() ? a : a.float()).div(where(whole.eq(0), whole.add(1), whole));
};

/** Every score kept. @param preds [N] @param target bool [N] @throws MetricError NO_DATA for no score at all */
function exactScores(preds: Tensor, target: Tensor): RankedScores {
  if (preds.numel() === 0) {
    throw new MetricError(
      'NO_DATA',
      'A curve needs a score at least, and none was left. Call compute after batches with samples that are not ignored.',
    );
  }
  return {
    roc() {
      const { tps, fps, scores } = rankedCounts(preds, target);
      const fromOrigin = (counts: Tensor) => {
        const all = cat([zeros([1], { dtype: counts.dtype }), counts]).float();
        const total = all.narrow(0, all.size(0) - 1, 1);
        return safeDivide(all, total);
      };
      return [fromOrigin(fps), fromOrigin(tps), cat([ones([1], { dtype: scores.dtype }), scores])];
    },
    precisionRecall() {
      const { tps, fps, scores } = rankedCounts(preds, target);
      const precision = tps.div(tps.add(fps));
      const recall = tps.div(tps.narrow(0, tps.size(0) - 1, 1));
      return [
        cat([precision.flip([0]), ones([1], { dtype: precision.dtype })]),
        cat([recall.flip([0]), zeros([1], { dtype: recall.dtype })]),
        scores.flip([0]),
      ];
    },
    positives: () => target.sum(),
    rocArea() {
      const read = readCounts(preds, target);
      return read === null ? null : tensor(rocAreaOf(read), { dtype: 'float32' });
    },
  };
}

/** Counts in the gaps between thresholds. @param histogram [2, T + 1] negatives and positives by gap @param thresholds [T] */
function binnedScores(histogram: Tensor, thresholds: Tensor): RankedScores {
  const size = thresholds.size(0);
  const above = () => {
    const below = histogram.cumsum(1).narrow(1, 0, size);
    return histogram.sum(1, true).sub(below); // [2, T] at or above each threshold
  };
  return {
    roc() {
      const rates = safeDivide(above(), histogram.sum(1, true)).flip([1]);
      return [rates.select(0, 0), rates.select(0, 1), thresholds.flip([0])];
    },
    precisionRecall() {
      const counts = above();
      const tps = counts.select(0, 1);
      const precision = safeDivide(tps, counts.sum(0));
      const recall = safeDivide(tps, histogram.select(0, 1).sum());
      return [cat([precision, ones([1])]), cat([recall, zeros([1])]), thresholds];
    },
    positives: () => histogram.select(0, 1).sum(),
    rocArea: () => null,
  };
}

/** Scores and targets of a batch, a column for each class: [N, columns], targets bool; those to leave out marked. */
export interface ScoreColumns {
  readonly preds: Tensor;
  readonly target: Tensor;
  readonly kept: Tensor | null;
}

/**
 * The recipe of a metric that is read from ranked scores.
 *
 * @param columns how many classes are told apart; 1 for binary
 * @param read the scores of a batch by column
 * @param value the metric's value from the ranked scores of each column
 * @param readLabels scores and labels of a batch where every column is a class against the rest: less to keep of each batch
 */
export function rankedRecipe<Value>(
  key: string,
  columns: number,
  options: CurveOptions,
  read: (preds: Tensor, target: Tensor) => ScoreColumns,
  value: (ranked: RankedScores[]) => Value,
  higherIsBetter: boolean | null,
  readLabels?: (preds: Tensor, target: Tensor) => { labels: Tensor; scores: Tensor },
): Recipe<Value> {
  const { thresholds = null } = options;
  if (thresholds === null && readLabels !== undefined) {
    return {
      key: `${key}:exact`,
      higherIsBetter,
      states: exactStates,
      count(preds, target) {
        const { scores, labels } = readLabels(preds, target);
        return [scores, labels];
      },
      value([preds, labels]) {
        const byClass = preds!.t().contiguous();
        return value(
          Array.from({ length: columns }, (_, column) => exactScores(byClass.select(0, column), labels!.eq(column))),
        );
      },
    };
  }
  if (thresholds === null) {
    return {
      key: `${key}:exact`,
      higherIsBetter,
      states: exactStates,
      count(preds, target) {
        const { preds: scores, target: positive, kept } = read(preds, target);
        // 1 and 0, and 2 for what is left out.
        const marks = positive.to('uint8');
        return [scores, kept === null ? marks : where(kept, marks, marks.mul(0).add(2))];
      },
      value([preds, marks]) {
        const ranked = Array.from({ length: columns }, (_, column) => {
          const mark = marks!.select(1, column);
          const scores = preds!.select(1, column);
          const kept = mark.ne(2);
          return kept.all().item()
            ? exactScores(scores, mark.eq(1))
            : exactScores(scores.maskedSelect(kept), mark.maskedSelect(kept).eq(1));
        });
        return value(ranked);
      },
    };
  }
  const given = checkedThresholds(thresholds as number | readonly number[] | Tensor);
  const { values: sorted } = given.sort(0);
  const gaps = given.size(0) + 1;
  return {
    key: `${key}:${JSON.stringify(given.tolist())}`,
    higherIsBetter,
    states: [{ name: 'histogram', zero: () => zeros([columns, 2, gaps], { dtype: 'int64' }) }],
    count(preds, target) {
      const { preds: scores, target: positive, kept } = read(preds, target);
      // NaN is below every threshold.
      const gap = searchsorted(sorted.to(scores.dtype), scores.nanToNum(-1).contiguous(), { right: true });
      const first = arange(0, 2 * gaps * columns, 2 * gaps, { device: scores.device });
      const cells = positive.long().mul(gaps).add(gap).add(first);
      const counted = kept === null ? cells.flatten() : cells.maskedSelect(kept);
      return [counted.bincount(null, 2 * gaps * columns).view([columns, 2, gaps])];
    },
    value([histogram]) {
      return value(Array.from({ length: columns }, (_, column) => binnedScores(histogram!.select(0, column), sorted)));
    },
  };
}

const exactStates: readonly RecipeState[] = [
  { name: 'preds', zero: null },
  { name: 'target', zero: null },
];

function checkedThresholds(thresholds: number | readonly number[] | Tensor): Tensor {
  if (typeof thresholds === 'number') {
    checkCount('thresholds', thresholds, 2, 'thresholds');
    return linspace(0, 1, thresholds);
  }
  const values = thresholds instanceof Tensor ? thresholds : tensor([...thresholds], { dtype: 'float32' });
  if (values.dim() !== 1 || values.size(0) === 0 || values.lt(0).logicalOr(values.gt(1)).any().item()) {
    throw new MetricError(
      'OPTION_INVALID',
      `thresholds are ${values.dim() === 1 ? `[${values.tolist()}]` : `a tensor [${values.shape}]`}. Give a number of steps, or one or more numbers from 0 to 1.`,
    );
  }
  return values.float();
}

/** Probabilities as they are; scores outside [0, 1] are logits and go through `squash`. */
export function probabilities(scores: Tensor, squash: (scores: Tensor) => Tensor): Tensor {
  if (scores.numel() === 0) return scores;
  const { min, max } = scores.aminmax();
  // NaN is not inside either.
  const areLogits = !(min.item() >= 0 && max.item() <= 1);
  min.dispose();
  max.dispose();
  return areLogits ? squash(scores) : scores;
}

/** Columns of a binary batch: one. @param preds [N, ...] @param target [N, ...] */
export function binaryColumns(preds: Tensor, target: Tensor, options: CommonOptions): ScoreColumns {
  const { ignoreIndex = null, validateArgs = true } = options;
  checkScores(preds, target);
  if (String(preds.shape) !== String(target.shape)) throw mismatch(preds, target, 'Both need the same shape.');
  const kept = ignoreIndex === null ? null : target.ne(ignoreIndex).flatten();
  const scores = kept === null ? preds.flatten() : preds.flatten().maskedSelect(kept);
  const labels = kept === null ? target.flatten() : target.flatten().maskedSelect(kept);
  if (validateArgs) countLabels(labels.long(), 2, 'target');
  const column = probabilities(scores, (logits) => logits.sigmoid()).unsqueeze(1);
  return { preds: column, target: labels.eq(1).unsqueeze(1), kept: null };
}

/** Columns of a multiclass batch, one against the rest. @param preds [N, classes, ...] @param target [N, ...] */
export function multiclassColumns(
  preds: Tensor,
  target: Tensor,
  numClasses: number,
  options: CommonOptions,
): ScoreColumns {
  const { labels, scores } = multiclassScores(preds, target, numClasses, options);
  const classes = arange(numClasses, { device: target.device });
  return { preds: scores, target: labels.unsqueeze(1).eq(classes), kept: null };
}

/** Labels [N'] and probabilities [N', classes] of a multiclass batch, without what is ignored. */
export function multiclassScores(
  preds: Tensor,
  target: Tensor,
  numClasses: number,
  { ignoreIndex = null, validateArgs = true }: CommonOptions,
): { labels: Tensor; scores: Tensor } {
  if (ignoreIndex === null) {
    const small = readScores(preds, target, numClasses);
    if (small !== null && (small.areLabelsRight || !validateArgs))
      return { labels: target, scores: small.areProbabilities ? preds : preds.softmax(1) };
  }
  checkScores(preds, target);
  const { shape } = preds;
  const [, classes] = shape;
  const { shape: wanted } = target;
  if (shape.length !== wanted.length + 1 || wanted.some((size, dim) => size !== shape[dim === 0 ? 0 : dim + 1]))
    throw mismatch(preds, target, 'Scores need one dimension more than the target: [N, classes, ...] and [N, ...].');
  if (classes !== numClasses)
    throw mismatch(preds, target, `numClasses is ${numClasses}, so preds need that size in dimension 1.`);
  const isPlain = target.dim() === 1;
  const rows = isPlain ? preds : preds.transpose(0, 1).reshape([numClasses, -1]).t();
  const labelled = target.dtype === 'int64' ? target : target.long();
  const flat = isPlain ? labelled : labelled.flatten();
  const kept = ignoreIndex === null ? null : flat.ne(ignoreIndex).nonzero().flatten();
  const labels = kept === null ? flat : flat.indexSelect(0, kept);
  if (validateArgs) countLabels(labels, numClasses, 'target').dispose();
  const scores = kept === null ? rows : rows.indexSelect(0, kept);
  return { labels, scores: probabilities(scores, (logits) => logits.softmax(1)) };
}

/** Columns of a multilabel batch. @param preds [N, labels, ...] @param target [N, labels, ...] */
export function multilabelColumns(
  preds: Tensor,
  target: Tensor,
  numLabels: number,
  { ignoreIndex = null, validateArgs = true }: CommonOptions,
): ScoreColumns {
  checkScores(preds, target);
  if (String(preds.shape) !== String(target.shape)) throw mismatch(preds, target, 'Both need the same shape.');
  if (preds.dim() < 2 || preds.size(1) !== numLabels)
    throw mismatch(preds, target, `numLabels is ${numLabels}, so both need that size in dimension 1.`);
  const rows = (values: Tensor) => values.transpose(0, 1).reshape([numLabels, -1]).t();
  const labels = rows(target).long();
  const kept = ignoreIndex === null ? null : labels.ne(ignoreIndex);
  if (validateArgs) countLabels(kept === null ? labels.flatten() : labels.maskedSelect(kept), 2, 'target');
  return { preds: probabilities(rows(preds), (logits) => logits.sigmoid()), target: labels.eq(1), kept };
}

/** All columns as one, for `average: 'micro'`. */
export function pooled({ preds, target, kept }: ScoreColumns): ScoreColumns {
  const column = (values: Tensor) => values.flatten().unsqueeze(1);
  return { preds: column(preds), target: column(target), kept: kept === null ? null : column(kept) };
}

function checkScores(preds: Tensor, target: Tensor): void {
  if (!preds.isFloatingPoint())
    throw new MetricError(
      'DTYPE_INVALID',
      `preds is ${preds.dtype}, but a curve needs scores. Give probabilities or logits.`,
    );
  if (target.isFloatingPoint())
    throw new MetricError(
      'DTYPE_INVALID',
      `target is ${target.dtype}, but labels are whole numbers. Use target.long().`,
    );
}

function mismatch(preds: Tensor, target: Tensor, cure: string): MetricError {
  return new MetricError(
    'SHAPE_MISMATCH',
    `preds [${preds.shape}] and target [${target.shape}] do not belong together. ${cure}`,
  );
}
