import { empty, type Tensor } from '@lightning-ts/torch';
import { isPixels, resamplePixels } from '@lightning-ts/torch/image';
import { interpolate } from '@lightning-ts/torch/nn/functional';
import { VisionError } from '../../errors.js';
import { crop } from './geometry.js';
import { checkImage, sizePair } from './image.js';

/** How pixels between pixels are made. */
export const interpolations = ['nearest', 'nearest-exact', 'bilinear', 'bicubic'] as const;
export type Interpolation = (typeof interpolations)[number];

export interface ResizeOptions {
  /** Default `bilinear`. */
  interpolation?: Interpolation;
  /** With a single size: the longer side is at most this long. */
  maxSize?: number;
  /**
   * Smooth while shrinking; default true for `bilinear` and `bicubic`, as PIL always does and torchvision does since
   * 0.17. The older torchvision's result for tensors comes with false.
   */
  antialias?: boolean;
}

/** Throws `OPTION_INVALID` for options that mean nothing. */
export function checkResizeOptions(name: string, size: number | readonly number[], options: ResizeOptions): void {
  const { interpolation = 'bilinear', maxSize, antialias } = options;
  const [first] = sizePair(name, size);
  if (!interpolations.includes(interpolation)) {
    throw new VisionError(
      'OPTION_INVALID',
      `${name}: interpolation takes ${interpolations.join(', ')}, and got '${interpolation}'`,
    );
  }
  if (antialias && !isSmooth(interpolation)) {
    throw new VisionError(
      'OPTION_INVALID',
      `${name}: antialias goes with bilinear and bicubic, not '${interpolation}'`,
    );
  }
  if (maxSize === undefined) return;
  if (typeof size !== 'number' && size.length > 1) {
    throw new VisionError('OPTION_INVALID', `${name}: maxSize goes with one size for the shorter side, not with two`);
  }
  if (!Number.isInteger(maxSize) || maxSize <= first) {
    throw new VisionError('OPTION_INVALID', `${name}: maxSize takes a whole number above ${first}, and got ${maxSize}`);
  }
}

const isSmooth = (interpolation: Interpolation): boolean => interpolation === 'bilinear' || interpolation === 'bicubic';

/** Sizes [height, width] that an image of these sizes gets. */
export function resizedSize(
  height: number,
  width: number,
  size: number | readonly number[],
  maxSize?: number,
): [height: number, width: number] {
  if (typeof size !== 'number' && size.length === 2) return [size[0]!, size[1]!];
  const shorter = typeof size === 'number' ? size : size[0]!;
  let newShort = shorter;
  let newLong = Math.floor((shorter * Math.max(height, width)) / Math.min(height, width));
  if (maxSize !== undefined && newLong > maxSize) {
    newShort = Math.floor((maxSize * newShort) / newLong);
    newLong = maxSize;
  }
  return width <= height ? [newLong, newShort] : [newShort, newLong];
}

/**
 * Makes an image [..., h, w] larger or smaller. Bytes come out as PIL's, to the bit, unless `antialias` is false.
 *
 * @param size the shorter side, or [height, width].
 */
export function resize(image: Tensor, size: number | readonly number[], options: ResizeOptions = {}): Tensor {
  checkResizeOptions('resize', size, options);
  checkImage('resize', image);
  const { interpolation = 'bilinear', maxSize, antialias = isSmooth(interpolation) } = options;
  const { shape } = image;
  const [h, w] = shape.slice(-2) as [number, number];
  const wanted = resizedSize(h, w, size, maxSize);
  if (wanted[0] === h && wanted[1] === w) return image;
  const planes = image.dim() === 3 ? image : image.reshape([-1, h, w]);
  if (antialias && isPixels(planes)) {
    const resized = resamplePixels(planes, ...wanted, interpolation as 'bilinear' | 'bicubic');
    return image.dim() === 3 ? resized : resized.view([...shape.slice(0, -2), ...wanted]);
  }
  const exact = image.dtype === 'float32' || image.dtype === 'float64';
  const floats = exact ? image : contiguousFloats(image);
  // Without shrinking the smoothing filter is the plain one, whose operator takes a third of the time. (Bicubic filters
  // differ.)
  const shrinks = wanted[0] < h || wanted[1] < w;
  const smooth = antialias && (shrinks || interpolation === 'bicubic');
  let result = interpolate(floats.reshape([1, -1, h, w]), {
    size: wanted,
    mode: interpolation,
    ...(isSmooth(interpolation) ? { antialias: smooth } : {}),
  });
  if (!exact) {
    if (!image.isFloatingPoint()) {
      if (interpolation === 'bicubic' && image.dtype === 'uint8') result.clamp_(0, 255);
      if (isSmooth(interpolation)) result.round_();
    }
    const small = result.to(image.dtype);
    result.dispose();
    floats.dispose();
    result = small;
  }
  return result.view([...shape.slice(0, -2), ...wanted]);
}

/** One pass from any strides and type to contiguous floats. */
const contiguousFloats = (image: Tensor): Tensor =>
  empty(image.shape, { dtype: 'float32', device: image.device }).copy_(image);

/** Cuts out a part and resizes it. */
export const resizedCrop = (
  image: Tensor,
  top: number,
  left: number,
  height: number,
  width: number,
  size: number | readonly number[],
  options: ResizeOptions = {},
): Tensor => resize(crop(image, top, left, height, width), size, options);
