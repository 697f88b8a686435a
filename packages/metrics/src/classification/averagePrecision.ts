import type { Tensor } from '@lightning-ts/torch';

import { RecipeMetric, valueOf } from '../recipe.js';
import { averageAreas, averagePrecisionOf } from './areaUnderCurve.js';
import {
  binaryCurve,
  checkCurveAverage,
  type MulticlassCurveOptions,
  type MultilabelCurveOptions,
  multiclassCurve,
  multilabelCurve,
  type TaskCurveOptions,
} from './curveOptions.js';
import type { Average } from './options.js';
import type { CurveOptions, RankedScores } from './rankedScores.js';
import { taskFunction, taskMetric } from './taskMetric.js';

export interface MulticlassAveragePrecisionOptions extends MulticlassCurveOptions {
  /** `macro` (default), `weighted` by how often each class is the target, or `none`. */
  readonly average?: Exclude<Average, 'micro'>;
}
export interface MultilabelAveragePrecisionOptions extends MultilabelCurveOptions {
  /** Default `macro`. */
  readonly average?: Average;
}

const areaOf = (ranked: RankedScores): Tensor => averagePrecisionOf(ranked);

const binary = (options: CurveOptions = {}) => binaryCurve(options, averagePrecisionOf, true);

const multiclass = (options: MulticlassAveragePrecisionOptions) => {
  const { average = 'macro' } = options;
  checkCurveAverage('MulticlassAveragePrecision', average, ['macro', 'weighted', 'none']);
  const value = (ranked: RankedScores[]) =>
    averageAreas('MulticlassAveragePrecision', ranked, ranked.map(areaOf), average);
  return multiclassCurve('MulticlassAveragePrecision', options, value, true);
};

const multilabel = (options: MultilabelAveragePrecisionOptions) => {
  const { average = 'macro' } = options;
  checkCurveAverage('MultilabelAveragePrecision', average, ['micro', 'macro', 'weighted', 'none']);
  const isPooled = average === 'micro';
  const value = (ranked: RankedScores[]) =>
    isPooled ? areaOf(ranked[0]!) : averageAreas('MultilabelAveragePrecision', ranked, ranked.map(areaOf), average);
  return multilabelCurve('MultilabelAveragePrecision', options, value, true, isPooled);
};

/** The mean of precision weighted by the steps of recall: the area under the precision-recall curve. Of two classes. */
export class BinaryAveragePrecision extends RecipeMetric<Tensor> {
  constructor(options: CurveOptions = {}) {
    super(binary(options));
  }
}

/** The mean of precision weighted by the steps of recall: the area under the precision-recall curve. Of many classes, each against the rest; `average` defaults to `macro`. */
export class MulticlassAveragePrecision extends RecipeMetric<Tensor> {
  constructor(options: MulticlassAveragePrecisionOptions) {
    super(multiclass(options));
  }
}

/** The mean of precision weighted by the steps of recall: the area under the precision-recall curve. Of any number of labels; `average` defaults to `macro`. */
export class MultilabelAveragePrecision extends RecipeMetric<Tensor> {
  constructor(options: MultilabelAveragePrecisionOptions) {
    super(multilabel(options));
  }
}

/** The mean of precision weighted by the steps of recall: the area under the precision-recall curve. Makes the metric for a task; `average` defaults to `macro`. */
export const AveragePrecision = taskMetric<
  BinaryAveragePrecision,
  MulticlassAveragePrecision,
  MultilabelAveragePrecision,
  TaskCurveOptions
>(
  'AveragePrecision',
  { binary: BinaryAveragePrecision, multiclass: MulticlassAveragePrecision, multilabel: MultilabelAveragePrecision },
  'macro',
);
export type AveragePrecision = BinaryAveragePrecision | MulticlassAveragePrecision | MultilabelAveragePrecision;

export const binaryAveragePrecision = (preds: Tensor, target: Tensor, options?: CurveOptions): Tensor =>
  valueOf(binary(options), preds, target);
export const multiclassAveragePrecision = (
  preds: Tensor,
  target: Tensor,
  options: MulticlassAveragePrecisionOptions,
): Tensor => valueOf(multiclass(options), preds, target);
export const multilabelAveragePrecision = (
  preds: Tensor,
  target: Tensor,
  options: MultilabelAveragePrecisionOptions,
): Tensor => valueOf(multilabel(options), preds, target);
/** The value of one batch, by task; `average` defaults to `macro`. */
export const averagePrecision = taskFunction<Tensor, TaskCurveOptions>(
  'averagePrecision',
  { binary: binaryAveragePrecision, multiclass: multiclassAveragePrecision, multilabel: multilabelAveragePrecision },
  'macro',
);
