import type { Tensor } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { RecipeMetric, valueOf } from '../recipe.js';
import { areaRecipes, areaUnderRoc, type MulticlassAreaOptions, type MultilabelAreaOptions } from './areaUnderCurve.js';
import { binaryCurve, type TaskCurveOptions } from './curveOptions.js';
import type { CurveOptions } from './rankedScores.js';
import { taskFunction, taskMetric } from './taskMetric.js';

export interface BinaryAUROCOptions extends CurveOptions {
  /** Take only the curve up to this false positive rate, in (0, 1]; default all of it. */
  readonly maxFpr?: number | null;
}

const { multiclass, multilabel } = areaRecipes('AUROC', (ranked) => areaUnderRoc(ranked, null));

const binary = (options: BinaryAUROCOptions = {}) => {
  const { maxFpr = null } = options;
  if (maxFpr !== null && !(maxFpr > 0 && maxFpr <= 1))
    throw new MetricError('OPTION_INVALID', `BinaryAUROC: maxFpr is ${String(maxFpr)}. Give a number above 0 up to 1.`);
  return binaryCurve(options, (ranked) => areaUnderRoc(ranked, maxFpr), true);
};

/** The area under the ROC curve: the chance that a positive is scored above a negative. Of two classes. */
export class BinaryAUROC extends RecipeMetric<Tensor> {
  constructor(options: BinaryAUROCOptions = {}) {
    super(binary(options));
  }
}

/** The area under the ROC curve: the chance that a positive is scored above a negative. Of many classes, each against the rest; `average` defaults to `macro`. */
export class MulticlassAUROC extends RecipeMetric<Tensor> {
  constructor(options: MulticlassAreaOptions) {
    super(multiclass(options));
  }
}

/** The area under the ROC curve: the chance that a positive is scored above a negative. Of any number of labels; `average` defaults to `macro`. */
export class MultilabelAUROC extends RecipeMetric<Tensor> {
  constructor(options: MultilabelAreaOptions) {
    super(multilabel(options));
  }
}

/** The area under the ROC curve: the chance that a positive is scored above a negative. Makes the metric for a task; `average` defaults to `macro`. */
export const AUROC = taskMetric<BinaryAUROC, MulticlassAUROC, MultilabelAUROC, TaskCurveOptions & BinaryAUROCOptions>(
  'AUROC',
  { binary: BinaryAUROC, multiclass: MulticlassAUROC, multilabel: MultilabelAUROC },
  'macro',
);
export type AUROC = BinaryAUROC | MulticlassAUROC | MultilabelAUROC;

export const binaryAuroc = (preds: Tensor, target: Tensor, options?: BinaryAUROCOptions): Tensor =>
  valueOf(binary(options), preds, target);
export const multiclassAuroc = (preds: Tensor, target: Tensor, options: MulticlassAreaOptions): Tensor =>
  valueOf(multiclass(options), preds, target);
export const multilabelAuroc = (preds: Tensor, target: Tensor, options: MultilabelAreaOptions): Tensor =>
  valueOf(multilabel(options), preds, target);
/** The value of one batch, by task; `average` defaults to `macro`. */
export const auroc = taskFunction<Tensor, TaskCurveOptions & BinaryAUROCOptions>(
  'auroc',
  { binary: binaryAuroc, multiclass: multiclassAuroc, multilabel: multilabelAuroc },
  'macro',
);
