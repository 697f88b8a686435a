import type { Tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
import { checkProbability, checkRange, drawChance, drawInteger, drawUniform } from './draws.js';
import { roundHalfEven } from './functional/image.js';
import { affine, perspective, type RotateOptions, rotate, type WarpOptions } from './functional/warp.js';
import { ImageTransform } from './transform.js';

/** Degrees [low, high]; one number means from −number to number. */
type Degrees = number | readonly [number, number];

function degreesOf(name: string, degrees: Degrees): [number, number] {
  if (typeof degrees !== 'number') return checkRange(name, degrees);
  if (!(degrees >= 0)) {
    throw new VisionError('OPTION_INVALID', `${name} takes a number from 0 up or [low, high], and got ${degrees}`);
  }
  return [-degrees, degrees];
}

/** Turns an image [..., h, w] by a random angle, counter-clockwise. */
export class RandomRotation extends ImageTransform {
  readonly degrees: readonly [number, number];

  /** @param degrees [low, high], or one number for both directions. `fill` is 0 by default. */
  constructor(
    degrees: Degrees,
    readonly options: RotateOptions = {},
  ) {
    super();
    this.degrees = degreesOf('RandomRotation: degrees', degrees);
  }

  override forward(image: Tensor): Tensor {
    return rotate(image, drawUniform(...this.degrees), { ...this.options, fill: this.options.fill ?? 0 });
  }
}

export interface RandomAffineOptions extends WarpOptions {
  /** At most these parts of width and height; default none. */
  translate?: readonly [number, number];
  /** Default 1. */
  scale?: readonly [number, number];
  /** Degrees along x, one number or [low, high], or along x and y [xLow, xHigh, yLow, yHigh]; default none. */
  shear?: Degrees | readonly [number, number, number, number];
  /** The point [x, y] that stays; default the middle. */
  center?: readonly [number, number];
}

/** Turns, moves, scales and shears an image [..., h, w] at random about its middle. */
export class RandomAffine extends ImageTransform {
  readonly degrees: readonly [number, number];
  private readonly shear: readonly number[] | null;

  constructor(
    degrees: Degrees,
    readonly options: RandomAffineOptions = {},
  ) {
    super();
    this.degrees = degreesOf('RandomAffine: degrees', degrees);
    const { translate, scale, shear } = options;
    if (translate !== undefined && !(translate.length === 2 && translate.every((part) => part >= 0 && part <= 1))) {
      throw new VisionError(
        'OPTION_INVALID',
        `RandomAffine: translate takes two parts from 0 to 1, and got ${translate}`,
      );
    }
    if (scale !== undefined) checkRange('RandomAffine: scale', scale, Number.MIN_VALUE);
    if (shear === undefined) this.shear = null;
    else if (typeof shear !== 'number' && shear.length === 4) {
      const [xLow, xHigh, yLow, yHigh] = shear;
      this.shear = [
        ...checkRange('RandomAffine: shear', [xLow, xHigh]),
        ...checkRange('RandomAffine: shear', [yLow, yHigh]),
      ];
    } else this.shear = degreesOf('RandomAffine: shear', shear as Degrees);
  }

  override forward(image: Tensor): Tensor {
    const { translate: most, scale: scales, interpolation, center, fill = 0 } = this.options;
    const angle = drawUniform(...this.degrees);
    let translate: [number, number] = [0, 0];
    if (most !== undefined) {
      const [across, down] = [most[0] * image.size(-1), most[1] * image.size(-2)];
      const right = roundHalfEven(drawUniform(-across, across));
      translate = [right, roundHalfEven(drawUniform(-down, down))];
    }
    const scale = scales === undefined ? 1 : drawUniform(...scales);
    const [xLow, xHigh, yLow, yHigh] = this.shear ?? [];
    const shearX = xLow === undefined ? 0 : drawUniform(xLow, xHigh!);
    const shearY = yLow === undefined ? 0 : drawUniform(yLow, yHigh!);
    return affine(image, {
      angle,
      translate,
      scale,
      shear: [shearX, shearY],
      fill,
      ...(interpolation === undefined ? {} : { interpolation }),
      ...(center === undefined ? {} : { center }),
    });
  }
}

/** Looks at an image [..., h, w] from a random side, with a probability. */
export class RandomPerspective extends ImageTransform {
  /**
   * @param distortionScale how far corners move, as a part of half the image; default 0.5.
   * @param p the probability, default 0.5.
   */
  constructor(
    readonly distortionScale = 0.5,
    readonly p = 0.5,
    readonly options: WarpOptions = {},
  ) {
    super();
    checkProbability('RandomPerspective', p);
    if (!(distortionScale >= 0 && distortionScale <= 1)) {
      throw new VisionError('OPTION_INVALID', `distortionScale goes from 0 to 1, and got ${distortionScale}`);
    }
  }

  override forward(image: Tensor): Tensor {
    if (!drawChance(this.p)) return image;
    const [height, width] = [image.size(-2), image.size(-1)];
    const across = Math.floor(this.distortionScale * Math.floor(width / 2));
    const down = Math.floor(this.distortionScale * Math.floor(height / 2));
    const left = () => drawInteger(0, across + 1);
    const right = () => drawInteger(width - across - 1, width);
    const top = () => drawInteger(0, down + 1);
    const bottom = () => drawInteger(height - down - 1, height);
    const end = [
      [left(), top()],
      [right(), top()],
      [right(), bottom()],
      [left(), bottom()],
    ] as const;
    const start = [
      [0, 0],
      [width - 1, 0],
      [width - 1, height - 1],
      [0, height - 1],
    ] as const;
    return perspective(image, start, end, { ...this.options, fill: this.options.fill ?? 0 });
  }
}
