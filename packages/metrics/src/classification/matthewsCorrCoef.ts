import { type Tensor, tensor } from '@lightning-ts/torch';
import { RecipeMetric, valueOf } from '../recipe.js';
import { binaryMatrix, type MulticlassMatrixOptions, multiclassMatrix, multilabelMatrix } from './confusionMatrix.js';
import type { BinaryOptions, MultilabelOptions, TaskOptions } from './options.js';
import { taskFunction, taskMetric } from './taskMetric.js';

/** @param matrix [classes, classes], or [labels, 2, 2], whose sum over the labels is taken */
function correlationOf(matrix: Tensor): Tensor {
  const counts = (matrix.dim() === 3 ? matrix.sum(0) : matrix).double();
  const byTarget = counts.sum(1);
  const byPrediction = counts.sum(0);
  const total = counts.sum();
  const square = total.square();
  const spread = square.sub(byPrediction.square().sum()).mul(square.sub(byTarget.square().sum()));
  if (spread.item() !== 0) {
    const together = counts.trace().mul(total).sub(byTarget.mul(byPrediction).sum());
    return together.div(spread.sqrt()).float();
  }
  return tensor(counts.numel() === 4 ? limitOf(counts.flatten().tolist() as number[]) : 0, { dtype: 'float32' });
}

/**
 * Two classes of which only one was predicted, or only one is there: 1 when all is right, -1 when all is wrong, and between
 * them what torchmetrics gives, the value for counts that are a little above 0.
 */
function limitOf([tn, fp, fn, tp]: number[]): number {
  const right = tp! + tn!;
  const wrong = fp! + fn!;
  if (wrong === 0 && right !== 0) return 1;
  if (right === 0 && wrong !== 0) return -1;
  const little = 2 ** -23;
  const sides = [tp! + fp!, tp! + fn!, tn! + fp!, tn! + fn!];
  const spread = sides.reduce((product, side) => product * (side + little), 1);
  return (Math.sqrt(little) * (right - wrong)) / Math.sqrt(spread);
}

const binary = (options: BinaryOptions = {}) => binaryMatrix('BinaryMatthewsCorrCoef', options, correlationOf, true);
const multiclass = (options: MulticlassMatrixOptions) =>
  multiclassMatrix('MulticlassMatthewsCorrCoef', options, correlationOf, true);
const multilabel = (options: MultilabelOptions) =>
  multilabelMatrix('MultilabelMatthewsCorrCoef', options, correlationOf, true);

/** The correlation of predictions and targets (Matthews 1975): 1 is perfect, 0 is chance, -1 is always wrong. Of two classes. */
export class BinaryMatthewsCorrCoef extends RecipeMetric<Tensor> {
  constructor(options: BinaryOptions = {}) {
    super(binary(options));
  }
}

/** The correlation of predictions and targets (Matthews 1975): 1 is perfect, 0 is chance, -1 is always wrong. Of many classes. */
export class MulticlassMatthewsCorrCoef extends RecipeMetric<Tensor> {
  constructor(options: MulticlassMatrixOptions) {
    super(multiclass(options));
  }
}

/** The correlation of predictions and targets (Matthews 1975): 1 is perfect, 0 is chance, -1 is always wrong. Of any number of labels. */
export class MultilabelMatthewsCorrCoef extends RecipeMetric<Tensor> {
  constructor(options: MultilabelOptions) {
    super(multilabel(options));
  }
}

/** The correlation of predictions and targets (Matthews 1975): 1 is perfect, 0 is chance, -1 is always wrong. Makes the metric for a task. */
export const MatthewsCorrCoef = taskMetric<
  BinaryMatthewsCorrCoef,
  MulticlassMatthewsCorrCoef,
  MultilabelMatthewsCorrCoef,
  TaskOptions
>('MatthewsCorrCoef', {
  binary: BinaryMatthewsCorrCoef,
  multiclass: MulticlassMatthewsCorrCoef,
  multilabel: MultilabelMatthewsCorrCoef,
});
export type MatthewsCorrCoef = BinaryMatthewsCorrCoef | MulticlassMatthewsCorrCoef | MultilabelMatthewsCorrCoef;

export const binaryMatthewsCorrCoef = (preds: Tensor, target: Tensor, options?: BinaryOptions): Tensor =>
  valueOf(binary(options), preds, target);
export const multiclassMatthewsCorrCoef = (preds: Tensor, target: Tensor, options: MulticlassMatrixOptions): Tensor =>
  valueOf(multiclass(options), preds, target);
export const multilabelMatthewsCorrCoef = (preds: Tensor, target: Tensor, options: MultilabelOptions): Tensor =>
  valueOf(multilabel(options), preds, target);
/** The value of one batch, by task. */
export const matthewsCorrCoef = taskFunction<Tensor, TaskOptions>('matthewsCorrCoef', {
  binary: binaryMatthewsCorrCoef,
  multiclass: multiclassMatthewsCorrCoef,
  multilabel: multilabelMatthewsCorrCoef,
});
