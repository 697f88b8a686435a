import { empty, type Tensor, tensor } from '@lightning-ts/torch';
import { checkRange, drawInteger, drawUniform } from './draws.js';
import { checkImage, roundHalfEven, sizePair } from './functional/image.js';
import { checkResizeOptions, type ResizeOptions, resizedCrop } from './functional/resize.js';
import { ImageTransform } from './transform.js';

export interface RandomResizedCropOptions extends Omit<ResizeOptions, 'maxSize'> {
  /** The crop's part of the image's area; default [0.08, 1]. */
  scale?: readonly [number, number];
  /** Width over height; default [3/4, 4/3]. */
  ratio?: readonly [number, number];
}

/** Cuts a piece of random area and shape out of an image [..., h, w] and resizes it. */
export class RandomResizedCrop extends ImageTransform {
  readonly size: readonly [height: number, width: number];
  readonly scale: readonly [number, number];
  readonly ratio: readonly [number, number];
  private readonly logRatio: readonly [number, number];

  /** @param size [height, width], or one number for both. */
  constructor(
    size: number | readonly number[],
    readonly options: RandomResizedCropOptions = {},
  ) {
    super();
    this.size = sizePair('RandomResizedCrop', size);
    checkResizeOptions('RandomResizedCrop', this.size, options);
    this.scale = checkRange('RandomResizedCrop: scale', options.scale ?? [0.08, 1], 0);
    this.ratio = checkRange('RandomResizedCrop: ratio', options.ratio ?? [3 / 4, 4 / 3], Number.MIN_VALUE);
    this.logRatio = logOf(this.ratio);
  }

  override forward(image: Tensor): Tensor {
    checkImage('RandomResizedCrop', image);
    const [top, left, height, width] = this.place(image.size(-2), image.size(-1));
    const { scale: _scale, ratio: _ratio, ...resizing } = this.options;
    return resizedCrop(image, top, left, height, width, this.size, resizing);
  }

  /** Draws where to cut an image of height h and width w. */
  place(h: number, w: number): [top: number, left: number, height: number, width: number] {
    for (let attempt = 0; attempt < 10; attempt++) {
      const area = h * w * drawUniform(...this.scale);
      const aspect = drawRatio(this.logRatio);
      const width = roundHalfEven(Math.sqrt(area * aspect));
      const height = roundHalfEven(Math.sqrt(area / aspect));
      if (width > 0 && width <= w && height > 0 && height <= h) {
        const top = drawInteger(0, h - height + 1);
        return [top, drawInteger(0, w - width + 1), height, width];
      }
    }
    // Nothing fitted: the middle, as large as the ratio allows.
    const [narrowest, widest] = this.ratio;
    let [height, width] = [h, w];
    if (w / h < narrowest) height = roundHalfEven(w / narrowest);
    else if (w / h > widest) width = roundHalfEven(h * widest);
    return [Math.floor((h - height) / 2), Math.floor((w - width) / 2), height, width];
  }
}

/** Logarithms in float32, as the draw needs them. */
export const logOf = (range: readonly [number, number]): [number, number] =>
  tensor([...range], { dtype: 'float32' })
    .log()
    .tolist() as [number, number];

/** A ratio whose logarithm is uniform. */
export function drawRatio(logRange: readonly [number, number]): number {
  const drawn = empty(1)
    .uniform_(...logRange)
    .exp_();
  const ratio = drawn.item();
  drawn.dispose();
  return ratio;
}
