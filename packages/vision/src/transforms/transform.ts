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
  /**
   * Whether each value of the result depends only on the value at its place and on its channel, so that a table over all
   * bytes tells what it does. Declare it as a getter in the class that has the `forward` it speaks of; default false.
   */
  readonly pointwise?: boolean;
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

/** Whether a step is pointwise, and its class does not change what the one did that said so. */
export function isPointwise(step: Transform): boolean {
  if (!step.pointwise) return false;
  let owner: object = step;
  while (!Object.hasOwn(owner, 'forward')) owner = Object.getPrototypeOf(owner) as object;
  return Object.hasOwn(owner, 'pointwise');
}
