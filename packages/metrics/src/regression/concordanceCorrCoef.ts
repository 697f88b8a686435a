import type { Tensor } from '@lightning-ts/torch';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { type OutputOptions, outputsOf } from './inputs.js';
import { momentsRecipe } from './moments.js';
import { correlation } from './pearsonCorrCoef.js';

const owner = 'ConcordanceCorrCoef';

const recipe = ({ numOutputs = 1 }: OutputOptions = {}): Recipe<Tensor> =>
  momentsRecipe(owner, numOutputs, true, (moments) => {
    const degrees = moments.count.sub(1);
    const varianceX = moments.squaresX.div(degrees);
    const varianceY = moments.squaresY.div(degrees);
    const offset = moments.meanX.sub(moments.meanY).pow(2);
    return correlation(owner, moments)
      .mul(2)
      .mul(varianceX.sqrt())
      .mul(varianceY.sqrt())
      .div(varianceX.add(varianceY).add(offset));
  });

/** Lin's concordance: the correlation, lessened by differences of mean and of spread. Inputs `[batch]` or `[batch, outputs]`. */
export class ConcordanceCorrCoef extends RecipeMetric<Tensor> {
  constructor(options?: OutputOptions) {
    super(recipe(options));
  }
}

export const concordanceCorrCoef = (preds: Tensor, target: Tensor): Tensor =>
  valueOf(recipe({ numOutputs: outputsOf(preds) }), preds, target);
