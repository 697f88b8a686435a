import type { Tensor } from '@lightning-ts/torch';
import { RecipeMetric, valueOf } from '../recipe.js';
import type { BinaryOptions, MulticlassOptions, MultilabelOptions } from './options.js';
import { accuracyFormula } from './reduceScores.js';
import { scoreRecipes } from './scoreRecipe.js';
import { taskFunction, taskMetric } from './taskMetric.js';

const recipes = scoreRecipes('Accuracy', accuracyFormula);

/** The share of predictions that are right. Of two classes. */
export class BinaryAccuracy extends RecipeMetric<Tensor> {
  constructor(options: BinaryOptions = {}) {
    super(recipes.binary(options));
  }
}

/** The share of predictions that are right. Of many classes; `average` defaults to `macro`. */
export class MulticlassAccuracy extends RecipeMetric<Tensor> {
  constructor(options: MulticlassOptions) {
    super(recipes.multiclass(options));
  }
}

/** The share of predictions that are right. Of any number of labels; `average` defaults to `macro`. */
export class MultilabelAccuracy extends RecipeMetric<Tensor> {
  constructor(options: MultilabelOptions) {
    super(recipes.multilabel(options));
  }
}

/** The share of predictions that are right. Makes the metric for a task, whose `average` defaults to `micro`. */
export const Accuracy = taskMetric('Accuracy', {
  binary: BinaryAccuracy,
  multiclass: MulticlassAccuracy,
  multilabel: MultilabelAccuracy,
});
export type Accuracy = BinaryAccuracy | MulticlassAccuracy | MultilabelAccuracy;

export const binaryAccuracy = (preds: Tensor, target: Tensor, options?: BinaryOptions): Tensor =>
  valueOf(recipes.binary(options), preds, target);
export const multiclassAccuracy = (preds: Tensor, target: Tensor, options: MulticlassOptions): Tensor =>
  valueOf(recipes.multiclass(options), preds, target);
export const multilabelAccuracy = (preds: Tensor, target: Tensor, options: MultilabelOptions): Tensor =>
  valueOf(recipes.multilabel(options), preds, target);
/** The value of one batch, by task; `average` defaults to `micro`. */
export const accuracy = taskFunction('accuracy', {
  binary: binaryAccuracy,
  multiclass: multiclassAccuracy,
  multilabel: multilabelAccuracy,
});
