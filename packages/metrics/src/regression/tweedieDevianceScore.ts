import type { Tensor } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { countOf, floatPair, meanRecipe } from './inputs.js';

export interface TweedieDevianceScoreOptions {
  /** 0 is the normal distribution (default), 1 Poisson, 2 gamma, 3 inverse normal; not between 0 and 1. */
  readonly power?: number;
}

const owner = 'TweedieDevianceScore';

function recipe({ power = 0 }: TweedieDevianceScoreOptions = {}): Recipe<Tensor> {
  if (typeof power !== 'number' || Number.isNaN(power) || (power > 0 && power < 1))
    throw new MetricError('OPTION_INVALID', `${owner}: power is ${String(power)}. Give 0 or less, or 1 or more.`);
  return meanRecipe(`tweedie:${power}`, (preds, target) => {
    const [x, y] = floatPair(owner, preds, target);
    checkRange(x, y, power);
    const deviance = devianceOf(x, y, power);
    return [deviance.sum(), countOf(deviance.numel())];
  });
}

function devianceOf(preds: Tensor, target: Tensor, power: number): Tensor {
  if (power === 0) return target.sub(preds).pow(2);
  if (power === 1) return target.xlogy(target.div(preds)).add(preds).sub(target).mul(2);
  if (power === 2) return preds.div(target).log().add(target.div(preds)).sub(1).mul(2);
  const own = target
    .clampMin(0)
    .pow(2 - power)
    .div((1 - power) * (2 - power));
  const shared = target.mul(preds.pow(1 - power)).div(1 - power);
  return own
    .sub(shared)
    .add(preds.pow(2 - power).div(2 - power))
    .mul(2);
}

function checkRange(preds: Tensor, target: Tensor, power: number): void {
  if (power === 0) return;
  const refuse = (what: string, values: Tensor): void => {
    if (values.any().item())
      throw new MetricError(
        'VALUE_RANGE',
        `${owner}: power ${power} needs ${what}. Leave the others out, or use power 0.`,
      );
  };
  refuse('preds above 0', preds.le(0));
  if (power >= 1 && power < 2) refuse('targets of 0 or more', target.lt(0));
  else if (power >= 2) refuse('targets above 0', target.le(0));
}

/** The mean deviance of a Tweedie distribution. Inputs of any one shape; @throws MetricError VALUE_RANGE for numbers it has not. */
export class TweedieDevianceScore extends RecipeMetric<Tensor> {
  constructor(options?: TweedieDevianceScoreOptions) {
    super(recipe(options));
  }
}

export const tweedieDevianceScore = (preds: Tensor, target: Tensor, options?: TweedieDevianceScoreOptions): Tensor =>
  valueOf(recipe(options), preds, target);
