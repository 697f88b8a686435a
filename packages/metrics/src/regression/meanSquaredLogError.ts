import type { Tensor } from '@lightning-ts/torch';
import { RecipeMetric, valueOf } from '../recipe.js';
import { countOf, floatPair, meanRecipe } from './inputs.js';

const recipe = meanRecipe('squaredLogError', (preds, target) => {
  const [x, y] = floatPair('MeanSquaredLogError', preds, target);
  const difference = x.log1p().sub(y.log1p());
  return [difference.mul(difference).sum(), countOf(y.numel())];
});

/** The mean squared difference of log(1 + x). Inputs of any one shape; NaN where a number is below -1. */
export class MeanSquaredLogError extends RecipeMetric<Tensor> {
  constructor() {
    super(recipe);
  }
}

export const meanSquaredLogError = (preds: Tensor, target: Tensor): Tensor => valueOf(recipe, preds, target);
