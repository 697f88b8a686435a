import type { Tensor } from '@lightning-ts/torch';
import { checkPadding, type PaddingMode, pad } from './pad.js';
import { ImageTransform } from './transform.js';

/** Adds pixels around images [..., h, w]. */
export class Pad extends ImageTransform {
  override readonly batched = true;

  /**
   * @param padding for all sides, or [left and right, top and bottom], or [left, top, right, bottom].
   * @param options `fill`: value of the added pixels, default 0; `paddingMode`: default `constant`.
   */
  constructor(
    readonly padding: number | readonly number[],
    readonly options: { fill?: number; paddingMode?: PaddingMode } = {},
  ) {
    super();
    checkPadding(padding, options.paddingMode);
  }

  override forward(image: Tensor): Tensor {
    return pad(image, this.padding, this.options.fill ?? 0, this.options.paddingMode ?? 'constant');
  }

  override forwardBatch(images: Tensor): Tensor {
    return this.forward(images);
  }
}
