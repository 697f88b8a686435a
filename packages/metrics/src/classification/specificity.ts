import type { Tensor } from '@lightning-ts/torch';
import { RecipeMetric, valueOf } from '../recipe.js';
import type { BinaryOptions, MulticlassOptions, MultilabelOptions } from './options.js';
import { specificityFormula } from './reduceScores.js';
import { scoreRecipes } from './scoreRecipe.js';
import { taskFunction, taskMetric } from './taskMetric.js';

const recipes = scoreRecipes('Specificity', specificityFormula);

/** The share of negatives that were left alone: tn / (tn + fp). Of two classes. */
export class BinarySpecificity extends RecipeMetric<Tensor> {
  constructor(options: BinaryOptions = {}) {
    super(recipes.binary(options));
  }
}

/** The share of negatives that were left alone: tn / (tn + fp). Of many classes; `average` defaults to `macro`. */
export class MulticlassSpecificity extends RecipeMetric<Tensor> {
  constructor(options: MulticlassOptions) {
    super(recipes.multiclass(options));
  }
}

/** The share of negatives that were left alone: tn / (tn + fp). Of any number of labels; `average` defaults to `macro`. */
export class MultilabelSpecificity extends RecipeMetric<Tensor> {
  constructor(options: MultilabelOptions) {
    super(recipes.multilabel(options));
  }
}

/** The share of negatives that were left alone: tn / (tn + fp). Makes the metric for a task, whose `average` defaults to `micro`. */
export const Specificity = taskMetric('Specificity', {
  binary: BinarySpecificity,
  multiclass: MulticlassSpecificity,
  multilabel: MultilabelSpecificity,
});
export type Specificity = BinarySpecificity | MulticlassSpecificity | MultilabelSpecificity;

export const binarySpecificity = (preds: Tensor, target: Tensor, options?: BinaryOptions): Tensor =>
  valueOf(recipes.binary(options), preds, target);
export const multiclassSpecificity = (preds: Tensor, target: Tensor, options: MulticlassOptions): Tensor =>
  valueOf(recipes.multiclass(options), preds, target);
export const multilabelSpecificity = (preds: Tensor, target: Tensor, options: MultilabelOptions): Tensor =>
  valueOf(recipes.multilabel(options), preds, target);
/** The value of one batch, by task; `average` defaults to `micro`. */
export const specificity = taskFunction('specificity', {
  binary: binarySpecificity,
  multiclass: multiclassSpecificity,
  multilabel: multilabelSpecificity,
});
