import { arange, type Tensor } from '@lightning-ts/torch';
import { RecipeMetric, valueOf } from '../recipe.js';
import { binaryMatrix, type MulticlassMatrixOptions, multiclassMatrix, multilabelMatrix } from './confusionMatrix.js';
import { type Average, type BinaryOptions, checkAverage, type MultilabelOptions, type TaskOptions } from './options.js';
import { safeDivide } from './rankedScores.js';
import { taskFunction, taskMetric } from './taskMetric.js';

export interface MulticlassJaccardOptions extends MulticlassMatrixOptions {
  /** Default `macro`. */
  readonly average?: Average;
}

/** @param matrix [classes, classes] */
function multiclassIndex(matrix: Tensor, average: Average, ignored: number | null): Tensor {
  const counts = matrix.float();
  const shared = counts.diag();
  const byTarget = counts.sum(1);
  const either = counts.sum(0).add(byTarget).sub(shared);
  const values = safeDivide(shared, either);
  if (average === 'none') return values;
  const classes = arange(counts.size(0), { device: counts.device });
  const counted = ignored === null ? either.ne(0) : either.ne(0).logicalAnd(classes.ne(ignored));
  if (average === 'micro') {
    const kept = ignored === null ? either : either.maskedFill(classes.eq(ignored), 0);
    return safeDivide(shared.sum(), kept.sum());
  }
  const weights = average === 'weighted' ? byTarget : counted.float();
  return values.mul(weights).sum().div(weights.sum());
}

/** @param matrix [labels, 2, 2] */
function multilabelIndex(matrix: Tensor, average: Average): Tensor {
  const cell = (row: number, column: number) => matrix.select(1, row).select(1, column).float();
  const shared = cell(1, 1);
  const either = shared.add(cell(0, 1)).add(cell(1, 0));
  if (average === 'micro') return safeDivide(shared.sum(), either.sum());
  const values = safeDivide(shared, either);
  if (average === 'none') return values;
  if (average === 'macro') return values.mean();
  const weights = shared.add(cell(1, 0));
  return values.mul(weights).sum().div(weights.sum());
}

const binary = (options: BinaryOptions = {}) =>
  binaryMatrix(
    'BinaryJaccardIndex',
    options,
    (matrix) => {
      const [, fp, fn, tp] = matrix.flatten().float().unbind();
      return tp!.div(fp!.add(fn!).add(tp!));
    },
    true,
  );
const multiclass = ({ average = 'macro', ...options }: MulticlassJaccardOptions) => {
  checkAverage(average, 'MulticlassJaccardIndex');
  const { ignoreIndex = null, numClasses } = options;
  const ignored = ignoreIndex !== null && ignoreIndex >= 0 && ignoreIndex < numClasses ? ignoreIndex : null;
  const value = (matrix: Tensor) => multiclassIndex(matrix, average, ignored);
  return multiclassMatrix('MulticlassJaccardIndex', options, value, true);
};
const multilabel = ({ average = 'macro', ...options }: MultilabelOptions) => {
  checkAverage(average, 'MultilabelJaccardIndex');
  return multilabelMatrix('MultilabelJaccardIndex', options, (matrix) => multilabelIndex(matrix, average), true);
};

/** What prediction and target share of what either has: tp / (tp + fp + fn). Of two classes. */
export class BinaryJaccardIndex extends RecipeMetric<Tensor> {
  constructor(options: BinaryOptions = {}) {
    super(binary(options));
  }
}

/** What prediction and target share of what either has: tp / (tp + fp + fn). Of many classes. */
export class MulticlassJaccardIndex extends RecipeMetric<Tensor> {
  constructor(options: MulticlassJaccardOptions) {
    super(multiclass(options));
  }
}

/** What prediction and target share of what either has: tp / (tp + fp + fn). Of any number of labels. */
export class MultilabelJaccardIndex extends RecipeMetric<Tensor> {
  constructor(options: MultilabelOptions) {
    super(multilabel(options));
  }
}

/** What prediction and target share of what either has: tp / (tp + fp + fn). Makes the metric for a task. */
export const JaccardIndex = taskMetric<BinaryJaccardIndex, MulticlassJaccardIndex, MultilabelJaccardIndex, TaskOptions>(
  'JaccardIndex',
  { binary: BinaryJaccardIndex, multiclass: MulticlassJaccardIndex, multilabel: MultilabelJaccardIndex },
  'macro',
);
export type JaccardIndex = BinaryJaccardIndex | MulticlassJaccardIndex | MultilabelJaccardIndex;

export const binaryJaccardIndex = (preds: Tensor, target: Tensor, options?: BinaryOptions): Tensor =>
  valueOf(binary(options), preds, target);
export const multiclassJaccardIndex = (preds: Tensor, target: Tensor, options: MulticlassJaccardOptions): Tensor =>
  valueOf(multiclass(options), preds, target);
export const multilabelJaccardIndex = (preds: Tensor, target: Tensor, options: MultilabelOptions): Tensor =>
  valueOf(multilabel(options), preds, target);
/** The value of one batch, by task. */
export const jaccardIndex = taskFunction<Tensor, TaskOptions>(
  'jaccardIndex',
  { binary: binaryJaccardIndex, multiclass: multiclassJaccardIndex, multilabel: multilabelJaccardIndex },
  'macro',
);
