import { rand } from '../../creation.js';
import { TorchError } from '../../errors.js';
import * as torch from '../../functions.js';
import type { Tensor } from '../../tensor.js';
import { spread } from '../pythonText.js';

export interface LpPoolOptions {
  /** Default: the kernel size. */
  stride?: number | number[];
  /** Round the output size up instead of down; default false. */
  ceilMode?: boolean;
}

function root(sums: Tensor, count: number, normType: number): Tensor {
  return sums
    .sign()
    .mul(sums.abs().relu())
    .mul(count)
    .pow(1 / normType);
}

/** The p-norm of each window, p = normType: [batch, channels, length] → [batch, channels, length′]. */
export function lpPool1d(
  input: Tensor,
  normType: number,
  kernelSize: number,
  { stride, ceilMode = false }: LpPoolOptions = {},
): Tensor {
  const means = torch.avgPool1d(input.pow(normType), kernelSize, stride ?? kernelSize, 0, ceilMode);
  return root(means, kernelSize, normType);
}
/** The p-norm of each window, p = normType: [batch, channels, height, width] → [batch, channels, height′, width′]. */
export function lpPool2d(
  input: Tensor,
  normType: number,
  kernelSize: number | number[],
  { stride, ceilMode = false }: LpPoolOptions = {},
): Tensor {
  const means = torch.avgPool2d(input.pow(normType), kernelSize, stride ?? kernelSize, 0, ceilMode);
  const [height, width] = spread(kernelSize, 2) as [number, number];
  return root(means, height * width, normType);
}

export interface MaxUnpoolOptions {
  /** Default: the kernel size. */
  stride?: number | number[];
  /** Default 0. */
  padding?: number | number[];
  /** Chooses among the sizes that the pooling maps to the same output; all sizes, or those of space. */
  outputSize?: number[] | null;
}

function unpooledSize(
  input: Tensor,
  kernel: number[],
  stride: number[],
  padding: number[],
  wanted: number[] | null,
): number[] {
  const { shape } = input;
  const dimensions = kernel.length;
  const usual = kernel.map(
    (size, i) => (shape[shape.length - dimensions + i]! - 1) * stride[i]! + size - 2 * padding[i]!,
  );
  if (wanted === null) return usual;
  const sizes = wanted.length === dimensions + 2 ? wanted.slice(2) : wanted;
  if (sizes.length !== dimensions)
    throw new TorchError(
      'SHAPE_MISMATCH',
      `outputSize must have ${dimensions} or ${dimensions + 2} entries, got [${wanted.join(', ')}]`,
    );
  sizes.forEach((size, i) => {
    const [low, high] = [usual[i]! - stride[i]!, usual[i]! + stride[i]!];
    if (size <= low || size >= high)
      throw new TorchError(
        'ARGUMENT_RANGE',
        `outputSize [${wanted.join(', ')}]: dimension ${i} must lie between ${low} and ${high}, both excluded`,
      );
  });
  return sizes;
}

function unpool(
  dimensions: number,
  input: Tensor,
  indices: Tensor,
  kernelSize: number | number[],
  options: MaxUnpoolOptions,
): Tensor {
  const kernel = spread(kernelSize, dimensions);
  const stride = spread(options.stride ?? kernelSize, dimensions);
  const padding = spread(options.padding ?? 0, dimensions);
  const size = unpooledSize(input, kernel, stride, padding, options.outputSize ?? null);
  if (dimensions === 3) return torch.maxUnpool3d(input, indices, size, stride, padding);
  if (dimensions === 2) return torch.maxUnpool2d(input, indices, size);
  return torch.maxUnpool2d(input.unsqueeze(-1), indices.unsqueeze(-1), [...size, 1]).squeeze(-1);
}

/** Puts pooled values back where `indices` say and zeros elsewhere: [batch, channels, length′] → [batch, channels, length]. */
export const maxUnpool1d = (
  input: Tensor,
  indices: Tensor,
  kernelSize: number | number[],
  options: MaxUnpoolOptions = {},
): Tensor => unpool(1, input, indices, kernelSize, options);
/** Puts pooled values back where `indices` say and zeros elsewhere: [batch, channels, height′, width′]. */
export const maxUnpool2d = (
  input: Tensor,
  indices: Tensor,
  kernelSize: number | number[],
  options: MaxUnpoolOptions = {},
): Tensor => unpool(2, input, indices, kernelSize, options);
/** Puts pooled values back where `indices` say and zeros elsewhere: [batch, channels, depth′, height′, width′]. */
export const maxUnpool3d = (
  input: Tensor,
  indices: Tensor,
  kernelSize: number | number[],
  options: MaxUnpoolOptions = {},
): Tensor => unpool(3, input, indices, kernelSize, options);

export interface FractionalMaxPoolOptions {
  /** The size wanted; this or `outputRatio`. */
  outputSize?: number | number[];
  /** The size wanted as a fraction of the input's. */
  outputRatio?: number | number[];
  /** Where the windows fall, uniform in [0, 1): [batch, channels, 2 or 3]; drawn when left out. */
  randomSamples?: Tensor;
}

function fractional(
  dimensions: number,
  input: Tensor,
  kernelSize: number | number[],
  options: FractionalMaxPoolOptions,
): [Tensor, Tensor] {
  const { outputSize, outputRatio } = options;
  if ((outputSize === undefined) === (outputRatio === undefined))
    throw new TorchError('ARGUMENT_TYPE', 'fractional max pooling needs outputSize or outputRatio, one of the two');
  const { shape } = input;
  const space = shape.slice(-dimensions);
  const size =
    outputSize === undefined
      ? spread(outputRatio!, dimensions).map((ratio, i) => Math.trunc(space[i]! * ratio))
      : spread(outputSize, dimensions);
  const batch = shape.length === dimensions + 1 ? 1 : shape[0]!;
  const samples =
    options.randomSamples ??
    rand([batch, shape[shape.length - dimensions - 1]!, dimensions], { dtype: input.dtype, device: input.device });
  const pool = dimensions === 2 ? torch.fractionalMaxPool2d : torch.fractionalMaxPool3d;
  return pool(input, spread(kernelSize, dimensions), size, samples);
}

/** Max pooling with windows at random steps (Graham 2014); values and positions: [batch, channels, height, width]. */
export const fractionalMaxPool2dWithIndices = (
  input: Tensor,
  kernelSize: number | number[],
  options: FractionalMaxPoolOptions,
): [Tensor, Tensor] => fractional(2, input, kernelSize, options);
/** Max pooling with windows at random steps (Graham 2014): [batch, channels, height, width]. */
export const fractionalMaxPool2d = (
  input: Tensor,
  kernelSize: number | number[],
  options: FractionalMaxPoolOptions,
): Tensor => fractional(2, input, kernelSize, options)[0];
/** Max pooling with windows at random steps (Graham 2014); values and positions: [batch, channels, depth, height, width]. */
export const fractionalMaxPool3dWithIndices = (
  input: Tensor,
  kernelSize: number | number[],
  options: FractionalMaxPoolOptions,
): [Tensor, Tensor] => fractional(3, input, kernelSize, options);
/** Max pooling with windows at random steps (Graham 2014): [batch, channels, depth, height, width]. */
export const fractionalMaxPool3d = (
  input: Tensor,
  kernelSize: number | number[],
  options: FractionalMaxPoolOptions,
): Tensor => fractional(3, input, kernelSize, options)[0];

/** The largest values of windows that give `outputSize` of them: [batch, channels, length]. */
export const adaptiveMaxPool1d = (input: Tensor, outputSize: number | number[]): Tensor =>
  torch.adaptiveMaxPool1d(input, spread(outputSize, 1))[0];
/** The largest values of windows that give `outputSize` of them: [batch, channels, height, width]. */
export const adaptiveMaxPool2d = (input: Tensor, outputSize: number | number[]): Tensor =>
  torch.adaptiveMaxPool2d(input, spread(outputSize, 2))[0];
/** The largest values of windows that give `outputSize` of them: [batch, channels, depth, height, width]. */
export const adaptiveMaxPool3d = (input: Tensor, outputSize: number | number[]): Tensor =>
  torch.adaptiveMaxPool3d(input, spread(outputSize, 3))[0];
