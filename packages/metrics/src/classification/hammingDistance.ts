import type { Tensor } from '@lightning-ts/torch';
import { RecipeMetric, valueOf } from '../recipe.js';
import type { BinaryScoreOptions, MulticlassScoreOptions, MultilabelScoreOptions } from './options.js';
import { hammingFormula } from './reduceScores.js';
import { scoreFunction, scoreMetric, scoreRecipes } from './scoreRecipe.js';

const recipes = scoreRecipes('HammingDistance', hammingFormula, { higherIsBetter: false, countsGuessedClasses: true });

/** The share of predictions that are wrong. Of two classes. */
export class BinaryHammingDistance extends RecipeMetric<Tensor> {
  constructor(options: BinaryScoreOptions = {}) {
    super(recipes.binary(options));
  }
}

/** The share of predictions that are wrong. Of many classes; `average` defaults to `macro`. */
export class MulticlassHammingDistance extends RecipeMetric<Tensor> {
  constructor(options: MulticlassScoreOptions) {
    super(recipes.multiclass(options));
  }
}

/** The share of predictions that are wrong. Of any number of labels; `average` defaults to `macro`. */
export class MultilabelHammingDistance extends RecipeMetric<Tensor> {
  constructor(options: MultilabelScoreOptions) {
    super(recipes.multilabel(options));
  }
}

/** The share of predictions that are wrong. Makes the metric for a task, whose `average` defaults to `micro`. */
export const HammingDistance = scoreMetric('HammingDistance', {
  binary: BinaryHammingDistance,
  multiclass: MulticlassHammingDistance,
  multilabel: MultilabelHammingDistance,
});
export type HammingDistance = BinaryHammingDistance | MulticlassHammingDistance | MultilabelHammingDistance;

export const binaryHammingDistance = (preds: Tensor, target: Tensor, options?: BinaryScoreOptions): Tensor =>
  valueOf(recipes.binary(options), preds, target);
export const multiclassHammingDistance = (preds: Tensor, target: Tensor, options: MulticlassScoreOptions): Tensor =>
  valueOf(recipes.multiclass(options), preds, target);
export const multilabelHammingDistance = (preds: Tensor, target: Tensor, options: MultilabelScoreOptions): Tensor =>
  valueOf(recipes.multilabel(options), preds, target);
/** The value of one batch, by task; `average` defaults to `micro`. */
export const hammingDistance = scoreFunction('hammingDistance', {
  binary: binaryHammingDistance,
  multiclass: multiclassHammingDistance,
  multilabel: multilabelHammingDistance,
});
