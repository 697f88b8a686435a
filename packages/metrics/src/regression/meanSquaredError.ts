import type { Tensor } from '@lightning-ts/torch';
import { checkCount } from '../classification/options.js';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { countOf, floatPair, meanRecipe, type OutputOptions, outputPair } from './inputs.js';

export interface MeanSquaredErrorOptions extends OutputOptions {
  /** False gives the root of the mean. Default true. */
  readonly squared?: boolean;
}

function recipe({ squared = true, numOutputs = 1 }: MeanSquaredErrorOptions = {}): Recipe<Tensor> {
  const owner = 'MeanSquaredError';
  checkCount('numOutputs', numOutputs, 1, owner);
  return meanRecipe(
    `squaredError:${numOutputs}`,
    (preds, target) => {
      const [x, y] = numOutputs === 1 ? floatPair(owner, preds, target) : outputPair(owner, preds, target, numOutputs);
      const difference = x.sub(y);
      const squares = difference.mul(difference);
      return numOutputs === 1 ? [squares.sum(), countOf(y.numel())] : [squares.sum(0), countOf(y.size(0))];
    },
    (sum, total) => (squared ? sum.div(total) : sum.div(total).sqrt()),
    numOutputs,
  );
}

/** The mean of the squared differences, of all numbers together or by output. Inputs of any one shape, or `[batch, outputs]`. */
export class MeanSquaredError extends RecipeMetric<Tensor> {
  constructor(options?: MeanSquaredErrorOptions) {
    super(recipe(options));
  }
}

export const meanSquaredError = (preds: Tensor, target: Tensor, options?: MeanSquaredErrorOptions): Tensor =>
  valueOf(recipe(options), preds, target);
