import type { Tensor } from '@lightning-ts/torch';
import { checkProbability, drawChance } from './draws.js';
import { hflip } from './functional/geometry.js';
import { ImageTransform } from './transform.js';

/** Mirrors an image [..., h, w] left to right, with a probability. */
export class RandomHorizontalFlip extends ImageTransform {
  /** @param p the probability, default 0.5. */
  constructor(readonly p = 0.5) {
    super();
    checkProbability('RandomHorizontalFlip', p);
  }

  override forward(image: Tensor): Tensor {
    return drawChance(this.p) ? hflip(image) : image;
  }
}
