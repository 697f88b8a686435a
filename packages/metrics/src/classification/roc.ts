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

const binary = (options: CurveOptions = {}) => binaryCurve(options, (ranked) => ranked.roc());
const multiclass = (options: MulticlassCurveOptions) =>
  multiclassCurve('MulticlassROC', options, (ranked) => ranked.map((scores) => scores.roc()));
const multilabel = (options: MultilabelCurveOptions) =>
  multilabelCurve('MultilabelROC', options, (ranked) => ranked.map((scores) => scores.roc()));

/** The ROC curve: false positive rate, true positive rate and thresholds. Of two classes. */
export class BinaryROC extends RecipeMetric<Curve> {
  constructor(options: CurveOptions = {}) {
    super(binary(options));
  }
}

/** The ROC curve: false positive rate, true positive rate and thresholds. Of many classes: one curve for each against the rest. */
export class MulticlassROC extends RecipeMetric<Curve[]> {
  constructor(options: MulticlassCurveOptions) {
    super(multiclass(options));
  }
}

/** The ROC curve: false positive rate, true positive rate and thresholds. Of any number of labels: one curve for each. */
export class MultilabelROC extends RecipeMetric<Curve[]> {
  constructor(options: MultilabelCurveOptions) {
    super(multilabel(options));
  }
}

/** The ROC curve: false positive rate, true positive rate and thresholds. Makes the metric for a task. */
export const ROC = taskMetric<BinaryROC, MulticlassROC, MultilabelROC, TaskCurveOptions>('ROC', {
  binary: BinaryROC,
  multiclass: MulticlassROC,
  multilabel: MultilabelROC,
});
export type ROC = BinaryROC | MulticlassROC | MultilabelROC;

export const binaryRoc = (preds: Tensor, target: Tensor, options?: CurveOptions): Curve =>
  valueOf(binary(options), preds, target);
export const multiclassRoc = (preds: Tensor, target: Tensor, options: MulticlassCurveOptions): Curve[] =>
  valueOf(multiclass(options), preds, target);
export const multilabelRoc = (preds: Tensor, target: Tensor, options: MultilabelCurveOptions): Curve[] =>
  valueOf(multilabel(options), preds, target);
/** The curve, or one for each class or label, of one batch by task. */
export const roc = taskFunction<Curve | Curve[], TaskCurveOptions>('roc', {
  binary: binaryRoc,
  multiclass: multiclassRoc,
  multilabel: multilabelRoc,
});
