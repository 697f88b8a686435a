import { ones, type Tensor, where, zeros } from '@lightning-ts/torch';
import { checkCount } from '../classification/options.js';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import {
  averageOutputs,
  checkChoice,
  countOf,
  type Multioutput,
  multioutputs,
  type OutputOptions,
  outputPair,
  outputsOf,
  sumState,
  totalState,
} from './inputs.js';

export interface ExplainedVarianceOptions extends OutputOptions {
  /** Default `uniformAverage`. */
  readonly multioutput?: Multioutput;
}

const owner = 'ExplainedVariance';
const sums = ['sumError', 'sumSquaredError', 'sumTarget', 'sumSquaredTarget'];

function recipe({ numOutputs = 1, multioutput = 'uniformAverage' }: ExplainedVarianceOptions = {}): Recipe<Tensor> {
  checkCount('numOutputs', numOutputs, 1, owner);
  checkChoice(owner, 'multioutput', multioutput, multioutputs);
  return {
    key: `explainedVariance:${numOutputs}`,
    higherIsBetter: true,
    states: [...sums.map((name) => sumState(name, numOutputs)), totalState],
    count(preds, target) {
      const [x, y] = outputPair(owner, preds, target, numOutputs);
      const error = y.sub(x);
      return [error.sum(0), error.mul(error).sum(0), y.sum(0), y.mul(y).sum(0), countOf(y.size(0))];
    },
    value([sumError, sumSquaredError, sumTarget, sumSquaredTarget, total]) {
      const variance = (sum: Tensor, squares: Tensor): Tensor => squares.div(total!).sub(sum.div(total!).pow(2));
      const unexplained = variance(sumError!, sumSquaredError!);
      const whole = variance(sumTarget!, sumSquaredTarget!);
      const isOff = unexplained.ne(0);
      const { dtype } = whole;
      const exact = where(isOff, zeros([], { dtype }), ones([], { dtype }));
      const scores = where(isOff.logicalAnd(whole.ne(0)), unexplained.div(whole).rsub(1), exact);
      return averageOutputs(scores, whole, multioutput);
    },
  };
}

/** The part of the targets' variance that the predictions explain; like R2 without regard to a constant offset. Inputs `[batch]` or `[batch, outputs]`. */
export class ExplainedVariance extends RecipeMetric<Tensor> {
  constructor(options?: ExplainedVarianceOptions) {
    super(recipe(options));
  }
}

export const explainedVariance = (
  preds: Tensor,
  target: Tensor,
  options: Omit<ExplainedVarianceOptions, 'numOutputs'> = {},
): Tensor => valueOf(recipe({ ...options, numOutputs: outputsOf(preds) }), preds, target);
