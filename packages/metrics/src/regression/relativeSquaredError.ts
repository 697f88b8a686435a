import { finfo, type Tensor } from '@lightning-ts/torch';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { type OutputOptions, outputsOf } from './inputs.js';
import { spreadRecipe } from './r2Score.js';

export interface RelativeSquaredErrorOptions extends OutputOptions {
  /** False gives the root. Default true. */
  readonly squared?: boolean;
}

const recipe = ({ numOutputs = 1, squared = true }: RelativeSquaredErrorOptions = {}): Recipe<Tensor> =>
  spreadRecipe('RelativeSquaredError', numOutputs, false, ({ residual, spread }) => {
    const error = residual.div(spread.clampMin(finfo(spread.dtype).eps));
    return (squared ? error : error.sqrt()).mean();
  });

/** The squared error over that of always predicting the mean, averaged over outputs. Inputs `[batch]` or `[batch, outputs]`. */
export class RelativeSquaredError extends RecipeMetric<Tensor> {
  constructor(options?: RelativeSquaredErrorOptions) {
    super(recipe(options));
  }
}

export const relativeSquaredError = (
  preds: Tensor,
  target: Tensor,
  options: Omit<RelativeSquaredErrorOptions, 'numOutputs'> = {},
): Tensor => valueOf(recipe({ ...options, numOutputs: outputsOf(preds) }), preds, target);
