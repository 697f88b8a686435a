import { noGrad } from '../../autograd.js';
import { TorchError } from '../../errors.js';
import * as torch from '../../functions.js';
import type { Tensor } from '../../tensor.js';
import { type LossOptions, type Reduction, reduced, reductionNumber } from './reduction.js';

export interface SmoothL1LossOptions extends LossOptions {
  /** Differences below this count squared; default 1. */
  beta?: number;
}
/** Squared below `beta`, absolute above, divided by beta (Girshick 2015). */
export function smoothL1Loss(input: Tensor, target: Tensor, { beta = 1, reduction }: SmoothL1LossOptions = {}): Tensor {
  const [a, b] = torch.broadcastTensors([input, target]) as [Tensor, Tensor];
  return torch.smoothL1Loss(a, b, reductionNumber(reduction), beta);
}

export interface HuberLossOptions extends LossOptions {
  /** Differences below this count squared; default 1. */
  delta?: number;
}
/** Squared below `delta`, absolute times delta above. */
export function huberLoss(input: Tensor, target: Tensor, { delta = 1, reduction }: HuberLossOptions = {}): Tensor {
  const [a, b] = torch.broadcastTensors([input, target]) as [Tensor, Tensor];
  return torch.huberLoss(a, b, reductionNumber(reduction), delta);
}

export interface KlDivOptions {
  /** `mean` (default) divides by all elements, `batchmean` by the batch size as the definition does. */
  reduction?: Reduction | 'batchmean';
  /** The target holds log-probabilities too; default false. */
  logTarget?: boolean;
}
/** Kullback-Leibler divergence of a target distribution from log-probabilities `input`: target · (log target − input). */
export function klDiv(
  input: Tensor,
  target: Tensor,
  { reduction = 'mean', logTarget = false }: KlDivOptions = {},
): Tensor {
  if (reduction !== 'batchmean') return torch.klDiv(input, target, reductionNumber(reduction), { logTarget });
  const sum = torch.klDiv(input, target, reductionNumber('sum'), { logTarget });
  return input.dim() === 0 ? sum : sum.div(input.size(0));
}

export interface PoissonNllLossOptions extends LossOptions {
  /** The input is the logarithm of the rate; default true. */
  logInput?: boolean;
  /** Add Stirling's term for the factorial of the target; default false. */
  full?: boolean;
  /** Keeps the logarithm finite when `logInput` is false; default 1e-8. */
  eps?: number;
}
/** Negative log likelihood of counts `target` under Poisson rates. */
export const poissonNllLoss = (input: Tensor, target: Tensor, options: PoissonNllLossOptions = {}): Tensor =>
  torch.poissonNllLoss(
    input,
    target,
    options.logInput ?? true,
    options.full ?? false,
    options.eps ?? 1e-8,
    reductionNumber(options.reduction),
  );

export interface GaussianNllLossOptions extends LossOptions {
  /** Add the constant log(2π) / 2; default false. */
  full?: boolean;
  /** The least variance; default 1e-6. */
  eps?: number;
}

function varianceFor(input: Tensor, variance: Tensor): Tensor {
  const [wanted, given] = [input.shape, variance.shape];
  const outer = String(wanted.slice(0, -1));
  if (String(wanted) === String(given)) return variance;
  if (outer === String(given)) return variance.unsqueeze(-1);
  if (outer === String(given.slice(0, -1)) && given.at(-1) === 1) return variance;
  throw new TorchError(
    'SHAPE_MISMATCH',
    `the variance [${given.join(', ')}] must have the shape of the input [${wanted.join(', ')}], or lack or have 1 in the last dimension`,
  );
}

/** Negative log likelihood of `target` under normal distributions with means `input` and the given variances. */
export function gaussianNllLoss(
  input: Tensor,
  target: Tensor,
  variance: Tensor,
  options: GaussianNllLossOptions = {},
): Tensor {
  const { full = false, eps = 1e-6, reduction } = options;
  reductionNumber(reduction);
  const given = varianceFor(input, variance);
  if (given.lt(0).any().item()) throw new TorchError('ARGUMENT_RANGE', 'a variance must not be negative');
  const clamped = given.clone();
  noGrad(() => clamped.clampMin_(eps)); // the gradient passes as if nothing were clamped
  let losses = clamped.log().add(input.sub(target).pow(2).div(clamped)).mul(0.5);
  if (full) losses = losses.add(0.5 * Math.log(2 * Math.PI));
  return reduced(losses, reduction);
}

export interface CtcLossOptions extends LossOptions {
  /** The class that stands for nothing; default 0. */
  blank?: number;
  /** 0 instead of infinity where the input is too short for the target; default false. */
  zeroInfinity?: boolean;
}
/**
 * Connectionist temporal classification (Graves et al. 2006): log-probabilities [time, batch, classes] (or [time, classes])
 * against int64 targets [batch, longest] or all in a row, with the lengths of both for each sample.
 */
export function ctcLoss(
  logProbs: Tensor,
  targets: Tensor,
  inputLengths: Tensor | number[],
  targetLengths: Tensor | number[],
  options: CtcLossOptions = {},
): Tensor {
  const { blank = 0, zeroInfinity = false, reduction } = options;
  if (Array.isArray(inputLengths) !== Array.isArray(targetLengths))
    throw new TorchError('ARGUMENT_TYPE', 'inputLengths and targetLengths must both be arrays, or both tensors');
  return torch.ctcLoss(
    logProbs,
    targets,
    inputLengths as Tensor,
    targetLengths as Tensor,
    blank,
    reductionNumber(reduction),
    zeroInfinity,
  );
}
