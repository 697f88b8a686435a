import { arange, empty, getDefaultDType, type Tensor } from '@lightning-ts/torch';
import { isPixels, mapPixels } from '@lightning-ts/torch/image';
import { VisionError } from '../errors.js';
import { ImageTransform, type Transform } from './transform.js';

/** Where an image has its channels: `first` [channels, h, w] or `last` [h, w, channels]. */
export type ChannelPlace = 'first' | 'last' | 'auto';

/**
 * An image as pixels [h, w], [h, w, channels] or [channels, h, w] to a tensor [channels, h, w] with the values it has.
 *
 * Which of the two a tensor of three dimensions is, shows by its first and last size: the one that is 1, 3 or 4 counts
 * channels. Where both are, or neither, channels come last, as in numpy; `channels` decides for images that small.
 */
export class PILToTensor extends ImageTransform {
  override readonly batched = true;

  /** @param options `channels`: where they are; default `'auto'`. */
  constructor(readonly options: { channels?: ChannelPlace } = {}) {
    super();
    const { channels = 'auto' } = options;
    if (!['first', 'last', 'auto'].includes(channels)) {
      throw new VisionError('OPTION_INVALID', `channels takes 'first', 'last' or 'auto', and got '${channels}'`);
    }
  }

  override forward(image: Tensor): Tensor {
    return this.channelsFirst(image, 0);
  }

  /** [n, h, w], [n, h, w, channels] or [n, channels, h, w] → [n, channels, h, w] */
  override forwardBatch(images: Tensor): Tensor {
    return this.channelsFirst(images, 1);
  }

  private channelsFirst(image: Tensor, leading: number): Tensor {
    const dimensions = image.dim() - leading;
    if (dimensions === 2) return image.unsqueeze(leading);
    if (dimensions === 3) return this.isFirst(image, leading) ? image : image.movedim(-1, leading);
    throw new VisionError(
      'IMAGE_INVALID',
      `${this.constructor.name} takes images [h, w], [h, w, channels] or [channels, h, w]${leading === 1 ? ' stacked along a first dimension' : ''}, and got [${image.shape.join(', ')}]`,
    );
  }

  private isFirst(image: Tensor, leading: number): boolean {
    const { channels = 'auto' } = this.options;
    if (channels !== 'auto') return channels === 'first';
    const mayCount = (size: number) => size === 1 || size === 3 || size === 4;
    return mayCount(image.size(leading)) && !mayCount(image.size(-1));
  }
}

/**
 * As {@link PILToTensor}, and bytes become floats from 0 to 1 by a division by 255; other types keep their type and
 * values, as in torchvision.
 */
export class ToTensor extends PILToTensor {
  /** By number of channels: what each byte becomes, [channels, 256]; null where that cannot be told by a table. */
  private readonly tables = new Map<number, Tensor | null>();
  private followers: readonly Transform[] = [];

  /** This step and pointwise ones after it as a single one, with the same values: bytes go through all in one pass. */
  followedBy(steps: readonly Transform[]): ToTensor {
    const joined = new ToTensor(this.options);
    joined.followers = [...this.followers, ...steps];
    return joined;
  }

  override forward(image: Tensor): Tensor {
    const planes = super.forward(image);
    const tables = this.tablesFor(planes);
    if (tables !== null) return mapPixels(planes, tables);
    return this.followers.reduce((result, step) => step.forward(result), scale(planes));
  }

  override forwardBatch(images: Tensor): Tensor {
    return this.followers.reduce((result, step) => step.forwardBatch(result), scale(super.forwardBatch(images)));
  }

  private tablesFor(planes: Tensor): Tensor | null {
    if (!isPixels(planes) || getDefaultDType() !== 'float32') return null;
    const channels = planes.size(0);
    let tables = this.tables.get(channels);
    if (tables === undefined) {
      const everyByte = arange(256, { dtype: 'uint8' }).expand([channels, 1, 256]);
      const mapped = this.followers.reduce((result, step) => step.forward(result), scale(everyByte));
      tables = mapped.dtype === 'float32' ? mapped.reshape([channels, 256]).contiguous() : null;
      this.tables.set(channels, tables);
    }
    return tables;
  }
}

function scale(image: Tensor): Tensor {
  if (image.dtype !== 'uint8') return image.contiguous();
  // One pass from any strides and type to contiguous floats.
  return empty(image.shape, { dtype: getDefaultDType(), device: image.device }).copy_(image).div_(255);
}
