import type { Tensor } from '@lightning-ts/torch';
import { RecipeMetric, valueOf } from '../recipe.js';
import { countOf, floatPair, meanRecipe } from './inputs.js';

const recipe = meanRecipe('absoluteError', (preds, target) => {
  const [x, y] = floatPair('MeanAbsoluteError', preds, target);
  return [x.sub(y).abs().sum(), countOf(y.numel())];
});

/** The mean of the absolute differences. Inputs of any one shape. */
export class MeanAbsoluteError extends RecipeMetric<Tensor> {
  constructor() {
    super(recipe);
  }
}

export const meanAbsoluteError = (preds: Tensor, target: Tensor): Tensor => valueOf(recipe, preds, target);
