import type { Tensor } from '@lightning-ts/torch';
import { isPixels, mirrorPixels } from '@lightning-ts/torch/image';
import { VisionError } from '../../errors.js';
import { pad } from '../pad.js';
import { checkImage, roundHalfEven, sizePair } from './image.js';

/** Mirrors an image [..., h, w] left to right. */
export const hflip = (image: Tensor): Tensor => (isPixels(image) ? mirrorPixels(image) : image.flip([-1]));
/** Mirrors an image [..., h, w] upside down. */
export const vflip = (image: Tensor): Tensor => image.flip([-2]);

/** The part [..., height, width] of an image from (top, left) on; what lies outside the image is 0. */
export function crop(image: Tensor, top: number, left: number, height: number, width: number): Tensor {
  checkImage('crop', image);
  const h = image.size(-2);
  const w = image.size(-1);
  const [bottom, right] = [top + height, left + width];
  const [fromTop, fromLeft] = [clamp(top, h), clamp(left, w)];
  const [toBottom, toRight] = [clamp(bottom, h), clamp(right, w)];
  const inside = image
    .narrow(-2, fromTop, Math.max(toBottom - fromTop, 0))
    .narrow(-1, fromLeft, Math.max(toRight - fromLeft, 0));
  if (inside.size(-2) === height && inside.size(-1) === width) return inside;
  const above = Math.min(Math.max(-top, 0), height);
  const before = Math.min(Math.max(-left, 0), width);
  return pad(
    inside,
    [before, above, width - before - inside.size(-1), height - above - inside.size(-2)],
    0,
    'constant',
  );
}

const clamp = (place: number, length: number): number => Math.min(Math.max(place, 0), length);

/** The middle of an image; one that is smaller is padded with 0. */
export function centerCrop(image: Tensor, size: number | readonly number[]): Tensor {
  const [height, width] = sizePair('centerCrop', size);
  const missing = [Math.max(height - image.size(-2), 0), Math.max(width - image.size(-1), 0)] as const;
  let padded = image;
  if (missing[0] > 0 || missing[1] > 0) {
    const sides = [missing[1] >> 1, missing[0] >> 1, (missing[1] + 1) >> 1, (missing[0] + 1) >> 1];
    padded = pad(image, sides, 0, 'constant');
  }
  const top = roundHalfEven((padded.size(-2) - height) / 2);
  const left = roundHalfEven((padded.size(-1) - width) / 2);
  return crop(padded, top, left, height, width);
}

/** The four corners and the middle: top left, top right, bottom left, bottom right, centre. */
export function fiveCrop(image: Tensor, size: number | readonly number[]): Tensor[] {
  const [height, width] = sizePair('fiveCrop', size);
  const below = image.size(-2) - height;
  const beside = image.size(-1) - width;
  if (below < 0 || beside < 0) {
    throw new VisionError(
      'IMAGE_INVALID',
      `a crop of ${height} × ${width} does not fit an image of ${image.size(-2)} × ${image.size(-1)}`,
    );
  }
  return [
    crop(image, 0, 0, height, width),
    crop(image, 0, beside, height, width),
    crop(image, below, 0, height, width),
    crop(image, below, beside, height, width),
    centerCrop(image, [height, width]),
  ];
}

/** The five crops of an image and the five of its mirror image. */
export function tenCrop(
  image: Tensor,
  size: number | readonly number[],
  options: { verticalFlip?: boolean } = {},
): Tensor[] {
  const mirrored = options.verticalFlip ? vflip(image) : hflip(image);
  return [...fiveCrop(image, size), ...fiveCrop(mirrored, size)];
}
