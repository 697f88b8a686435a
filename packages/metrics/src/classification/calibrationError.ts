import { bucketize, linspace, stack, type Tensor, zeros } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { type CommonOptions, checkCount, type TaskOptions } from './options.js';
import { binaryColumns, multiclassScores } from './rankedScores.js';
import { taskFunction, taskMetric } from './taskMetric.js';

interface Bins extends CommonOptions {
  /** Even steps of [0, 1]; default 15. */
  readonly nBins?: number;
  /** `l1` (default): the expected error; `max`: the largest; `l2`: the root of the mean square. */
  readonly norm?: 'l1' | 'l2' | 'max';
}
interface MulticlassBins extends Bins {
  readonly numClasses: number;
}

type ReadAnswers = (preds: Tensor, target: Tensor) => { confidences: Tensor; right: Tensor };

/** Keeps counts, confidences and right answers by bin: [3, nBins + 1], the last bin for a confidence of exactly 1. */
function calibration(owner: string, key: string, { nBins = 15, norm = 'l1' }: Bins, read: ReadAnswers): Recipe<Tensor> {
  checkCount('nBins', nBins, 1, owner);
  if (!['l1', 'l2', 'max'].includes(norm))
    throw new MetricError('OPTION_INVALID', `${owner}: norm is '${norm}'. Use 'l1', 'l2' or 'max'.`);
  const edges = linspace(0, 1, nBins + 1);
  return {
    key: `calibration:${key}:${nBins}`,
    higherIsBetter: false,
    states: [{ name: 'sums', zero: () => zeros([3, nBins + 1], { dtype: 'float64' }) }],
    count(preds, target) {
      const { confidences, right } = read(preds, target);
      const bins = bucketize(confidences.float(), edges, { right: true }).sub(1);
      const summed = (values: Tensor | null) => bins.bincount(values, nBins + 1).double();
      return [stack([summed(null), summed(confidences.double()), summed(right.double())])];
    },
    value([sums]) {
      const [counts, confidences, right] = sums!.unbind();
      const gaps = right!.sub(confidences!).div(counts!).nanToNum(0).abs();
      if (norm === 'max') return gaps.max().float();
      const shares = counts!.div(counts!.sum());
      return norm === 'l1' ? gaps.mul(shares).sum().float() : gaps.square().mul(shares).sum().sqrt().float();
    },
  };
}

const binary = (options: Bins = {}) =>
  calibration('BinaryCalibrationError', `binary:${options.ignoreIndex ?? null}`, options, (preds, target) => {
    const columns = binaryColumns(preds, target, options);
    return { confidences: columns.preds.flatten(), right: columns.target.flatten() };
  });
const multiclass = (options: MulticlassBins) => {
  const { numClasses, ignoreIndex = null } = options;
  checkCount('numClasses', numClasses, 2, 'MulticlassCalibrationError');
  const key = `multiclass:${numClasses}:${ignoreIndex}`;
  return calibration('MulticlassCalibrationError', key, options, (preds, target) => {
    const { labels, scores } = multiclassScores(preds, target, numClasses, options);
    const { values, indices } = scores.max(1);
    return { confidences: values, right: indices.eq(labels) };
  });
};

/** How far confidences are from the share of right answers (Naeini et al. 2015). Of two classes. */
export class BinaryCalibrationError extends RecipeMetric<Tensor> {
  constructor(options: Bins = {}) {
    super(binary(options));
  }
}

/** How far confidences are from the share of right answers (Naeini et al. 2015). Of many classes. */
export class MulticlassCalibrationError extends RecipeMetric<Tensor> {
  constructor(options: MulticlassBins) {
    super(multiclass(options));
  }
}

/** How far confidences are from the share of right answers (Naeini et al. 2015). Makes the metric for a task. */
export const CalibrationError = taskMetric<
  BinaryCalibrationError,
  MulticlassCalibrationError,
  never,
  TaskOptions & Bins
>('CalibrationError', { binary: BinaryCalibrationError, multiclass: MulticlassCalibrationError });
export type CalibrationError = BinaryCalibrationError | MulticlassCalibrationError;

export const binaryCalibrationError = (preds: Tensor, target: Tensor, options?: Bins): Tensor =>
  valueOf(binary(options), preds, target);
export const multiclassCalibrationError = (preds: Tensor, target: Tensor, options: MulticlassBins): Tensor =>
  valueOf(multiclass(options), preds, target);
/** The value of one batch, by task. */
export const calibrationError = taskFunction<Tensor, TaskOptions & Bins>('calibrationError', {
  binary: binaryCalibrationError,
  multiclass: multiclassCalibrationError,
});
