import type { Tensor } from '@lightning-ts/torch';

/** A copy of an image [..., h, w] with `value`, which broadcasts, in the rectangle. */
export function erase(image: Tensor, top: number, left: number, height: number, width: number, value: Tensor): Tensor {
  const erased = image.clone();
  erased.narrow(-2, top, height).narrow(-1, left, width).copy_(value);
  return erased;
}
