import type { Tensor } from '@lightning-ts/torch';
import { RecipeMetric, valueOf } from '../recipe.js';
import type { BinaryScoreOptions, MulticlassScoreOptions, MultilabelScoreOptions } from './options.js';
import { recallFormula } from './reduceScores.js';
import { scoreFunction, scoreMetric, scoreRecipes } from './scoreRecipe.js';

const recipes = scoreRecipes('Recall', recallFormula);

/** The share of positives that were found: tp / (tp + fn). Of two classes. */
export class BinaryRecall extends RecipeMetric<Tensor> {
  constructor(options: BinaryScoreOptions = {}) {
    super(recipes.binary(options));
  }
}

/** The share of positives that were found: tp / (tp + fn). Of many classes; `average` defaults to `macro`. */
export class MulticlassRecall extends RecipeMetric<Tensor> {
  constructor(options: MulticlassScoreOptions) {
    super(recipes.multiclass(options));
  }
}

/** The share of positives that were found: tp / (tp + fn). Of any number of labels; `average` defaults to `macro`. */
export class MultilabelRecall extends RecipeMetric<Tensor> {
  constructor(options: MultilabelScoreOptions) {
    super(recipes.multilabel(options));
  }
}

/** The share of positives that were found: tp / (tp + fn). Makes the metric for a task, whose `average` defaults to `micro`. */
export const Recall = scoreMetric('Recall', {
  binary: BinaryRecall,
  multiclass: MulticlassRecall,
  multilabel: MultilabelRecall,
});
export type Recall = BinaryRecall | MulticlassRecall | MultilabelRecall;

export const binaryRecall = (preds: Tensor, target: Tensor, options?: BinaryScoreOptions): Tensor =>
  valueOf(recipes.binary(options), preds, target);
export const multiclassRecall = (preds: Tensor, target: Tensor, options: MulticlassScoreOptions): Tensor =>
  valueOf(recipes.multiclass(options), preds, target);
export const multilabelRecall = (preds: Tensor, target: Tensor, options: MultilabelScoreOptions): Tensor =>
  valueOf(recipes.multilabel(options), preds, target);
/** The value of one batch, by task; `average` defaults to `micro`. */
export const recall = scoreFunction('recall', {
  binary: binaryRecall,
  multiclass: multiclassRecall,
  multilabel: multilabelRecall,
});
