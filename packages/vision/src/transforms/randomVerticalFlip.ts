import type { Tensor } from '@lightning-ts/torch';
import { checkProbability, drawChance } from './draws.js';
import { vflip } from './functional/geometry.js';
import { ImageTransform } from './transform.js';

/** Turns an image [..., h, w] upside down, with a probability. */
export class RandomVerticalFlip extends ImageTransform {
  /** @param p the probability, default 0.5. */
  constructor(readonly p = 0.5) {
    super();
    checkProbability('RandomVerticalFlip', p);
  }

  override forward(image: Tensor): Tensor {
    return drawChance(this.p) ? vflip(image) : image;
  }
}
