import type { Tensor } from '@lightning-ts/torch';
import { checkResizeOptions, type ResizeOptions, resize } from './functional/resize.js';
import { ImageTransform } from './transform.js';

/** Makes images [..., h, w] larger or smaller: the shorter side to `size`, or both to [height, width]. */
export class Resize extends ImageTransform {
  override readonly batched = true;

  constructor(
    readonly size: number | readonly number[],
    readonly options: ResizeOptions = {},
  ) {
    super();
    checkResizeOptions('Resize', size, options);
  }

  override forward(image: Tensor): Tensor {
    return resize(image, this.size, this.options);
  }

  override forwardBatch(images: Tensor): Tensor {
    return this.forward(images);
  }
}
