import { type Tensor, zeros } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { countLabels, countPairs, multiclassLabels } from './inputs.js';
import {
  type BinaryOptions,
  type CommonOptions,
  checkCount,
  type MultilabelOptions,
  type TaskOptions,
} from './options.js';
import { readLabels, tableOf } from './smallBatch.js';
import { binaryCounter, multilabelCounter } from './statCounters.js';
import type { StatCounter } from './statScores.js';
import { taskFunction, taskMetric } from './taskMetric.js';

/** What a confusion matrix is divided by: nothing, its rows (targets), its columns (predictions), or everything. */
export type Normalize = 'none' | 'true' | 'pred' | 'all';

interface NormalizeOption {
  /** Default `none`: counts. */
  readonly normalize?: Normalize | null;
}

export interface MulticlassMatrixOptions extends CommonOptions {
  readonly numClasses: number;
}

/** Counts a matrix of targets against predictions, and gives what `value` makes of it. */
const matrixRecipe = <Value>(
  counter: Pick<StatCounter, 'key' | 'zero' | 'count'>,
  shape: number[],
  value: (matrix: Tensor) => Value,
  higherIsBetter: boolean | null,
): Recipe<Value> => ({
  key: counter.key,
  higherIsBetter,
  states: [{ name: 'counts', zero: counter.zero }],
  count: (preds, target) => [counter.count(preds, target)],
  value: ([counts]) => value(counts!.view(shape)),
});

/** The recipe of a metric over the [2, 2] matrix of two classes. */
export const binaryMatrix = <Value>(
  owner: string,
  options: BinaryOptions,
  value: (matrix: Tensor) => Value,
  higherIsBetter: boolean | null = null,
): Recipe<Value> => matrixRecipe(binaryCounter(owner, options), [2, 2], value, higherIsBetter);

/** The recipe of a metric over the [numClasses, numClasses] matrix of many classes. */
export function multiclassMatrix<Value>(
  owner: string,
  options: MulticlassMatrixOptions,
  value: (matrix: Tensor) => Value,
  higherIsBetter: boolean | null = null,
): Recipe<Value> {
  const { numClasses, ignoreIndex = null, validateArgs = true } = options;
  checkCount('numClasses', numClasses, 2, owner);
  const counter = {
    key: `matrix:${numClasses}:${ignoreIndex}`,
    zero: () => zeros([numClasses * numClasses], { dtype: 'int64' }),
    count(preds: Tensor, target: Tensor) {
      const small = readLabels(preds, target, numClasses, ignoreIndex);
      if (small !== null) return tableOf(small, numClasses);
      const pair = multiclassLabels(preds, target, numClasses, 1, ignoreIndex);
      if (validateArgs && !preds.isFloatingPoint()) countLabels(pair.preds, numClasses, 'preds');
      return countPairs(pair, numClasses);
    },
  };
  return matrixRecipe(counter, [numClasses, numClasses], value, higherIsBetter);
}

/** The recipe of a metric over the [numLabels, 2, 2] matrices of any number of labels. */
export const multilabelMatrix = <Value>(
  owner: string,
  options: MultilabelOptions,
  value: (matrix: Tensor) => Value,
  higherIsBetter: boolean | null = null,
): Recipe<Value> => matrixRecipe(multilabelCounter(owner, options), [options.numLabels, 2, 2], value, higherIsBetter);

const normalizing = (owner: string, normalize: Normalize | null | undefined) => {
  const checked = checkedNormalize(normalize, owner);
  return (matrix: Tensor) => normalized(matrix, checked);
};
const binary = ({ normalize, ...options }: BinaryOptions & NormalizeOption = {}) =>
  binaryMatrix('BinaryConfusionMatrix', options, normalizing('BinaryConfusionMatrix', normalize));
const multiclass = ({ normalize, ...options }: MulticlassMatrixOptions & NormalizeOption) =>
  multiclassMatrix('MulticlassConfusionMatrix', options, normalizing('MulticlassConfusionMatrix', normalize));
const multilabel = ({ normalize, ...options }: MultilabelOptions & NormalizeOption) =>
  multilabelMatrix('MultilabelConfusionMatrix', options, normalizing('MultilabelConfusionMatrix', normalize));

/** How often each target met each prediction, of two classes: `[2, 2]`, rows are targets. */
export class BinaryConfusionMatrix extends RecipeMetric<Tensor> {
  constructor(options: BinaryOptions & NormalizeOption = {}) {
    super(binary(options));
  }
}

/** How often each target met each prediction: `[numClasses, numClasses]`, rows are targets, columns predictions. */
export class MulticlassConfusionMatrix extends RecipeMetric<Tensor> {
  constructor(options: MulticlassMatrixOptions & NormalizeOption) {
    super(multiclass(options));
  }
}

/** One `[2, 2]` matrix for each label: `[numLabels, 2, 2]`. */
export class MultilabelConfusionMatrix extends RecipeMetric<Tensor> {
  constructor(options: MultilabelOptions & NormalizeOption) {
    super(multilabel(options));
  }
}

/** Makes the confusion matrix for a task: `new ConfusionMatrix({ task: 'multiclass', numClasses: 10 })`. */
export const ConfusionMatrix = taskMetric<
  BinaryConfusionMatrix,
  MulticlassConfusionMatrix,
  MultilabelConfusionMatrix,
  TaskOptions & NormalizeOption
>('ConfusionMatrix', {
  binary: BinaryConfusionMatrix,
  multiclass: MulticlassConfusionMatrix,
  multilabel: MultilabelConfusionMatrix,
});
export type ConfusionMatrix = BinaryConfusionMatrix | MulticlassConfusionMatrix | MultilabelConfusionMatrix;

export const binaryConfusionMatrix = (
  preds: Tensor,
  target: Tensor,
  options?: BinaryOptions & NormalizeOption,
): Tensor => valueOf(binary(options), preds, target);
export const multiclassConfusionMatrix = (
  preds: Tensor,
  target: Tensor,
  options: MulticlassMatrixOptions & NormalizeOption,
): Tensor => valueOf(multiclass(options), preds, target);
export const multilabelConfusionMatrix = (
  preds: Tensor,
  target: Tensor,
  options: MultilabelOptions & NormalizeOption,
): Tensor => valueOf(multilabel(options), preds, target);
/** The confusion matrix of one batch, by task; rows are targets. */
export const confusionMatrix = taskFunction<Tensor, TaskOptions & NormalizeOption>('confusionMatrix', {
  binary: binaryConfusionMatrix,
  multiclass: multiclassConfusionMatrix,
  multilabel: multilabelConfusionMatrix,
});

function normalized(matrix: Tensor, normalize: Normalize): Tensor {
  if (normalize === 'none') return matrix;
  const counts = matrix.float();
  const sums =
    normalize === 'true'
      ? counts.sum(-1, true)
      : normalize === 'pred'
        ? counts.sum(-2, true)
        : counts.sum([-2, -1], true);
  return counts.div(sums).nanToNum(0);
}

function checkedNormalize(normalize: Normalize | null | undefined, owner: string): Normalize {
  const value = normalize ?? 'none';
  if (['none', 'true', 'pred', 'all'].includes(value)) return value;
  throw new MetricError(
    'OPTION_INVALID',
    `${owner}: normalize is '${String(value)}'. Use 'none', 'true', 'pred' or 'all'.`,
  );
}
