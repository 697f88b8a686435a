import { invokeN } from '../../dispatch.js';
import type { DType } from '../../dtype.js';
import * as torch from '../../functions.js';
import { zerosLike } from '../../functions.js';
import { operatorId } from '../../operatorId.js';
import type { Generator } from '../../random.js';
import type { Tensor } from '../../tensor.js';

const softmaxId = operatorId('aten::softmax');
const logSoftmaxId = operatorId('aten::log_softmax');

/** Probabilities along `dim`. */
export const softmax = (input: Tensor, dim: number, options: { dtype?: DType } = {}): Tensor =>
  invokeN(softmaxId, [input, dim, options.dtype]) as Tensor;
/** Log-probabilities along `dim`. */
export const logSoftmax = (input: Tensor, dim: number, options: { dtype?: DType } = {}): Tensor =>
  invokeN(logSoftmaxId, [input, dim, options.dtype]) as Tensor;
/** Probabilities along `dim` that are largest for the smallest values. */
export const softmin = (input: Tensor, dim: number, options: { dtype?: DType } = {}): Tensor =>
  softmax(input.neg(), dim, options);

/** x / (1 + |x|). */
export const softsign = (input: Tensor): Tensor => input.div(input.abs().add(1));
/** x − tanh(x). */
export const tanhshrink = (input: Tensor): Tensor => input.sub(input.tanh());
/** x where it exceeds `threshold`, `value` elsewhere. */
export const threshold = (input: Tensor, limit: number, value: number): Tensor => torch.threshold(input, limit, value);
/** x where |x| > lambd (default 0.5), 0 elsewhere. */
export const hardshrink = (input: Tensor, lambd = 0.5): Tensor => torch.hardshrink(input, lambd);
/** x moved towards 0 by lambd (default 0.5), 0 where |x| ≤ lambd. */
export const softshrink = (input: Tensor, lambd = 0.5): Tensor => torch.softshrink(input, lambd);

export interface RreluOptions {
  /** Default 1/8. */
  lower?: number;
  /** Default 1/3. */
  upper?: number;
  /** Random slopes; otherwise their mean. Default false. */
  training?: boolean;
  generator?: Generator;
}
/** Leaky ReLU whose slope is drawn from U(lower, upper) for each element while training (Xu et al. 2015). */
export const rrelu = (
  input: Tensor,
  { lower = 1 / 8, upper = 1 / 3, training = false, generator }: RreluOptions = {},
): Tensor => torch.rrelu(input, lower, upper, training, generator ?? null);

/** Scales each vector along `dim` (default 1) to length 1 in the p-norm (default 2); lengths below `eps` (1e-12) count as eps. */
export function normalize(input: Tensor, options: { p?: number; dim?: number; eps?: number } = {}): Tensor {
  const { p = 2, dim = 1, eps = 1e-12 } = options;
  const length = torch.norm(input, p, [dim], true).clampMin(eps).expandAs(input);
  return input.div(length);
}

export interface GumbelSoftmaxOptions {
  /** Temperature; default 1. */
  tau?: number;
  /** One-hot forward with the gradient of the soft sample; default false. */
  hard?: boolean;
  /** Default −1. */
  dim?: number;
  generator?: Generator;
}
/** A sample of the Gumbel-softmax distribution for unnormalised log-probabilities (Jang et al. 2017). */
export function gumbelSoftmax(
  logits: Tensor,
  { tau = 1, hard = false, dim = -1, generator }: GumbelSoftmaxOptions = {},
): Tensor {
  const noise = zerosLike(logits.detach(), { memoryFormat: 'contiguous_format' })
    .exponential_(1, generator ? { generator } : {})
    .log()
    .neg();
  const soft = softmax(logits.add(noise).div(tau), dim);
  if (!hard) return soft;
  const largest = soft.max(dim, true).indices;
  const oneHot = zerosLike(logits.detach(), { memoryFormat: 'contiguous_format' }).scatter_(dim, largest, 1);
  return oneHot.sub(soft.detach()).add(soft);
}
