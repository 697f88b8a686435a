import { empty, type Tensor, tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
import { checkProbability, checkRange, drawChance, drawInteger, drawUniform } from './draws.js';
import { erase } from './functional/erase.js';
import { roundHalfEven, shapeText } from './functional/image.js';
import { drawRatio, logOf } from './randomResizedCrop.js';
import { ImageTransform } from './transform.js';

export interface RandomErasingOptions {
  /** The erased part of the area; default [0.02, 0.33]. */
  scale?: readonly [number, number];
  /** Shape of the erased rectangle, height over width; default [0.3, 3.3]. */
  ratio?: readonly [number, number];
  /** What is put there: one value, one for each channel, or `'random'` for normal noise. Default 0. */
  value?: number | readonly number[] | 'random';
}

/** Erases a random rectangle of an image [..., c, h, w], with a probability (Zhong et al. 2017). */
export class RandomErasing extends ImageTransform {
  readonly scale: readonly [number, number];
  readonly ratio: readonly [number, number];
  readonly value: readonly number[] | null;
  private readonly logRatio: readonly [number, number];

  /** @param p the probability, default 0.5. */
  constructor(
    readonly p = 0.5,
    options: RandomErasingOptions = {},
  ) {
    super();
    checkProbability('RandomErasing', p);
    const { value = 0 } = options;
    this.scale = checkRange('RandomErasing: scale', options.scale ?? [0.02, 0.33], 0);
    if (this.scale[1] > 1)
      throw new VisionError('OPTION_INVALID', `RandomErasing: scale goes up to 1, got ${this.scale}`);
    this.ratio = checkRange('RandomErasing: ratio', options.ratio ?? [0.3, 3.3], Number.MIN_VALUE);
    this.value = value === 'random' ? null : typeof value === 'number' ? [value] : value;
    this.logRatio = logOf(this.ratio);
  }

  override forward(image: Tensor): Tensor {
    if (image.dim() < 3) {
      throw new VisionError('IMAGE_INVALID', `RandomErasing takes images [..., c, h, w], and got ${shapeText(image)}`);
    }
    if (!drawChance(this.p)) return image;
    const [channels, h, w] = image.shape.slice(-3) as [number, number, number];
    if (this.value !== null && this.value.length !== 1 && this.value.length !== channels) {
      throw new VisionError(
        'IMAGE_INVALID',
        `RandomErasing has ${this.value.length} values, and the image has ${channels} channels`,
      );
    }
    for (let attempt = 0; attempt < 10; attempt++) {
      const area = h * w * drawUniform(...this.scale);
      const aspect = drawRatio(this.logRatio);
      const height = roundHalfEven(Math.sqrt(area * aspect));
      const width = roundHalfEven(Math.sqrt(area / aspect));
      if (height >= h || width >= w) continue;
      const value =
        this.value === null
          ? empty([channels, height, width]).normal_()
          : tensor([...this.value], { dtype: 'float32' }).view([-1, 1, 1]);
      const top = drawInteger(0, h - height + 1);
      return erase(image, top, drawInteger(0, w - width + 1), height, width, value);
    }
    return image;
  }
}
