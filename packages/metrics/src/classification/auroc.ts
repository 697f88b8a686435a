import type { Tensor } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { RecipeMetric, valueOf } from '../recipe.js';
import { areaUnderRoc, averageAreas } from './areaUnderCurve.js';
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

export interface BinaryAUROCOptions extends CurveOptions {
  /** Take only the curve up to this false positive rate, in (0, 1]; default all of it. */
  readonly maxFpr?: number | null;
}

export interface MulticlassAUROCOptions extends MulticlassCurveOptions {
  /** `macro` (default), `weighted` by how often each class is the target, or `none`. */
  readonly average?: Exclude<Average, 'micro'>;
}
export interface MultilabelAUROCOptions extends MultilabelCurveOptions {
  /** Default `macro`. */
  readonly average?: Average;
}

const areaOf = (ranked: RankedScores): Tensor => areaUnderRoc(ranked, null);

const binary = (options: BinaryAUROCOptions = {}) => {
  const { maxFpr = null } = options;
  if (maxFpr !== null && !(maxFpr > 0 && maxFpr <= 1))
    throw new MetricError('OPTION_INVALID', `BinaryAUROC: maxFpr is ${String(maxFpr)}. Give a number above 0 up to 1.`);
  return binaryCurve(options, (ranked) => areaUnderRoc(ranked, maxFpr), true);
};

const multiclass = (options: MulticlassAUROCOptions) => {
  const { average = 'macro' } = options;
  checkCurveAverage('MulticlassAUROC', average, ['macro', 'weighted', 'none']);
  const value = (ranked: RankedScores[]) => averageAreas('MulticlassAUROC', ranked, ranked.map(areaOf), average);
  return multiclassCurve('MulticlassAUROC', options, value, true);
};

const multilabel = (options: MultilabelAUROCOptions) => {
  const { average = 'macro' } = options;
  checkCurveAverage('MultilabelAUROC', average, ['micro', 'macro', 'weighted', 'none']);
  const isPooled = average === 'micro';
  const value = (ranked: RankedScores[]) =>
    isPooled ? areaOf(ranked[0]!) : averageAreas('MultilabelAUROC', ranked, ranked.map(areaOf), average);
  return multilabelCurve('MultilabelAUROC', options, value, true, isPooled);
};

/** The area under the ROC curve: the chance that a positive is scored above a negative. Of two classes. */
export class BinaryAUROC extends RecipeMetric<Tensor> {
  constructor(options: BinaryAUROCOptions = {}) {
    super(binary(options));
  }
}

/** The area under the ROC curve: the chance that a positive is scored above a negative. Of many classes, each against the rest; `average` defaults to `macro`. */
export class MulticlassAUROC extends RecipeMetric<Tensor> {
  constructor(options: MulticlassAUROCOptions) {
    super(multiclass(options));
  }
}

/** The area under the ROC curve: the chance that a positive is scored above a negative. Of any number of labels; `average` defaults to `macro`. */
export class MultilabelAUROC extends RecipeMetric<Tensor> {
  constructor(options: MultilabelAUROCOptions) {
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
export const multiclassAuroc = (preds: Tensor, target: Tensor, options: MulticlassAUROCOptions): Tensor =>
  valueOf(multiclass(options), preds, target);
export const multilabelAuroc = (preds: Tensor, target: Tensor, options: MultilabelAUROCOptions): Tensor =>
  valueOf(multilabel(options), preds, target);
/** The value of one batch, by task; `average` defaults to `macro`. */
export const auroc = taskFunction<Tensor, TaskCurveOptions & BinaryAUROCOptions>(
  'auroc',
  { binary: binaryAuroc, multiclass: multiclassAuroc, multilabel: multilabelAuroc },
  'macro',
);
