import { TorchError } from '../../errors.js';
import * as torch from '../../functions.js';
import type { Tensor } from '../../tensor.js';

export interface RmsNormOptions {
  /** Scale [...normalizedShape]. */
  weight?: Tensor | null;
  /** Added to the mean square; default the dtype's machine epsilon. */
  eps?: number | null;
}

const machineEpsilon: Record<string, number> = {
  float64: 2 ** -52,
  float32: 2 ** -23,
  float16: 2 ** -10,
  bfloat16: 2 ** -7,
};

/** Divides by the root mean square over the last dimensions `normalizedShape` (Zhang and Sennrich 2019). */
export function rmsNorm(
  input: Tensor,
  normalizedShape: readonly number[],
  { weight = null, eps = null }: RmsNormOptions = {},
): Tensor {
  const { shape } = input;
  if (normalizedShape.length === 0 || String(shape.slice(-normalizedShape.length)) !== String(normalizedShape))
    throw new TorchError(
      'SHAPE_MISMATCH',
      `rmsNorm expects an input ending in [${normalizedShape.join(', ')}], got [${shape.join(', ')}]`,
    );
  const dims = normalizedShape.map((_, i) => i - normalizedShape.length);
  const scale = input
    .square()
    .mean(dims, true)
    .add(eps ?? machineEpsilon[input.dtype] ?? 2 ** -23)
    .rsqrt();
  const normalized = input.mul(scale);
  return weight === null ? normalized : normalized.mul(weight);
}

export interface InstanceNormOptions {
  runningMean?: Tensor | null;
  runningVar?: Tensor | null;
  weight?: Tensor | null;
  bias?: Tensor | null;
  /** The statistics of the input rather than the running ones; default true. */
  useInputStats?: boolean;
  /** Default 0.1. */
  momentum?: number;
  /** Default 1e-5. */
  eps?: number;
}

/** Normalises each channel of each sample over space: [batch, channels, …]. */
export function instanceNorm(input: Tensor, options: InstanceNormOptions = {}): Tensor {
  const {
    weight = null,
    bias = null,
    runningMean = null,
    runningVar = null,
    useInputStats = true,
    momentum = 0.1,
    eps = 1e-5,
  } = options;
  const { shape } = input;
  if (useInputStats && shape.slice(2).reduce((a, b) => a * b, 1) === 1)
    throw new TorchError(
      'SHAPE_MISMATCH',
      `instance normalisation needs more than one position per channel when training, got [${shape.join(', ')}]`,
    );
  return torch.instanceNorm(input, weight, bias, runningMean, runningVar, useInputStats, momentum, eps, true);
}

export interface LocalResponseNormOptions {
  /** Default 1e-4. */
  alpha?: number;
  /** Default 0.75. */
  beta?: number;
  /** Default 1. */
  k?: number;
}

/** Divides by (k + alpha · mean square of `size` neighbouring channels)^beta: [batch, channels, …] (Krizhevsky et al. 2012). */
export function localResponseNorm(
  input: Tensor,
  size: number,
  { alpha = 1e-4, beta = 0.75, k = 1 }: LocalResponseNormOptions = {},
): Tensor {
  const { shape } = input;
  if (shape.length < 3)
    throw new TorchError('SHAPE_MISMATCH', `localResponseNorm expects 3 or more dimensions, got [${shape.join(', ')}]`);
  if (input.numel() === 0) return input;
  const before = Math.floor(size / 2);
  const after = Math.floor((size - 1) / 2);
  const squares = input.mul(input).unsqueeze(1);
  let means: Tensor;
  if (shape.length === 3)
    means = torch.avgPool2d(torch.pad(squares, [0, 0, before, after]), [size, 1], [1, 1]).squeeze(1);
  else {
    const [batch, channels, height] = shape as [number, number, number];
    const flat = squares.view([batch, 1, channels, height, -1]);
    means = torch
      .avgPool3d(torch.pad(flat, [0, 0, 0, 0, before, after]), [size, 1, 1], [1, 1, 1])
      .squeeze(1)
      .view(shape);
  }
  return input.div(means.mul(alpha).add(k).pow(beta));
}
