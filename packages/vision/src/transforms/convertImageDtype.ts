import type { DType, Tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
import { ImageTransform } from './transform.js';

/** The value of white in each type of image. */
const largestValues: Partial<Record<DType, number>> = {
  float16: 1,
  bfloat16: 1,
  float32: 1,
  float64: 1,
  uint8: 255,
  int8: 127,
  int16: 32767,
  int32: 2147483647,
  int64: 2 ** 63,
};
const isFloat = (dtype: DType): boolean => largestValues[dtype] === 1;

/**
 * Converts an image to another dtype and scales its values, so that white stays white: floats go from 0 to 1, integers
 * to the largest of their type. The rounding is torchvision's; a float type that cannot hold the integers is refused.
 */
export class ConvertImageDtype extends ImageTransform {
  override readonly batched = true;

  constructor(readonly dtype: DType) {
    super();
    if (largestValues[dtype] === undefined) {
      throw new VisionError('OPTION_INVALID', `ConvertImageDtype takes a float or integer dtype, and got ${dtype}`);
    }
  }

  get pointwise(): boolean {
    return true;
  }

  override forward(image: Tensor): Tensor {
    const { dtype } = this;
    const from = image.dtype;
    const white = largestValues[from];
    const newWhite = largestValues[dtype] as number;
    if (white === undefined)
      throw new VisionError('IMAGE_INVALID', `an image of ${from} cannot be converted to ${dtype}`);
    if (from === dtype) return image;
    if (isFloat(from)) {
      if (isFloat(dtype)) return image.to(dtype);
      if (dtype === 'int64' || (dtype === 'int32' && from !== 'float64')) {
        throw new VisionError(
          'IMAGE_INVALID',
          `${from} is not exact enough for an image of ${dtype}; convert to a smaller type`,
        );
      }
      // A little under the next value, so that every integer gets an equal share of 0 to 1.
      return image.mul(newWhite + 1 - 1e-3).to(dtype);
    }
    if (isFloat(dtype)) return image.to(dtype).div(white);
    if (white > newWhite) return image.div(ratio(from, dtype), { roundingMode: 'floor' }).to(dtype);
    return image.to(dtype).mul(ratio(dtype, from));
  }

  override forwardBatch(images: Tensor): Tensor {
    return this.forward(images);
  }
}

/** How many values of the larger integer type there are to one of the smaller; past what a number holds exactly. */
function ratio(larger: DType, smaller: DType): bigint {
  const count = (dtype: DType) => (dtype === 'int64' ? 2n ** 63n : BigInt(largestValues[dtype] as number) + 1n);
  return count(larger) / count(smaller);
}
