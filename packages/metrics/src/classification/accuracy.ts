import type { Tensor } from '@lightning-ts/torch';
import { RecipeMetric, valueOf } from '../recipe.js';
import type { BinaryScoreOptions, MulticlassScoreOptions, MultilabelScoreOptions } from './options.js';
import { accuracyFormula } from './reduceScores.js';
import { scoreFunction, scoreMetric, scoreRecipes } from './scoreRecipe.js';

const recipes = scoreRecipes('Accuracy', accuracyFormula);

/** The share of predictions that are right. Of two classes. */
export class BinaryAccuracy extends RecipeMetric<Tensor> {
  constructor(options: BinaryScoreOptions = {}) {
    super(recipes.binary(options));
  }
}

/** The share of predictions that are right. Of many classes; `average` defaults to `macro`. */
export class MulticlassAccuracy extends RecipeMetric<Tensor> {
  constructor(options: MulticlassScoreOptions) {
    super(recipes.multiclass(options));
  }
}

/** The share of predictions that are right. Of any number of labels; `average` defaults to `macro`. */
export class MultilabelAccuracy extends RecipeMetric<Tensor> {
  constructor(options: MultilabelScoreOptions) {
    super(recipes.multilabel(options));
  }
}

/** The share of predictions that are right. Makes the metric for a task, whose `average` defaults to `micro`. */
export const Accuracy = scoreMetric('Accuracy', {
  binary: BinaryAccuracy,
  multiclass: MulticlassAccuracy,
  multilabel: MultilabelAccuracy,
});
export type Accuracy = BinaryAccuracy | MulticlassAccuracy | MultilabelAccuracy;

export const binaryAccuracy = (preds: Tensor, target: Tensor, options?: BinaryScoreOptions): Tensor =>
  valueOf(recipes.binary(options), preds, target);
export const multiclassAccuracy = (preds: Tensor, target: Tensor, options: MulticlassScoreOptions): Tensor =>
  valueOf(recipes.multiclass(options), preds, target);
export const multilabelAccuracy = (preds: Tensor, target: Tensor, options: MultilabelScoreOptions): Tensor =>
  valueOf(recipes.multilabel(options), preds, target);
/** The value of one batch, by task; `average` defaults to `micro`. */
export const accuracy = scoreFunction('accuracy', {
  binary: binaryAccuracy,
  multiclass: multiclassAccuracy,
  multilabel: multilabelAccuracy,
});
