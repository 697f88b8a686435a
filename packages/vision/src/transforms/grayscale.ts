import type { Tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
import { checkProbability, drawChance } from './draws.js';
import { rgbToGrayscale } from './functional/color.js';
import { ImageTransform } from './transform.js';

/** Turns images [..., 1 or 3, h, w] grey. */
export class Grayscale extends ImageTransform {
  override readonly batched = true;

  /** @param channels of the result, 1 (the default) or 3 equal ones. */
  constructor(readonly channels: 1 | 3 = 1) {
    super();
    if (channels !== 1 && channels !== 3) {
      throw new VisionError('OPTION_INVALID', `Grayscale gives 1 or 3 channels, and got ${channels}`);
    }
  }

  override forward(image: Tensor): Tensor {
    return rgbToGrayscale(image, this.channels);
  }

  override forwardBatch(images: Tensor): Tensor {
    return this.forward(images);
  }
}

/** Turns images grey with a probability; they keep their number of channels. */
export class RandomGrayscale extends ImageTransform {
  /** @param p the probability, default 0.1. */
  constructor(readonly p = 0.1) {
    super();
    checkProbability('RandomGrayscale', p);
  }

  override forward(image: Tensor): Tensor {
    return drawChance(this.p) ? rgbToGrayscale(image, image.size(-3) === 3 ? 3 : 1) : image;
  }
}
