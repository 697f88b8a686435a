import { stack, type Tensor } from '@lightning-ts/torch';

/** Something done to an image before it is trained on. */
export interface Transform {
  /** One image. */
  forward(image: Tensor): Tensor;
  /**
   * Whether it does the same to every image, so that {@link forwardBatch} gives the values of `forward` on each, bit for
   * bit, in a few operations. Random transforms do not: each image draws for itself.
   */
  readonly batched: boolean;
  /** Many images, stacked along the first dimension. */
  forwardBatch(images: Tensor): Tensor;
}

/** A transform that works on one image at a time; a batch is taken apart and stacked again. */
export abstract class ImageTransform implements Transform {
  readonly batched: boolean = false;

  abstract forward(image: Tensor): Tensor;

  forwardBatch(images: Tensor): Tensor {
    return stack(images.unbind(0).map((image) => this.forward(image)));
  }
}
