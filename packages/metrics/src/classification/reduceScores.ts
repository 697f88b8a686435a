import type { Tensor } from '@lightning-ts/torch';
import type { Task } from './options.js';
import { type StatCounter, StatScores } from './statScores.js';

/** A formula over the scores: of their sums (`micro`, binary), or of each class. */
export type ScoreFormula = (scores: StatScores, task: Task) => Tensor;

/**
 * One value from the scores of all classes, float32.
 *
 * - `micro`: the formula over the sums of the scores
 * - `macro`: the mean over the classes that occur, as target or as prediction (with `topK` only as target); multilabel
 *   takes all labels
 * - `weighted`: the mean over classes, weighted by how often each is the target
 * - `none`: one value for each class
 */
export function reduceScores(scores: StatScores, counted: CountedAs, formula: ScoreFormula): Tensor {
  const value = reduced(scores, counted, formula);
  return value.dtype === 'float64' ? value.float() : value;
}

type CountedAs = Pick<StatCounter, 'task' | 'average' | 'topK'>;

function reduced(scores: StatScores, { task, average, topK = 1 }: CountedAs, formula: ScoreFormula): Tensor {
  if (task === 'binary') return formula(scores, task);
  if (average === 'micro') return formula(summed(scores), task);
  const values = formula(scores, task);
  if (average === 'none') return values;
  // Classes are the last dimension; before it there are samples where each has a value of its own.
  if (average === 'macro' && task === 'multilabel') return values.mean(-1);
  const seen = topK === 1 ? scores.support.add(scores.predicted) : scores.support;
  const weights = average === 'weighted' ? scores.support : seen.ne(0);
  return ratio(values.mul(weights).sum(-1), weights.sum(-1));
}

function summed(scores: StatScores): StatScores {
  if (scores.tp.dim() === 0) return scores;
  return new StatScores({
    tp: () => scores.tp.sum(-1),
    support: () => scores.support.sum(-1),
    predicted: () => scores.predicted.sum(-1),
    total: () => scores.total.expandAs(scores.tp).sum(-1),
  });
}

/** A part of a whole, and 0 of nothing: the part is 0 wherever the whole is. */
function ratio(part: Tensor, whole: Tensor): Tensor {
  return part.div(whole).nanToNum(0);
}

/** The share of predictions that are right; in multiclass, of each class's targets that were found. */
export const accuracyFormula: ScoreFormula = (scores, task) =>
  task === 'multiclass' ? ratio(scores.tp, scores.support) : ratio(scores.tp.add(scores.tn), scores.total);

/** The share of predictions that are wrong. */
export const hammingFormula: ScoreFormula = (scores, task) => accuracyFormula(scores, task).rsub(1);

/** The share of positive predictions that are right. */
export const precisionFormula: ScoreFormula = ({ tp, predicted }) => ratio(tp, predicted);

/** The share of positives that were found. */
export const recallFormula: ScoreFormula = ({ tp, support }) => ratio(tp, support);

/** The share of negatives that were left alone. */
export const specificityFormula: ScoreFormula = ({ tn, total, support }) => ratio(tn, total.sub(support));

/** The weighted harmonic mean of precision and recall; recall counts `beta` times as much. */
export function fBetaFormula(beta: number): ScoreFormula {
  const square = beta * beta;
  return ({ tp, support, predicted }) => ratio(tp.mul(1 + square), support.mul(square).add(predicted));
}
