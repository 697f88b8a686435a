import { TorchError } from '../../errors.js';
import type { Tensor } from '../../tensor.js';

/** How the losses of the elements become one: their mean (default), their sum, or not at all. */
export type Reduction = 'mean' | 'sum' | 'none';

export interface LossOptions {
  reduction?: Reduction;
}

const reductions: Record<Reduction, number> = { none: 0, mean: 1, sum: 2 };

/** The engine's number of a reduction. */
export function reductionNumber(reduction: Reduction = 'mean'): number {
  const number = reductions[reduction];
  if (number === undefined)
    throw new TorchError('ARGUMENT_TYPE', `reduction must be 'mean', 'sum' or 'none', got '${reduction as string}'`);
  return number;
}

export function reduced(losses: Tensor, reduction: Reduction | undefined): Tensor {
  const number = reductionNumber(reduction);
  if (number === 0) return losses;
  return number === 1 ? losses.mean() : losses.sum();
}
