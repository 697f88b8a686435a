import { finfo, type Tensor, warn } from '@lightning-ts/torch';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { type OutputOptions, outputsOf } from './inputs.js';
import { type Moments, momentsRecipe } from './moments.js';

/** The correlation from the moments, warning where hardly anything varies. */
export function correlation(owner: string, { count, squaresX, squaresY, products }: Moments): Tensor {
  const degrees = count.sub(1);
  const least = Math.sqrt(finfo(squaresX.dtype).eps);
  const varianceX = squaresX.div(degrees);
  const varianceY = squaresY.div(degrees);
  if (varianceX.lt(least).logicalOr(varianceY.lt(least)).any().item()) {
    warn(
      'METRIC_NO_VARIANCE',
      `${owner}: predictions or targets hardly vary, so that the value is mostly rounding. Scale them up or use float64.`,
    );
  }
  return products.div(degrees).div(varianceX.mul(varianceY).sqrt()).clamp(-1, 1);
}

const recipe = ({ numOutputs = 1 }: OutputOptions = {}): Recipe<Tensor> =>
  momentsRecipe('PearsonCorrCoef', numOutputs, null, (moments) => correlation('PearsonCorrCoef', moments));

/** Pearson's correlation, from -1 to 1; NaN where nothing varies. Inputs `[batch]` or `[batch, outputs]`. */
export class PearsonCorrCoef extends RecipeMetric<Tensor> {
  constructor(options?: OutputOptions) {
    super(recipe(options));
  }
}

export const pearsonCorrCoef = (preds: Tensor, target: Tensor): Tensor =>
  valueOf(recipe({ numOutputs: outputsOf(preds) }), preds, target);
