import { type Tensor, tensor, zeros } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import type { Recipe, RecipeState } from '../recipe.js';

export interface OutputOptions {
  /** How many values each sample has: inputs are `[batch]` for 1 (default), `[batch, outputs]` for more. */
  readonly numOutputs?: number;
}

/** How the scores of several outputs become one. */
export type Multioutput = 'uniformAverage' | 'rawValues' | 'varianceWeighted';

/** How the values of several samples become one. */
export type SampleReduction = 'mean' | 'sum' | 'none';

/** @throws MetricError SHAPE_MISMATCH unless both have one shape */
export function checkSameShape(owner: string, preds: Tensor, target: Tensor): void {
  const { shape } = preds;
  const { shape: other } = target;
  if (shape.length === other.length && shape.every((size, dim) => size === other[dim])) return;
  throw new MetricError(
    'SHAPE_MISMATCH',
    `${owner}: preds [${shape}] and target [${other}] differ in shape. Give both the same.`,
  );
}

/** Both as floating-point numbers of at least 32 bits. @throws MetricError SHAPE_MISMATCH, DTYPE_INVALID */
export function floatPair(owner: string, preds: Tensor, target: Tensor): [preds: Tensor, target: Tensor] {
  checkSameShape(owner, preds, target);
  return [realNumbers(owner, preds), realNumbers(owner, target)];
}

/** The pair as `[batch]` for one output and `[batch, outputs]` for more. @throws MetricError SHAPE_MISMATCH, DTYPE_INVALID */
export function outputPair(
  owner: string,
  preds: Tensor,
  target: Tensor,
  numOutputs: number,
): [preds: Tensor, target: Tensor] {
  const pair = floatPair(owner, preds, target);
  const dims = preds.dim();
  const found = dims === 1 ? 1 : dims === 2 ? preds.size(1) : -1;
  if (found !== numOutputs) {
    const wanted = numOutputs === 1 ? '[batch] or [batch, 1]' : `[batch, ${numOutputs}]`;
    throw new MetricError(
      'SHAPE_MISMATCH',
      `${owner}: numOutputs is ${numOutputs}, which takes ${wanted}, but preds has [${preds.shape}].`,
    );
  }
  return dims === 2 && numOutputs === 1 ? [pair[0].squeeze(1), pair[1].squeeze(1)] : pair;
}

/** The number of outputs of a functional form: the size of the second dimension, or 1. */
export const outputsOf = (preds: Tensor): number => (preds.dim() === 2 ? preds.size(1) : 1);

/** @throws MetricError OPTION_INVALID for a value that is not among `allowed` */
export function checkChoice(owner: string, name: string, value: unknown, allowed: readonly unknown[]): void {
  if (allowed.includes(value)) return;
  throw new MetricError('OPTION_INVALID', `${owner}: ${name} is '${String(value)}'. Use one of ${allowed.join(', ')}.`);
}

/** A count as the tensor that a recipe adds up. */
export const countOf = (count: number): Tensor => tensor(count, { dtype: 'int64' });

/** A sum over the samples: 0-d for one output, `[outputs]` for more. */
export const sumState = (name: string, numOutputs: number): RecipeState => ({
  name,
  zero: () => zeros(numOutputs === 1 ? [] : [numOutputs]),
});

/** How many samples there were. */
export const totalState: RecipeState = { name: 'total', zero: () => tensor(0, { dtype: 'int64' }) };

/** The recipe of a mean: a sum over all samples, and what it is divided by. */
export function meanRecipe(
  key: string,
  count: (preds: Tensor, target: Tensor) => readonly [sum: Tensor, total: Tensor],
  value: (sum: Tensor, total: Tensor) => Tensor = (sum, total) => sum.div(total),
  numOutputs = 1,
): Recipe<Tensor> {
  return {
    key,
    higherIsBetter: false,
    states: [sumState('sum', numOutputs), totalState],
    count,
    value: ([sum, total]) => value(sum!, total!),
  };
}

/** One score from those of each output. @param variances how the targets of each output vary; the weights, where asked for */
export function averageOutputs(scores: Tensor, variances: Tensor, multioutput: Multioutput): Tensor {
  switch (multioutput) {
    case 'rawValues':
      return scores;
    case 'uniformAverage':
      return scores.mean();
    default:
      return variances.div(variances.sum()).mul(scores).sum();
  }
}

export const multioutputs: readonly Multioutput[] = ['uniformAverage', 'rawValues', 'varianceWeighted'];

function realNumbers(owner: string, values: Tensor): Tensor {
  const { dtype } = values;
  if (dtype === 'float32' || dtype === 'float64') return values;
  if (values.isComplex())
    throw new MetricError('DTYPE_INVALID', `${owner}: ${dtype} has no order. Give real numbers, such as .abs().`);
  return values.float();
}
