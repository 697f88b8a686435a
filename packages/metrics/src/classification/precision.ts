import type { Tensor } from '@lightning-ts/torch';
import { RecipeMetric, valueOf } from '../recipe.js';
import type { BinaryScoreOptions, MulticlassScoreOptions, MultilabelScoreOptions } from './options.js';
import { precisionFormula } from './reduceScores.js';
import { scoreFunction, scoreMetric, scoreRecipes } from './scoreRecipe.js';

const recipes = scoreRecipes('Precision', precisionFormula);

/** The share of positive predictions that are right: tp / (tp + fp). Of two classes. */
export class BinaryPrecision extends RecipeMetric<Tensor> {
  constructor(options: BinaryScoreOptions = {}) {
    super(recipes.binary(options));
  }
}

/** The share of positive predictions that are right: tp / (tp + fp). Of many classes; `average` defaults to `macro`. */
export class MulticlassPrecision extends RecipeMetric<Tensor> {
  constructor(options: MulticlassScoreOptions) {
    super(recipes.multiclass(options));
  }
}

/** The share of positive predictions that are right: tp / (tp + fp). Of any number of labels; `average` defaults to `macro`. */
export class MultilabelPrecision extends RecipeMetric<Tensor> {
  constructor(options: MultilabelScoreOptions) {
    super(recipes.multilabel(options));
  }
}

/** The share of positive predictions that are right: tp / (tp + fp). Makes the metric for a task, whose `average` defaults to `micro`. */
export const Precision = scoreMetric('Precision', {
  binary: BinaryPrecision,
  multiclass: MulticlassPrecision,
  multilabel: MultilabelPrecision,
});
export type Precision = BinaryPrecision | MulticlassPrecision | MultilabelPrecision;

export const binaryPrecision = (preds: Tensor, target: Tensor, options?: BinaryScoreOptions): Tensor =>
  valueOf(recipes.binary(options), preds, target);
export const multiclassPrecision = (preds: Tensor, target: Tensor, options: MulticlassScoreOptions): Tensor =>
  valueOf(recipes.multiclass(options), preds, target);
export const multilabelPrecision = (preds: Tensor, target: Tensor, options: MultilabelScoreOptions): Tensor =>
  valueOf(recipes.multilabel(options), preds, target);
/** The value of one batch, by task; `average` defaults to `micro`. */
export const precision = scoreFunction('precision', {
  binary: binaryPrecision,
  multiclass: multiclassPrecision,
  multilabel: multilabelPrecision,
});
