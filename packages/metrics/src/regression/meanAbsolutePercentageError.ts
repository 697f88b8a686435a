import { type Tensor, zeros } from '@lightning-ts/torch';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { countOf, floatPair, meanRecipe, sumState } from './inputs.js';

/** What is divided by is at least this. */
const smallest = 1.17e-6;

const plain = meanRecipe('percentageError', (preds, target) => {
  const [x, y] = floatPair('MeanAbsolutePercentageError', preds, target);
  return [x.sub(y).abs().div(y.abs().clampMin(smallest)).sum(), countOf(y.numel())];
});

const symmetric = meanRecipe('symmetricPercentageError', (preds, target) => {
  const [x, y] = floatPair('SymmetricMeanAbsolutePercentageError', preds, target);
  const scale = y.abs().add(x.abs()).clampMin(smallest);
  return [x.sub(y).abs().div(scale).sum().mul(2), countOf(y.numel())];
});

const weighted: Recipe<Tensor> = {
  key: 'weightedPercentageError',
  higherIsBetter: false,
  states: [sumState('sum', 1), { name: 'scale', zero: () => zeros([]) }],
  count(preds, target) {
    const [x, y] = floatPair('WeightedMeanAbsolutePercentageError', preds, target);
    return [x.sub(y).abs().sum(), y.abs().sum()];
  },
  value: ([sum, scale]) => sum!.div(scale!.clampMin(smallest)),
};

/** The mean of |pred - target| / |target|, as a fraction (1 is 100%). Inputs of any one shape. */
export class MeanAbsolutePercentageError extends RecipeMetric<Tensor> {
  constructor() {
    super(plain);
  }
}

/** The mean of 2 |pred - target| / (|pred| + |target|), from 0 to 2. Inputs of any one shape. */
export class SymmetricMeanAbsolutePercentageError extends RecipeMetric<Tensor> {
  constructor() {
    super(symmetric);
  }
}

/** The sum of |pred - target| over the sum of |target|. Inputs of any one shape. */
export class WeightedMeanAbsolutePercentageError extends RecipeMetric<Tensor> {
  constructor() {
    super(weighted);
  }
}

export const meanAbsolutePercentageError = (preds: Tensor, target: Tensor): Tensor => valueOf(plain, preds, target);
export const symmetricMeanAbsolutePercentageError = (preds: Tensor, target: Tensor): Tensor =>
  valueOf(symmetric, preds, target);
export const weightedMeanAbsolutePercentageError = (preds: Tensor, target: Tensor): Tensor =>
  valueOf(weighted, preds, target);
