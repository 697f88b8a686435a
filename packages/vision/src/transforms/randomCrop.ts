import type { Tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
import { drawInteger } from './draws.js';
import { checkPadding, type PaddingMode, pad } from './pad.js';
import { ImageTransform } from './transform.js';

export interface RandomCropOptions {
  /** Added on all sides, or [left and right, top and bottom], or [left, top, right, bottom]; default nothing. */
  padding?: number | readonly number[];
  /** Pads images that are smaller than the crop, on both sides of the short direction; default false. */
  padIfNeeded?: boolean;
  /** Value of the added pixels in the mode `constant`; default 0. */
  fill?: number;
  /** Default `constant`. */
  paddingMode?: PaddingMode;
}

/** Cuts a piece of a fixed size out of an image [..., h, w] at a random place. */
export class RandomCrop extends ImageTransform {
  readonly size: readonly [height: number, width: number];

  /** @param size [height, width], or one number for both. */
  constructor(
    size: number | readonly [number, number],
    private readonly options: RandomCropOptions = {},
  ) {
    super();
    this.size = typeof size === 'number' ? [size, size] : [size[0], size[1]];
    if (!this.size.every((n) => Number.isInteger(n) && n > 0)) {
      throw new VisionError('OPTION_INVALID', `RandomCrop takes a size of whole numbers above 0, and got ${size}`);
    }
    checkPadding(options.padding, options.paddingMode);
  }

  override forward(image: Tensor): Tensor {
    const [height, width] = this.size;
    const padded = this.padded(image);
    const above = padded.size(-2) - height;
    const beside = padded.size(-1) - width;
    if (above < 0 || beside < 0) {
      throw new VisionError(
        'IMAGE_INVALID',
        `a crop of ${height} × ${width} does not fit an image of ${padded.size(-2)} × ${padded.size(-1)}. Set padding or padIfNeeded.`,
      );
    }
    if (above === 0 && beside === 0) return padded;
    const top = drawInteger(0, above + 1);
    const left = drawInteger(0, beside + 1);
    return padded.narrow(-2, top, height).narrow(-1, left, width);
  }

  private padded(image: Tensor): Tensor {
    const { padding, padIfNeeded = false, fill = 0, paddingMode = 'constant' } = this.options;
    const [height, width] = this.size;
    let result = image;
    if (padding !== undefined) result = pad(result, padding, fill, paddingMode);
    if (padIfNeeded) {
      if (result.size(-1) < width) result = pad(result, [width - result.size(-1), 0], fill, paddingMode);
      if (result.size(-2) < height) result = pad(result, [0, height - result.size(-2)], fill, paddingMode);
    }
    return result;
  }
}
