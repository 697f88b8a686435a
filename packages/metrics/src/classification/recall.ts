import type { Tensor } from '@lightning-ts/torch';
import { RecipeMetric, valueOf } from '../recipe.js';
import type { BinaryOptions, MulticlassOptions, MultilabelOptions } from './options.js';
import { recallFormula } from './reduceScores.js';
import { scoreRecipes } from './scoreRecipe.js';
import { taskFunction, taskMetric } from './taskMetric.js';

const recipes = scoreRecipes('Recall', recallFormula);

/** The share of positives that were found: tp / (tp + fn). Of two classes. */
export class BinaryRecall extends RecipeMetric<Tensor> {
  constructor(options: BinaryOptions = {}) {
    super(recipes.binary(options));
  }
}

/** The share of positives that were found: tp / (tp + fn). Of many classes; `average` defaults to `macro`. */
export class MulticlassRecall extends RecipeMetric<Tensor> {
  constructor(options: MulticlassOptions) {
    super(recipes.multiclass(options));
  }
}

/** The share of positives that were found: tp / (tp + fn). Of any number of labels; `average` defaults to `macro`. */
export class MultilabelRecall extends RecipeMetric<Tensor> {
  constructor(options: MultilabelOptions) {
    super(recipes.multilabel(options));
  }
}

/** The share of positives that were found: tp / (tp + fn). Makes the metric for a task, whose `average` defaults to `micro`. */
export const Recall = taskMetric('Recall', {
  binary: BinaryRecall,
  multiclass: MulticlassRecall,
  multilabel: MultilabelRecall,
});
export type Recall = BinaryRecall | MulticlassRecall | MultilabelRecall;

export const binaryRecall = (preds: Tensor, target: Tensor, options?: BinaryOptions): Tensor =>
  valueOf(recipes.binary(options), preds, target);
export const multiclassRecall = (preds: Tensor, target: Tensor, options: MulticlassOptions): Tensor =>
  valueOf(recipes.multiclass(options), preds, target);
export const multilabelRecall = (preds: Tensor, target: Tensor, options: MultilabelOptions): Tensor =>
  valueOf(recipes.multilabel(options), preds, target);
/** The value of one batch, by task; `average` defaults to `micro`. */
export const recall = taskFunction('recall', {
  binary: binaryRecall,
  multiclass: multiclassRecall,
  multilabel: multilabelRecall,
});
