import type { Tensor } from '@lightning-ts/torch';
import { checkCount } from '../classification/options.js';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { countOf, meanRecipe, type OutputOptions, outputPair, outputsOf } from './inputs.js';

function recipe({ numOutputs = 1 }: OutputOptions = {}): Recipe<Tensor> {
  const owner = 'LogCoshError';
  checkCount('numOutputs', numOutputs, 1, owner);
  const count = (preds: Tensor, target: Tensor): [Tensor, Tensor] => {
    const [x, y] = outputPair(owner, preds, target, numOutputs);
    const difference = x.sub(y);
    // log((e^d + e^-d) / 2), in a form that large differences do not overflow.
    const errors = difference.logaddexp(difference.neg()).sub(Math.LN2);
    return [errors.sum(0), countOf(y.size(0))];
  };
  return meanRecipe(`logCosh:${numOutputs}`, count, undefined, numOutputs);
}

/** The mean of log(cosh(pred - target)): squared near 0, absolute far from it. Inputs `[batch]` or `[batch, outputs]`. */
export class LogCoshError extends RecipeMetric<Tensor> {
  constructor(options?: OutputOptions) {
    super(recipe(options));
  }
}

export const logCoshError = (preds: Tensor, target: Tensor): Tensor =>
  valueOf(recipe({ numOutputs: outputsOf(preds) }), preds, target);
