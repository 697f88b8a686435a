import type { Tensor } from '@lightning-ts/torch';
import { RecipeMetric, valueOf } from '../recipe.js';
import type { BinaryOptions, MulticlassOptions, MultilabelOptions } from './options.js';
import { precisionFormula } from './reduceScores.js';
import { scoreRecipes } from './scoreRecipe.js';
import { taskFunction, taskMetric } from './taskMetric.js';

const recipes = scoreRecipes('Precision', precisionFormula);

/** The share of positive predictions that are right: tp / (tp + fp). Of two classes. */
export class BinaryPrecision extends RecipeMetric<Tensor> {
  constructor(options: BinaryOptions = {}) {
    super(recipes.binary(options));
  }
}

/** The share of positive predictions that are right: tp / (tp + fp). Of many classes; `average` defaults to `macro`. */
export class MulticlassPrecision extends RecipeMetric<Tensor> {
  constructor(options: MulticlassOptions) {
    super(recipes.multiclass(options));
  }
}

/** The share of positive predictions that are right: tp / (tp + fp). Of any number of labels; `average` defaults to `macro`. */
export class MultilabelPrecision extends RecipeMetric<Tensor> {
  constructor(options: MultilabelOptions) {
    super(recipes.multilabel(options));
  }
}

/** The share of positive predictions that are right: tp / (tp + fp). Makes the metric for a task, whose `average` defaults to `micro`. */
export const Precision = taskMetric('Precision', {
  binary: BinaryPrecision,
  multiclass: MulticlassPrecision,
  multilabel: MultilabelPrecision,
});
export type Precision = BinaryPrecision | MulticlassPrecision | MultilabelPrecision;

export const binaryPrecision = (preds: Tensor, target: Tensor, options?: BinaryOptions): Tensor =>
  valueOf(recipes.binary(options), preds, target);
export const multiclassPrecision = (preds: Tensor, target: Tensor, options: MulticlassOptions): Tensor =>
  valueOf(recipes.multiclass(options), preds, target);
export const multilabelPrecision = (preds: Tensor, target: Tensor, options: MultilabelOptions): Tensor =>
  valueOf(recipes.multilabel(options), preds, target);
/** The value of one batch, by task; `average` defaults to `micro`. */
export const precision = taskFunction('precision', {
  binary: binaryPrecision,
  multiclass: multiclassPrecision,
  multilabel: multilabelPrecision,
});
