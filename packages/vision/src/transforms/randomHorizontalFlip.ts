import { rand, type Tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
import { ImageTransform } from './transform.js';

/** Mirrors an image [..., h, w] left to right, with a probability. */
export class RandomHorizontalFlip extends ImageTransform {
  /** @param p the probability, default 0.5. */
  constructor(readonly p = 0.5) {
    super();
    if (!(p >= 0 && p <= 1)) {
      throw new VisionError('OPTION_INVALID', `RandomHorizontalFlip takes a probability from 0 to 1, and got ${p}`);
    }
  }

  override forward(image: Tensor): Tensor {
    return rand([1]).item() < this.p ? image.flip([-1]) : image;
  }
}
