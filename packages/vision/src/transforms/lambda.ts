import type { Tensor } from '@lightning-ts/torch';
import { ImageTransform } from './transform.js';

/** Any function of an image as a transform. */
export class Lambda extends ImageTransform {
  override readonly batched: boolean;

  /** @param options `batched`: the function takes [n, …] images as well and treats each alike; default false. */
  constructor(
    private readonly apply: (image: Tensor) => Tensor,
    options: { batched?: boolean } = {},
  ) {
    super();
    this.batched = options.batched ?? false;
  }

  override forward(image: Tensor): Tensor {
    return this.apply(image);
  }

  override forwardBatch(images: Tensor): Tensor {
    return this.batched ? this.apply(images) : super.forwardBatch(images);
  }
}
