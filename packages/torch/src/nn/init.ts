import { noGrad } from '../autograd.js';
import { TorchError } from '../errors.js';
import type { Generator } from '../random.js';
import type { Tensor } from '../tensor.js';

export type Nonlinearity = 'linear' | 'conv1d' | 'conv2d' | 'conv3d' | 'sigmoid' | 'tanh' | 'relu' | 'leaky_relu' | 'selu';
export type FanMode = 'fan_in' | 'fan_out';

/** The factor that keeps the variance through a nonlinearity. `param` is leaky_relu's negative slope (default 0.01). */
export function calculateGain(nonlinearity: Nonlinearity, param?: number): number {
  switch (nonlinearity) {
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.sqrt(2);
    case 'leaky_relu':
      return Math.sqrt(2 / (1 + (param ?? 0.01) ** 2));
    case 'selu':
      return 3 / 4;
    case 'linear':
    case 'conv1d':
    case 'conv2d':
    case 'conv3d':
    case 'sigmoid':
      return 1;
    default:
      throw new TorchError('ARGUMENT_TYPE', `'${nonlinearity}' is no nonlinearity this knows a gain for`);
  }
}

/** Inputs and outputs of a weight [out, in, ...kernel]. */
export function calculateFans(tensor: Tensor): { fanIn: number; fanOut: number } {
  const { shape } = tensor;
  if (shape.length < 2)
    throw new TorchError('SHAPE_MISMATCH', `fan in and fan out need at least two dimensions, got [${shape.join(', ')}]`);
  const field = shape.slice(2).reduce((a, b) => a * b, 1);
  return { fanIn: shape[1]! * field, fanOut: shape[0]! * field };
}

interface Draw {
  generator?: Generator;
}

/** Fills with U(from, to). */
export const uniform_ = (tensor: Tensor, from = 0, to = 1, options: Draw = {}): Tensor => noGrad(() => tensor.uniform_(from, to, options));
/** Fills with N(mean, std²). */
export const normal_ = (tensor: Tensor, mean = 0, std = 1, options: Draw = {}): Tensor => noGrad(() => tensor.normal_(mean, std, options));
export const constant_ = (tensor: Tensor, value: number): Tensor => noGrad(() => tensor.fill_(value));
export const zeros_ = (tensor: Tensor): Tensor => noGrad(() => tensor.zero_());
export const ones_ = (tensor: Tensor): Tensor => noGrad(() => tensor.fill_(1));

export interface KaimingOptions extends Draw {
  /** Negative slope of the following leaky ReLU; default 0. */
  a?: number;
  /** Keep the variance of the forward (`fan_in`, default) or of the backward pass. */
  mode?: FanMode;
  /** Default `leaky_relu`. */
  nonlinearity?: Nonlinearity;
}

function kaimingStd(tensor: Tensor, { a = 0, mode = 'fan_in', nonlinearity = 'leaky_relu' }: KaimingOptions): number {
  const { fanIn, fanOut } = calculateFans(tensor);
  return calculateGain(nonlinearity, a) / Math.sqrt(mode === 'fan_in' ? fanIn : fanOut);
}

/** He et al. 2015, uniform: U(±√3 · gain / √fan). */
export function kaimingUniform_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingStd(tensor, options);
  return uniform_(tensor, -bound, bound, options.generator ? { generator: options.generator } : {});
}
/** He et al. 2015, normal: N(0, gain² / fan). */
export const kaimingNormal_ = (tensor: Tensor, options: KaimingOptions = {}): Tensor =>
  normal_(tensor, 0, kaimingStd(tensor, options), options.generator ? { generator: options.generator } : {});

export interface XavierOptions extends Draw {
  gain?: number;
}
/** Glorot and Bengio 2010, uniform. */
export function xavierUniform_(tensor: Tensor, { gain = 1, ...draw }: XavierOptions = {}): Tensor {
  const { fanIn, fanOut } = calculateFans(tensor);
  const bound = Math.sqrt(3) * (gain * Math.sqrt(2 / (fanIn + fanOut)));
  return uniform_(tensor, -bound, bound, draw);
}
/** Glorot and Bengio 2010, normal. */
export function xavierNormal_(tensor: Tensor, { gain = 1, ...draw }: XavierOptions = {}): Tensor {
  const { fanIn, fanOut } = calculateFans(tensor);
  return normal_(tensor, 0, gain * Math.sqrt(2 / (fanIn + fanOut)), draw);
}
