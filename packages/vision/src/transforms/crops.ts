import { stack, type Tensor } from '@lightning-ts/torch';
import { centerCrop, fiveCrop, tenCrop } from './functional/geometry.js';
import { sizePair } from './functional/image.js';
import { ImageTransform } from './transform.js';

/** Cuts out the middle of images [..., h, w]; smaller ones are padded with 0. */
export class CenterCrop extends ImageTransform {
  override readonly batched = true;
  readonly size: readonly [height: number, width: number];

  /** @param size [height, width], or one number for both. */
  constructor(size: number | readonly number[]) {
    super();
    this.size = sizePair('CenterCrop', size);
  }

  override forward(image: Tensor): Tensor {
    return centerCrop(image, this.size);
  }

  override forwardBatch(images: Tensor): Tensor {
    return this.forward(images);
  }
}

/**
 * The corners and the middle of an image [..., h, w], stacked to [5, ..., height, width]. Python gives a tuple here,
 * which the next step stacks.
 */
export class FiveCrop extends ImageTransform {
  readonly size: readonly [height: number, width: number];

  constructor(size: number | readonly number[]) {
    super();
    this.size = sizePair('FiveCrop', size);
  }

  override forward(image: Tensor): Tensor {
    return stack(fiveCrop(image, this.size));
  }
}

/** The crops of {@link FiveCrop} of an image and of its mirror image, stacked to [10, ..., height, width]. */
export class TenCrop extends ImageTransform {
  readonly size: readonly [height: number, width: number];

  /** @param options `verticalFlip`: mirror upside down; default false, left to right. */
  constructor(
    size: number | readonly number[],
    readonly options: { verticalFlip?: boolean } = {},
  ) {
    super();
    this.size = sizePair('TenCrop', size);
  }

  override forward(image: Tensor): Tensor {
    return stack(tenCrop(image, this.size, this.options));
  }
}
