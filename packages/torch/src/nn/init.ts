import { noGrad } from '../autograd.js';
import { empty, eye, tensor as makeTensor, randperm } from '../creation.js';
import { TorchError } from '../errors.js';
import { linalgQr } from '../functions.js';
import { block } from '../modeBlock.js';
import type { Generator } from '../random.js';
import type { Tensor } from '../tensor.js';
import { warn } from '../warnings.js';

export type Nonlinearity =
  | 'linear'
  | 'conv1d'
  | 'conv2d'
  | 'conv3d'
  | 'conv_transpose1d'
  | 'conv_transpose2d'
  | 'conv_transpose3d'
  | 'sigmoid'
  | 'tanh'
  | 'relu'
  | 'leaky_relu'
  | 'selu';
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
    case 'conv_transpose1d':
    case 'conv_transpose2d':
    case 'conv_transpose3d':
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
    throw new TorchError(
      'SHAPE_MISMATCH',
      `fan in and fan out need at least two dimensions, got [${shape.join(', ')}]`,
    );
  const field = shape.slice(2).reduce((a, b) => a * b, 1);
  return { fanIn: shape[1]! * field, fanOut: shape[0]! * field };
}

interface Draw {
  generator?: Generator;
}

let isSkipped = false;

const enterSkipInit = (): (() => void) => {
  const before = isSkipped;
  isSkipped = true;
  return () => {
    isSkipped = before;
  };
};

/**
 * Builds modules without first weights: what the functions of this file would fill keeps the memory it was given, and no
 * random number is drawn. For models whose weights are loaded right after; saves the time and touches no memory. What layers
 * set themselves, such as the ones and zeros of normalisation, is set.
 *
 * @throws TorchError AUTOGRAD when `build` returns a promise
 */
export const skipInit = <T>(build: () => T): T => block('skipInit', enterSkipInit, build);

/** Every function of this file writes through here. */
const fill = (tensor: Tensor, write: () => Tensor): Tensor => (isSkipped ? tensor : noGrad(write));

/** Fills with U(from, to). */
export const uniform_ = (tensor: Tensor, from = 0, to = 1, options: Draw = {}): Tensor =>
  fill(tensor, () => tensor.uniform_(from, to, options));
/** Fills with N(mean, std²). */
export const normal_ = (tensor: Tensor, mean = 0, std = 1, options: Draw = {}): Tensor =>
  fill(tensor, () => tensor.normal_(mean, std, options));
export const constant_ = (tensor: Tensor, value: number): Tensor => fill(tensor, () => tensor.fill_(value));
export const zeros_ = (tensor: Tensor): Tensor => fill(tensor, () => tensor.zero_());
export const ones_ = (tensor: Tensor): Tensor => fill(tensor, () => tensor.fill_(1));

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

export interface TruncNormalOptions extends Draw {
  /** Default 0. */
  mean?: number;
  /** Default 1. */
  std?: number;
  /** The least value; default −2. */
  a?: number;
  /** The largest value; default 2. */
  b?: number;
}
/** Fills with N(mean, std²) restricted to [a, b], by inversion of the distribution function. */
export function truncNormal_(
  tensor: Tensor,
  { mean = 0, std = 1, a = -2, b = 2, ...draw }: TruncNormalOptions = {},
): Tensor {
  if (mean < a - 2 * std || mean > b + 2 * std)
    warn(
      'TRUNC_NORMAL_FAR',
      `truncNormal_: the mean ${mean} is more than 2 standard deviations outside [${a}, ${b}]; the values may not be distributed as wanted`,
    );
  // 2 Φ(x) − 1 = erf(x / √2)
  const erf = (x: number) =>
    2 *
      ((1 +
        makeTensor(x / Math.SQRT2, { dtype: 'float64' })
          .erf()
          .item()) /
        2) -
    1;
  return fill(tensor, () =>
    tensor
      .uniform_(erf((a - mean) / std), erf((b - mean) / std), draw)
      .erfinv_()
      .mul_(std * Math.SQRT2)
      .add_(mean)
      .clamp_({ min: a, max: b }),
  );
}

/** Fills with a (semi-)orthogonal matrix, all but the first dimension taken together (Saxe et al. 2013). */
export function orthogonal_(tensor: Tensor, { gain = 1, generator }: XavierOptions = {}): Tensor {
  const { shape } = tensor;
  if (shape.length < 2)
    throw new TorchError('SHAPE_MISMATCH', `orthogonal_ needs at least two dimensions, got [${shape.join(', ')}]`);
  if (tensor.numel() === 0) return tensor;
  const rows = shape[0]!;
  const columns = tensor.numel() / rows;
  return fill(tensor, () => {
    const normal = empty([rows, columns], { dtype: tensor.dtype, device: tensor.device }).normal_(
      0,
      1,
      generator ? { generator } : {},
    );
    const isWide = rows < columns;
    const { Q, R } = linalgQr(isWide ? normal.t() : normal);
    const unique = Q.mul(R.diagonal().sign()); // uniform over the orthogonal matrices
    tensor.view([rows, columns]).copy_(isWide ? unique.t() : unique);
    return tensor.mul_(gain);
  });
}

/** Fills a matrix with the identity. */
export function eye_(tensor: Tensor): Tensor {
  const { shape } = tensor;
  if (shape.length !== 2)
    throw new TorchError('SHAPE_MISMATCH', `eye_ needs two dimensions, got [${shape.join(', ')}]`);
  return fill(tensor, () => tensor.copy_(eye(shape[0]!, shape[1]!, { dtype: tensor.dtype, device: tensor.device })));
}

/** Fills a convolution's weight [out, in, …kernel] so that it passes as many channels through as it can, in each of `groups`. */
export function dirac_(tensor: Tensor, groups = 1): Tensor {
  const { shape } = tensor;
  if (shape.length < 3 || shape.length > 5)
    throw new TorchError('SHAPE_MISMATCH', `dirac_ needs 3 to 5 dimensions, got [${shape.join(', ')}]`);
  if (shape[0]! % groups !== 0)
    throw new TorchError('ARGUMENT_RANGE', `the first dimension (${shape[0]}) must be divisible by groups (${groups})`);
  const perGroup = shape[0]! / groups;
  const centre = shape.slice(2).map((size) => Math.floor(size / 2));
  return fill(tensor, () => {
    tensor.zero_();
    for (let group = 0; group < groups; group++)
      for (let i = 0; i < Math.min(perGroup, shape[1]!); i++) tensor.setAt([group * perGroup + i, i, ...centre], 1);
    return tensor;
  });
}

/** Fills a matrix with N(0, std²) and sets a fraction `sparsity` of each column to 0 (Martens 2010). */
export function sparse_(
  tensor: Tensor,
  sparsity: number,
  { std = 0.01, generator }: Draw & { std?: number } = {},
): Tensor {
  const { shape } = tensor;
  if (shape.length !== 2)
    throw new TorchError('SHAPE_MISMATCH', `sparse_ needs two dimensions, got [${shape.join(', ')}]`);
  const [rows, columns] = shape as [number, number];
  const draw = generator ? { generator } : {};
  return fill(tensor, () => {
    tensor.normal_(0, std, draw);
    for (let column = 0; column < columns; column++) {
      const chosen = randperm(rows, draw).narrow(0, 0, Math.ceil(sparsity * rows));
      tensor.select(1, column).indexFill_(0, chosen, 0);
    }
    return tensor;
  });
}
