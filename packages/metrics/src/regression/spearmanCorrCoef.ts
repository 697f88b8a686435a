import { searchsorted, stack, type Tensor } from '@lightning-ts/torch';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { type OutputOptions, outputsOf } from './inputs.js';
import { keptRecipe } from './ranked.js';

/** Keeps constant input from a division by zero. */
const smallest = 1e-6;

/** Ranks from 1 up by column, equal values at the mean of theirs. @param values [batch, outputs] */
function ranksOf(values: Tensor): Tensor {
  const ranks = values.unbind(1).map((part) => {
    const column = part.contiguous();
    const sorted = column.sort(0).values;
    const below = searchsorted(sorted, column);
    const upTo = searchsorted(sorted, column, { right: true });
    return below.add(upTo).add(1).to(values.dtype).div(2);
  });
  return stack(ranks, 1);
}

const recipe = ({ numOutputs = 1 }: OutputOptions = {}): Recipe<Tensor> =>
  keptRecipe('SpearmanCorrCoef', numOutputs, (preds, target) => {
    const fromMean = (values: Tensor): Tensor => {
      const ranks = ranksOf(values);
      return ranks.sub(ranks.mean(0));
    };
    const x = fromMean(preds);
    const y = fromMean(target);
    const spread = (values: Tensor): Tensor => values.mul(values).mean(0).sqrt();
    const value = x
      .mul(y)
      .mean(0)
      .div(spread(x).mul(spread(y)).add(smallest))
      .clamp(-1, 1);
    return numOutputs === 1 ? value.squeeze(0) : value;
  });

/** Spearman's correlation: that of the ranks. Keeps all inputs, `[batch]` or `[batch, outputs]`. */
export class SpearmanCorrCoef extends RecipeMetric<Tensor> {
  constructor(options?: OutputOptions) {
    super(recipe(options));
  }
}

export const spearmanCorrCoef = (preds: Tensor, target: Tensor): Tensor =>
  valueOf(recipe({ numOutputs: outputsOf(preds) }), preds, target);
