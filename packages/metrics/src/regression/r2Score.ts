import { ones, type Tensor, warn, where, zeros } from '@lightning-ts/torch';
import { checkCount } from '../classification/options.js';
import { MetricError } from '../errors.js';
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

export interface R2ScoreOptions extends OutputOptions {
  /** How many variables the predictions were made from, to correct the score for them; default 0, no correction. */
  readonly adjusted?: number;
  /** Default `uniformAverage`. */
  readonly multioutput?: Multioutput;
}

/** The sums that tell how targets vary, and how far predictions are from them. */
export function spreadRecipe(
  owner: string,
  numOutputs: number,
  higherIsBetter: boolean,
  value: (sums: { residual: Tensor; spread: Tensor; total: Tensor }) => Tensor,
): Recipe<Tensor> {
  checkCount('numOutputs', numOutputs, 1, owner);
  return {
    key: `spread:${numOutputs}`,
    higherIsBetter,
    states: [...['sumSquares', 'sum', 'residual'].map((name) => sumState(name, numOutputs)), totalState],
    count(preds, target) {
      const [x, y] = outputPair(owner, preds, target, numOutputs);
      const difference = y.sub(x);
      return [y.mul(y).sum(0), y.sum(0), difference.mul(difference).sum(0), countOf(y.size(0))];
    },
    value([sumSquares, sum, residual, total]) {
      const spread = sumSquares!.sub(sum!.mul(sum!.div(total!)));
      return value({ residual: residual!, spread, total: total! });
    },
  };
}

const owner = 'R2Score';

function recipe(options: R2ScoreOptions = {}): Recipe<Tensor> {
  const { numOutputs = 1, adjusted = 0, multioutput = 'uniformAverage' } = options;
  checkCount('adjusted', adjusted, 0, owner);
  checkChoice(owner, 'multioutput', multioutput, multioutputs);
  return spreadRecipe(owner, numOutputs, true, ({ residual, spread, total }) => {
    const count = total.item();
    if (count < 2)
      throw new MetricError(
        'NO_DATA',
        `${owner} has seen ${count} sample${count === 1 ? '' : 's'} and needs two or more.`,
      );
    // Constant targets: 1 for exact predictions, 0 for all others.
    const isOff = isAway(residual);
    const varies = isAway(spread);
    const exact = where(isOff, zeros([], { dtype: residual.dtype }), ones([], { dtype: residual.dtype }));
    const scores = where(isOff.logicalAnd(varies), residual.div(spread).neg().add(1), exact);
    return adjust(averageOutputs(scores, spread, multioutput), count, adjusted);
  });
}

/** Told from 0; NaN is. */
const isAway = (values: Tensor): Tensor => values.abs().le(1e-4).logicalNot();

function adjust(score: Tensor, count: number, variables: number): Tensor {
  if (variables === 0) return score;
  if (variables >= count - 1) {
    warn(
      'METRIC_TOO_FEW',
      `${owner}: ${count} samples are too few to adjust for ${variables} variables; it is left as it is.`,
    );
    return score;
  }
  return score
    .rsub(1)
    .mul((count - 1) / (count - variables - 1))
    .rsub(1);
}

/**
 * The coefficient of determination: 1 for exact predictions, 0 for those no better than the mean of the targets, below 0
 * for worse. Inputs `[batch]` or `[batch, outputs]`.
 *
 * @throws MetricError NO_DATA when computed from fewer than two samples
 */
export class R2Score extends RecipeMetric<Tensor> {
  constructor(options?: R2ScoreOptions) {
    super(recipe(options));
  }
}

export const r2Score = (preds: Tensor, target: Tensor, options: Omit<R2ScoreOptions, 'numOutputs'> = {}): Tensor =>
  valueOf(recipe({ ...options, numOutputs: outputsOf(preds) }), preds, target);
