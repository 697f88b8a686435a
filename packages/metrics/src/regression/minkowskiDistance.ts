import type { Tensor } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { floatPair, sumState } from './inputs.js';

export interface MinkowskiDistanceOptions {
  /** The exponent, 1 or more: 1 is the Manhattan distance, 2 the Euclidean. */
  readonly p: number;
}

function recipe({ p }: MinkowskiDistanceOptions): Recipe<Tensor> {
  if (!(typeof p === 'number' && p >= 1))
    throw new MetricError('OPTION_INVALID', `MinkowskiDistance: p is ${String(p)}. Give a number of 1 or more.`);
  return {
    key: `minkowski:${p}`,
    higherIsBetter: false,
    states: [sumState('sum', 1)],
    count(preds, target) {
      const [x, y] = floatPair('MinkowskiDistance', preds, target);
      return [x.sub(y).abs().pow(p).sum()];
    },
    value: ([sum]) => sum!.pow(1 / p),
  };
}

/** The p-norm of all differences together. Inputs of any one shape. */
export class MinkowskiDistance extends RecipeMetric<Tensor> {
  constructor(options: MinkowskiDistanceOptions) {
    super(recipe(options));
  }
}

export const minkowskiDistance = (preds: Tensor, target: Tensor, options: MinkowskiDistanceOptions): Tensor =>
  valueOf(recipe(options), preds, target);
