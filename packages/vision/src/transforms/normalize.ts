import { type DType, type Tensor, tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
import { ImageTransform } from './transform.js';

/** Subtracts a mean and divides by a standard deviation, one of each for every channel of [..., channels, h, w]. */
export class Normalize extends ImageTransform {
  override readonly batched = true;
  /** Both as tensors [channels, 1, 1], by dtype. */
  private readonly constants = new Map<DType, [mean: Tensor, std: Tensor]>();

  /** @param mean, std one number for each channel, or one for all. */
  constructor(
    readonly mean: readonly number[],
    readonly std: readonly number[],
  ) {
    super();
    const isNumber = (value: unknown) => typeof value === 'number' && Number.isFinite(value);
    if (![mean, std].every((values) => Array.isArray(values) && values.length > 0 && values.every(isNumber))) {
      throw new VisionError(
        'OPTION_INVALID',
        `Normalize takes lists of numbers for mean and std, and got ${mean} and ${std}`,
      );
    }
  }

  get pointwise(): boolean {
    return true;
  }

  override forward(image: Tensor): Tensor {
    if (!image.isFloatingPoint() || image.dim() < 3) {
      throw new VisionError(
        'IMAGE_INVALID',
        `Normalize takes floats of the shape [..., channels, h, w], and got ${image.dtype} [${image.shape.join(', ')}]. Put ToTensor before it.`,
      );
    }
    const [mean, std] = this.constantsFor(image.dtype);
    const channels = image.size(-3);
    for (const given of [mean.size(0), std.size(0)]) {
      if (given !== 1 && given !== channels && channels !== 1) {
        throw new VisionError(
          'IMAGE_INVALID',
          `Normalize has values for ${given} channels, and the image has ${channels}`,
        );
      }
    }
    return image.sub(mean).div_(std);
  }

  override forwardBatch(images: Tensor): Tensor {
    return this.forward(images);
  }

  private constantsFor(dtype: DType): [Tensor, Tensor] {
    let constants = this.constants.get(dtype);
    if (constants === undefined) {
      const shaped = (values: readonly number[]) => tensor([...values], { dtype }).view([-1, 1, 1]);
      constants = [shaped(this.mean), shaped(this.std)];
      if (constants[1].eq(0).any().item()) {
        throw new VisionError(
          'OPTION_INVALID',
          `std is ${this.std}, which is zero as ${dtype}; nothing can be divided by it`,
        );
      }
      this.constants.set(dtype, constants);
    }
    return constants;
  }
}
