import { stack, type Tensor } from '@lightning-ts/torch';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { checkChoice, type OutputOptions, outputsOf } from './inputs.js';
import { keptRecipe } from './ranked.js';

export interface KendallRankCorrCoefOptions extends OutputOptions {
  /** `a` leaves ties out, `b` (default) corrects for them, `c` suits inputs with few different values. */
  readonly variant?: 'a' | 'b' | 'c';
}

const owner = 'KendallRankCorrCoef';
/** Rows of the table of pairs that are in memory at once. */
const blockSize = 256;

function tau(x: Tensor, y: Tensor, variant: 'a' | 'b' | 'c'): Tensor {
  const size = x.size(0);
  let agreement = 0;
  let decided = 0;
  for (let first = 0; first < size; first += blockSize) {
    const count = Math.min(blockSize, size - first);
    const signs = (values: Tensor): Tensor => values.narrow(0, first, count).unsqueeze(1).sub(values).sign();
    const product = signs(x).mul(signs(y));
    agreement += product.sum().item();
    decided += product.abs().sum().item();
  }
  // Every pair was met twice.
  const difference = agreement / 2;
  const scale = scaleOf(x, y, variant, decided / 2);
  return x.newFull([], difference / scale).clamp(-1, 1);
}

function scaleOf(x: Tensor, y: Tensor, variant: 'a' | 'b' | 'c', decided: number): number {
  if (variant === 'a') return decided;
  const size = x.size(0);
  const [runsX, runsY] = [x, y].map((values) => values.sort(0).values.uniqueConsecutive({ returnCounts: true })[2]);
  if (variant === 'c') {
    const fewest = Math.min(runsX!.size(0), runsY!.size(0));
    return ((fewest - 1) / fewest) * (size * size) * 0.5;
  }
  const untied = (runs: Tensor): number => (size * (size - 1)) / 2 - runs.mul(runs.sub(1)).sum().item() / 2;
  return Math.sqrt(untied(runsX!) * untied(runsY!));
}

function recipe({ numOutputs = 1, variant = 'b' }: KendallRankCorrCoefOptions = {}): Recipe<Tensor> {
  checkChoice(owner, 'variant', variant, ['a', 'b', 'c']);
  return keptRecipe(owner, numOutputs, (preds, target) => {
    const columns = preds.unbind(1);
    const values = target.unbind(1).map((column, output) => tau(columns[output]!, column, variant));
    return numOutputs === 1 ? values[0]! : stack(values);
  });
}

/**
 * Kendall's tau: how many more pairs of samples are in the same order in both inputs than in the other, of all pairs. Keeps
 * all inputs, `[batch]` or `[batch, outputs]`; takes time by the square of their number.
 */
export class KendallRankCorrCoef extends RecipeMetric<Tensor> {
  constructor(options?: KendallRankCorrCoefOptions) {
    super(recipe(options));
  }
}

export const kendallRankCorrCoef = (
  preds: Tensor,
  target: Tensor,
  options: Omit<KendallRankCorrCoefOptions, 'numOutputs'> = {},
): Tensor => valueOf(recipe({ ...options, numOutputs: outputsOf(preds) }), preds, target);
