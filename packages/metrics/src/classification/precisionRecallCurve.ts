import type { Tensor } from '@lightning-ts/torch';
import { RecipeMetric, valueOf } from '../recipe.js';
import {
  binaryCurve,
  type MulticlassCurveOptions,
  type MultilabelCurveOptions,
  multiclassCurve,
  multilabelCurve,
  type TaskCurveOptions,
} from './curveOptions.js';
import type { Curve, CurveOptions } from './rankedScores.js';
import { taskFunction, taskMetric } from './taskMetric.js';

const binary = (options: CurveOptions = {}) => binaryCurve(options, (ranked) => ranked.precisionRecall());
const multiclass = (options: MulticlassCurveOptions) =>
  multiclassCurve('MulticlassPrecisionRecallCurve', options, (ranked) =>
    ranked.map((scores) => scores.precisionRecall()),
  );
const multilabel = (options: MultilabelCurveOptions) =>
  multilabelCurve('MultilabelPrecisionRecallCurve', options, (ranked) =>
    ranked.map((scores) => scores.precisionRecall()),
  );

/** The precision-recall curve: precision, recall and thresholds. Of two classes. */
export class BinaryPrecisionRecallCurve extends RecipeMetric<Curve> {
  constructor(options: CurveOptions = {}) {
    super(binary(options));
  }
}

/** The precision-recall curve: precision, recall and thresholds. Of many classes: one curve for each against the rest. */
export class MulticlassPrecisionRecallCurve extends RecipeMetric<Curve[]> {
  constructor(options: MulticlassCurveOptions) {
    super(multiclass(options));
  }
}

/** The precision-recall curve: precision, recall and thresholds. Of any number of labels: one curve for each. */
export class MultilabelPrecisionRecallCurve extends RecipeMetric<Curve[]> {
  constructor(options: MultilabelCurveOptions) {
    super(multilabel(options));
  }
}

/** The precision-recall curve: precision, recall and thresholds. Makes the metric for a task. */
export const PrecisionRecallCurve = taskMetric<
  BinaryPrecisionRecallCurve,
  MulticlassPrecisionRecallCurve,
  MultilabelPrecisionRecallCurve,
  TaskCurveOptions
>('PrecisionRecallCurve', {
  binary: BinaryPrecisionRecallCurve,
  multiclass: MulticlassPrecisionRecallCurve,
  multilabel: MultilabelPrecisionRecallCurve,
});
export type PrecisionRecallCurve =
  | BinaryPrecisionRecallCurve
  | MulticlassPrecisionRecallCurve
  | MultilabelPrecisionRecallCurve;

export const binaryPrecisionRecallCurve = (preds: Tensor, target: Tensor, options?: CurveOptions): Curve =>
  valueOf(binary(options), preds, target);
export const multiclassPrecisionRecallCurve = (
  preds: Tensor,
  target: Tensor,
  options: MulticlassCurveOptions,
): Curve[] => valueOf(multiclass(options), preds, target);
export const multilabelPrecisionRecallCurve = (
  preds: Tensor,
  target: Tensor,
  options: MultilabelCurveOptions,
): Curve[] => valueOf(multilabel(options), preds, target);
/** The curve, or one for each class or label, of one batch by task. */
export const precisionRecallCurve = taskFunction<Curve | Curve[], TaskCurveOptions>('precisionRecallCurve', {
  binary: binaryPrecisionRecallCurve,
  multiclass: multiclassPrecisionRecallCurve,
  multilabel: multilabelPrecisionRecallCurve,
});
