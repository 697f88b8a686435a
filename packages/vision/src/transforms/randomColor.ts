import type { Tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
import { checkProbability, drawChance } from './draws.js';
import { autocontrast, equalize, invert, posterize, solarize } from './functional/color.js';
import { adjustSharpness } from './functional/filter.js';
import { ImageTransform } from './transform.js';

/** A change of colours that happens with a probability. */
abstract class RandomColor extends ImageTransform {
  constructor(readonly p: number) {
    super();
    checkProbability(this.constructor.name, p);
  }

  abstract change(image: Tensor): Tensor;

  override forward(image: Tensor): Tensor {
    return drawChance(this.p) ? this.change(image) : image;
  }
}

/** Inverts colours with a probability, default 0.5. */
export class RandomInvert extends RandomColor {
  constructor(p = 0.5) {
    super(p);
  }
  override change(image: Tensor): Tensor {
    return invert(image);
  }
}

/** Keeps the highest `bits` of each byte, with a probability, default 0.5. */
export class RandomPosterize extends RandomColor {
  constructor(
    readonly bits: number,
    p = 0.5,
  ) {
    super(p);
    if (!Number.isInteger(bits) || bits < 0 || bits > 8) {
      throw new VisionError('OPTION_INVALID', `RandomPosterize keeps from 0 to 8 bits, and got ${bits}`);
    }
  }
  override change(image: Tensor): Tensor {
    return posterize(image, this.bits);
  }
}

/** Inverts the values from `threshold` up, with a probability, default 0.5. */
export class RandomSolarize extends RandomColor {
  constructor(
    readonly threshold: number,
    p = 0.5,
  ) {
    super(p);
    if (!Number.isFinite(threshold)) {
      throw new VisionError('OPTION_INVALID', `RandomSolarize takes a number as threshold, and got ${threshold}`);
    }
  }
  override change(image: Tensor): Tensor {
    return solarize(image, this.threshold);
  }
}

/** Changes sharpness by a factor (0 blurs, 2 sharpens), with a probability, default 0.5. */
export class RandomAdjustSharpness extends RandomColor {
  constructor(
    readonly factor: number,
    p = 0.5,
  ) {
    super(p);
    if (!(factor >= 0)) {
      throw new VisionError('OPTION_INVALID', `RandomAdjustSharpness takes a factor from 0 up, and got ${factor}`);
    }
  }
  override change(image: Tensor): Tensor {
    return adjustSharpness(image, this.factor);
  }
}

/** Stretches contrast to the full range, with a probability, default 0.5. */
export class RandomAutocontrast extends RandomColor {
  constructor(p = 0.5) {
    super(p);
  }
  override change(image: Tensor): Tensor {
    return autocontrast(image);
  }
}

/** Makes all values about equally frequent, with a probability, default 0.5. */
export class RandomEqualize extends RandomColor {
  constructor(p = 0.5) {
    super(p);
  }
  override change(image: Tensor): Tensor {
    return equalize(image);
  }
}
