import { cat, rand, type Tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
import { gaussianBlur } from './functional/filter.js';
import { elasticTransform, type WarpInterpolation } from './functional/warp.js';
import { ImageTransform } from './transform.js';

/** [x, y], or one number for both. */
type Pair = number | readonly [x: number, y: number];

export interface ElasticTransformOptions {
  /** How far pixels move; default 50. */
  alpha?: Pair;
  /** How smooth the movements are: the deviation, in pixels, by which they are blurred; 0 for not at all. Default 5. */
  sigma?: Pair;
  /** Default `bilinear`. */
  interpolation?: WarpInterpolation;
  /** What lies outside the image; default 0. */
  fill?: number;
}

/** Moves the pixels of an image [..., h, w] at random and smoothly, as seen through water. */
export class ElasticTransform extends ImageTransform {
  readonly alpha: readonly [x: number, y: number];
  readonly sigma: readonly [x: number, y: number];
  private readonly interpolation: WarpInterpolation;
  private readonly fill: number;

  constructor(options: ElasticTransformOptions = {}) {
    super();
    const { alpha = 50, sigma = 5, interpolation = 'bilinear', fill = 0 } = options;
    this.alpha = pairOf('alpha', alpha, Number.NEGATIVE_INFINITY);
    this.sigma = pairOf('sigma', sigma, 0);
    this.interpolation = interpolation;
    this.fill = fill;
  }

  override forward(image: Tensor): Tensor {
    const size = [image.size(-2), image.size(-1)] as const;
    // Torchvision divides the first by the height and the second by the width; the same seed has to give the same image.
    const moves = cat(
      [this.draw(size, this.sigma[0], this.alpha[0], size[0]), this.draw(size, this.sigma[1], this.alpha[1], size[1])],
      1,
    );
    const { interpolation, fill } = this;
    return elasticTransform(image, moves.permute([0, 2, 3, 1]), { interpolation, fill });
  }

  /** Movements in one direction, [1, 1, h, w]. */
  private draw([height, width]: readonly [number, number], sigma: number, alpha: number, side: number): Tensor {
    const moves = rand([1, 1, height, width]).mul(2).sub(1);
    return (sigma > 0 ? this.blurred(moves, sigma) : moves).mul(alpha).div(side);
  }

  private blurred(moves: Tensor, sigma: number): Tensor {
    const size = Math.trunc(8 * sigma + 1);
    const kernel = size % 2 === 0 ? size + 1 : size;
    const [height, width] = [moves.size(-2), moves.size(-1)];
    // The edges are mirrored, so there have to be as many pixels as the kernel reaches.
    if (kernel >> 1 >= Math.min(height, width)) {
      throw new VisionError(
        'IMAGE_INVALID',
        `ElasticTransform blurs over ${kernel >> 1} pixels to each side with sigma ${sigma}, and the image is ${height} × ${width}. Take a smaller sigma, or resize the image before.`,
      );
    }
    return gaussianBlur(moves, kernel, this.sigma);
  }
}

function pairOf(name: string, value: Pair, least: number): readonly [number, number] {
  const pair = typeof value === 'number' ? ([value, value] as const) : value;
  if (pair.length === 2 && pair.every((part) => Number.isFinite(part) && part >= least)) return pair;
  throw new VisionError(
    'OPTION_INVALID',
    `ElasticTransform: ${name} takes one number or [x, y]${least === 0 ? ' from 0 up' : ''}, and got ${String(value)}`,
  );
}
