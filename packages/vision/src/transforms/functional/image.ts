import type { Tensor } from '@lightning-ts/torch';
import { VisionError } from '../../errors.js';

export const shapeText = (image: Tensor): string => `${image.dtype} [${image.shape.join(', ')}]`;

/** Refuses what is no image [..., channels, h, w] with 1 or 3 channels. */
export function checkColors(name: string, image: Tensor): void {
  if (image.dim() >= 3 && (image.size(-3) === 1 || image.size(-3) === 3)) return;
  throw new VisionError(
    'IMAGE_INVALID',
    `${name} takes images [..., 1 or 3 channels, h, w], and got ${shapeText(image)}. Put ToTensor before it where channels come last.`,
  );
}

/** Refuses tensors of fewer dimensions than [h, w]. */
export function checkImage(name: string, image: Tensor): void {
  if (image.dim() >= 2) return;
  throw new VisionError('IMAGE_INVALID', `${name} takes images [..., h, w], and got ${shapeText(image)}`);
}

/** The value of white, 1 for floats. */
export const whiteOf = (image: Tensor): number => (image.isFloatingPoint() ? 1 : 255);

/** Floats as they are, other types as float32. */
export const asFloat = (image: Tensor): Tensor => (image.isFloatingPoint() ? image : image.to('float32'));

/** Back to the type the image had; integers are rounded, halves to the even side. */
export function castLike(result: Tensor, image: Tensor): Tensor {
  if (result.dtype === image.dtype) return result;
  return image.isFloatingPoint() ? result.to(image.dtype) : result.round_().to(image.dtype);
}

/** Rounds halves to the even side, as Python does. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** [height, width] of one number for both, or of two. */
export function sizePair(name: string, size: number | readonly number[]): [height: number, width: number] {
  const [height = Number.NaN, width = height] = typeof size === 'number' ? [size] : size;
  const isOdd = typeof size !== 'number' && (size.length < 1 || size.length > 2);
  if (isOdd || ![height, width].every((n) => Number.isInteger(n) && n > 0)) {
    throw new VisionError(
      'OPTION_INVALID',
      `${name} takes a size of whole numbers above 0, one or [height, width], and got ${String(size)}`,
    );
  }
  return [height, width];
}
