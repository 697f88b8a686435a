import { randperm, type Tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
import { checkRange, drawUniform } from './draws.js';
import { adjustBrightness, adjustContrast, adjustHue, adjustSaturation } from './functional/color.js';
import { ImageTransform } from './transform.js';

/** How strong: factors [low, high], or one number x for [1 − x, 1 + x], not below 0. */
type Strength = number | readonly [number, number];

export interface ColorJitterOptions {
  brightness?: Strength;
  contrast?: Strength;
  saturation?: Strength;
  /** Part of a turn around the colour wheel, [low, high] within −0.5 and 0.5, or one number for both directions. */
  hue?: Strength;
}

/** Changes brightness, contrast, saturation and hue of images [..., 1 or 3, h, w] at random, in a random order. */
export class ColorJitter extends ImageTransform {
  readonly brightness: readonly [number, number] | null;
  readonly contrast: readonly [number, number] | null;
  readonly saturation: readonly [number, number] | null;
  readonly hue: readonly [number, number] | null;

  constructor(options: ColorJitterOptions = {}) {
    super();
    this.brightness = factors('brightness', options.brightness);
    this.contrast = factors('contrast', options.contrast);
    this.saturation = factors('saturation', options.saturation);
    this.hue = factors('hue', options.hue, 0);
    if (this.hue !== null && !(this.hue[0] >= -0.5 && this.hue[1] <= 0.5)) {
      throw new VisionError('OPTION_INVALID', `ColorJitter: hue stays within -0.5 and 0.5, and got ${options.hue}`);
    }
  }

  override forward(image: Tensor): Tensor {
    const order = randperm(4).tolist() as number[];
    const draw = (range: readonly [number, number] | null) => (range === null ? null : drawUniform(...range));
    const drawn = [draw(this.brightness), draw(this.contrast), draw(this.saturation), draw(this.hue)];
    const adjust = [adjustBrightness, adjustContrast, adjustSaturation, adjustHue];
    let result = image;
    for (const which of order) {
      const factor = drawn[which]!;
      if (factor !== null) result = adjust[which]!(result, factor);
    }
    return result;
  }
}

function factors(name: string, strength: Strength | undefined, middle = 1): [number, number] | null {
  if (strength === undefined) return null;
  const least = middle === 1 ? 0 : Number.NEGATIVE_INFINITY;
  let range: [number, number];
  if (typeof strength === 'number') {
    if (!(strength >= 0)) {
      throw new VisionError(
        'OPTION_INVALID',
        `ColorJitter: ${name} takes a number from 0 up or [low, high], got ${strength}`,
      );
    }
    range = [Math.max(middle - strength, least), middle + strength];
  } else range = checkRange(`ColorJitter: ${name}`, strength, least);
  return range[0] === middle && range[1] === middle ? null : range;
}
