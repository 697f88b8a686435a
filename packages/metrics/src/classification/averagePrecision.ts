import type { Tensor } from '@lightning-ts/torch';
import { RecipeMetric, valueOf } from '../recipe.js';
import {
  areaRecipes,
  averagePrecisionOf,
  type MulticlassAreaOptions,
  type MultilabelAreaOptions,
} from './areaUnderCurve.js';
import { binaryCurve, type TaskCurveOptions } from './curveOptions.js';
import type { CurveOptions } from './rankedScores.js';
import { taskFunction, taskMetric } from './taskMetric.js';

const { multiclass, multilabel } = areaRecipes('AveragePrecision', averagePrecisionOf);
const binary = (options: CurveOptions = {}) => binaryCurve(options, averagePrecisionOf, true);

/** The mean of precision weighted by the steps of recall: the area under the precision-recall curve. Of two classes. */
export class BinaryAveragePrecision extends RecipeMetric<Tensor> {
  constructor(options: CurveOptions = {}) {
    super(binary(options));
  }
}

/** The mean of precision weighted by the steps of recall: the area under the precision-recall curve. Of many classes, each against the rest; `average` defaults to `macro`. */
export class MulticlassAveragePrecision extends RecipeMetric<Tensor> {
  constructor(options: MulticlassAreaOptions) {
    super(multiclass(options));
  }
}

/** The mean of precision weighted by the steps of recall: the area under the precision-recall curve. Of any number of labels; `average` defaults to `macro`. */
export class MultilabelAveragePrecision extends RecipeMetric<Tensor> {
  constructor(options: MultilabelAreaOptions) {
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
export const multiclassAveragePrecision = (preds: Tensor, target: Tensor, options: MulticlassAreaOptions): Tensor =>
  valueOf(multiclass(options), preds, target);
export const multilabelAveragePrecision = (preds: Tensor, target: Tensor, options: MultilabelAreaOptions): Tensor =>
  valueOf(multilabel(options), preds, target);
/** The value of one batch, by task; `average` defaults to `macro`. */
export const averagePrecision = taskFunction<Tensor, TaskCurveOptions>(
  'averagePrecision',
  { binary: binaryAveragePrecision, multiclass: multiclassAveragePrecision, multilabel: multilabelAveragePrecision },
  'macro',
);
