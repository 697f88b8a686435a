import type { Tensor } from '@lightning-ts/torch';
import { RecipeMetric, valueOf } from '../recipe.js';
import type { BinaryScoreOptions, MulticlassScoreOptions, MultilabelScoreOptions } from './options.js';
import { specificityFormula } from './reduceScores.js';
import { scoreFunction, scoreMetric, scoreRecipes } from './scoreRecipe.js';

const recipes = scoreRecipes('Specificity', specificityFormula, { countsGuessedClasses: true });

/** The share of negatives that were left alone: tn / (tn + fp). Of two classes. */
export class BinarySpecificity extends RecipeMetric<Tensor> {
  constructor(options: BinaryScoreOptions = {}) {
    super(recipes.binary(options));
  }
}

/** The share of negatives that were left alone: tn / (tn + fp). Of many classes; `average` defaults to `macro`. */
export class MulticlassSpecificity extends RecipeMetric<Tensor> {
  constructor(options: MulticlassScoreOptions) {
    super(recipes.multiclass(options));
  }
}

/** The share of negatives that were left alone: tn / (tn + fp). Of any number of labels; `average` defaults to `macro`. */
export class MultilabelSpecificity extends RecipeMetric<Tensor> {
  constructor(options: MultilabelScoreOptions) {
    super(recipes.multilabel(options));
  }
}

/** The share of negatives that were left alone: tn / (tn + fp). Makes the metric for a task, whose `average` defaults to `micro`. */
export const Specificity = scoreMetric('Specificity', {
  binary: BinarySpecificity,
  multiclass: MulticlassSpecificity,
  multilabel: MultilabelSpecificity,
});
export type Specificity = BinarySpecificity | MulticlassSpecificity | MultilabelSpecificity;

export const binarySpecificity = (preds: Tensor, target: Tensor, options?: BinaryScoreOptions): Tensor =>
  valueOf(recipes.binary(options), preds, target);
export const multiclassSpecificity = (preds: Tensor, target: Tensor, options: MulticlassScoreOptions): Tensor =>
  valueOf(recipes.multiclass(options), preds, target);
export const multilabelSpecificity = (preds: Tensor, target: Tensor, options: MultilabelScoreOptions): Tensor =>
  valueOf(recipes.multilabel(options), preds, target);
/** The value of one batch, by task; `average` defaults to `micro`. */
export const specificity = scoreFunction('specificity', {
  binary: binarySpecificity,
  multiclass: multiclassSpecificity,
  multilabel: multilabelSpecificity,
});
