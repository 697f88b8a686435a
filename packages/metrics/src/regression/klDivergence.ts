import type { Tensor } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { checkChoice, countOf, floatPair, meanRecipe, type SampleReduction } from './inputs.js';

export interface KLDivergenceOptions {
  /** Whether inputs are logarithms of probabilities; else rows are scaled to sum to 1. Default false. */
  readonly logProb?: boolean;
  /** Default `mean`. */
  readonly reduction?: SampleReduction;
}

const owner = 'KLDivergence';

function measures(p: Tensor, q: Tensor, logProb: boolean): Tensor {
  const [x, y] = floatPair(owner, p, q);
  if (p.dim() !== 2)
    throw new MetricError('SHAPE_MISMATCH', `${owner} takes two times [batch, outcomes], but p has [${p.shape}].`);
  if (logProb) return x.exp().mul(x.sub(y)).sum(-1);
  const ofOne = (values: Tensor): Tensor => values.div(values.sum(-1, true));
  const [a, b] = [ofOne(x), ofOne(y)];
  return a.xlogy(a.div(b)).sum(-1);
}

function recipe({ logProb = false, reduction = 'mean' }: KLDivergenceOptions = {}): Recipe<Tensor> {
  checkChoice(owner, 'reduction', reduction, ['mean', 'sum', 'none']);
  if (reduction === 'none') {
    return {
      key: `divergences:${logProb}`,
      higherIsBetter: false,
      states: [{ name: 'measures', zero: null }],
      count: (p, q) => [measures(p, q, logProb)],
      value: ([values]) => values!,
    };
  }
  return meanRecipe(
    `divergence:${logProb}`,
    (p, q) => [measures(p, q, logProb).sum(), countOf(p.size(0))],
    reduction === 'sum' ? (sum) => sum : undefined,
  );
}

/** How far each row of the second input, a distribution, is from that of the first: the Kullback-Leibler divergence in nats. Inputs `[batch, outcomes]`. */
export class KLDivergence extends RecipeMetric<Tensor> {
  constructor(options?: KLDivergenceOptions) {
    super(recipe(options));
  }
}

export const klDivergence = (p: Tensor, q: Tensor, options?: KLDivergenceOptions): Tensor =>
  valueOf(recipe(options), p, q);
