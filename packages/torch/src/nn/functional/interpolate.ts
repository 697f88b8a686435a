import { invokeN } from '../../dispatch.js';
import { TorchError } from '../../errors.js';
import * as torch from '../../functions.js';
import { operatorId } from '../../operatorId.js';
import type { Tensor } from '../../tensor.js';
import { spread } from '../pythonText.js';

export type InterpolationMode = 'nearest' | 'nearest-exact' | 'linear' | 'bilinear' | 'bicubic' | 'trilinear' | 'area';

export interface InterpolateOptions {
  /** The size wanted; this or `scaleFactor`. */
  size?: number | number[] | null;
  /** The size wanted as a multiple of the input's. */
  scaleFactor?: number | number[] | null;
  /** Default `nearest`. */
  mode?: InterpolationMode;
  /** Keep the corner values where they are, in the linear and cubic modes; default false. */
  alignCorners?: boolean | null;
  /** Work with the ratio of the rounded sizes instead of `scaleFactor`; default false. */
  recomputeScaleFactor?: boolean | null;
  /** Smooth while shrinking, in `bilinear` and `bicubic`; default false. */
  antialias?: boolean;
}

const names = {
  nearest: ['upsample_nearest1d', 'upsample_nearest2d', 'upsample_nearest3d'],
  'nearest-exact': ['_upsample_nearest_exact1d', '_upsample_nearest_exact2d', '_upsample_nearest_exact3d'],
  linear: ['upsample_linear1d', null, null],
  bilinear: [null, 'upsample_bilinear2d', null],
  bicubic: [null, 'upsample_bicubic2d', null],
  trilinear: [null, null, 'upsample_trilinear3d'],
} as const;

const smoothed: Partial<Record<InterpolationMode, string>> = {
  bilinear: '_upsample_bilinear2d_aa',
  bicubic: '_upsample_bicubic2d_aa',
};

function area(input: Tensor, size: number[]): Tensor {
  if (size.length === 1) return torch.adaptiveAvgPool1d(input, size);
  return size.length === 2 ? torch.adaptiveAvgPool2d(input, size) : torch.adaptiveAvgPool3d(input, size);
}

/** Makes an image (or line, or volume) larger or smaller: [batch, channels, …space] → [batch, channels, …size]. */
export function interpolate(input: Tensor, options: InterpolateOptions): Tensor {
  const {
    size = null,
    scaleFactor = null,
    mode = 'nearest',
    alignCorners = null,
    recomputeScaleFactor = null,
    antialias = false,
  } = options;
  const { shape } = input;
  const dimensions = shape.length - 2;
  if (dimensions < 1 || dimensions > 3)
    throw new TorchError('SHAPE_MISMATCH', `interpolate expects 3 to 5 dimensions, got [${shape.join(', ')}]`);
  if ((size === null) === (scaleFactor === null))
    throw new TorchError('ARGUMENT_TYPE', 'interpolate needs size or scaleFactor, one of the two');
  for (const given of [size, scaleFactor])
    if (Array.isArray(given) && given.length !== dimensions)
      throw new TorchError(
        'SHAPE_MISMATCH',
        `interpolate on [${shape.join(', ')}] needs ${dimensions} sizes or factors, got [${given.join(', ')}]`,
      );
  if (recomputeScaleFactor && size !== null)
    throw new TorchError('ARGUMENT_TYPE', 'recomputeScaleFactor means nothing beside size');
  const isLinear = !['nearest', 'nearest-exact', 'area'].includes(mode);
  if (!isLinear && alignCorners !== null)
    throw new TorchError(
      'ARGUMENT_TYPE',
      `alignCorners goes with linear, bilinear, bicubic and trilinear, not with '${mode}'`,
    );
  let factors = scaleFactor === null ? null : spread(scaleFactor, dimensions);
  let wanted = size === null ? null : spread(size, dimensions);
  if (factors !== null && (recomputeScaleFactor || mode === 'area')) {
    wanted = factors.map((factor, i) => Math.floor(shape[i + 2]! * factor));
    factors = null;
  }
  if (mode === 'area') return area(input, wanted!);
  const name = names[mode]?.[dimensions - 1];
  if (name === undefined || name === null)
    throw new TorchError('SHAPE_MISMATCH', `interpolation mode '${mode}' does not go with input [${shape.join(', ')}]`);
  const smooth = smoothed[mode];
  if (antialias && smooth === undefined)
    throw new TorchError('ARGUMENT_TYPE', `antialias goes with bilinear and bicubic, not with '${mode}'`);
  const id = operatorId(`aten::${antialias ? smooth : name}`);
  return invokeN(id, isLinear ? [input, wanted, alignCorners ?? false, factors] : [input, wanted, factors]) as Tensor;
}
