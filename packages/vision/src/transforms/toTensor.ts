import { getDefaultDType, type Tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
import { ImageTransform } from './transform.js';

/**
 * An image as pixels [h, w] or [h, w, channels] to a tensor [channels, h, w]. Bytes become floats from 0 to 1 by a
 * division by 255; other types keep their type and values, as in torchvision.
 */
export class ToTensor extends ImageTransform {
  override readonly batched = true;

  override forward(image: Tensor): Tensor {
    return scale(channelsFirst(image, 0));
  }

  /** [n, h, w] or [n, h, w, channels] → [n, channels, h, w] */
  override forwardBatch(images: Tensor): Tensor {
    return scale(channelsFirst(images, 1));
  }
}

function channelsFirst(image: Tensor, leading: number): Tensor {
  const dimensions = image.dim() - leading;
  if (dimensions === 2) return image.unsqueeze(leading);
  if (dimensions === 3) return image.movedim(-1, leading).contiguous();
  throw new VisionError(
    'IMAGE_INVALID',
    `ToTensor takes images [h, w] or [h, w, channels]${leading === 1 ? ' stacked along a first dimension' : ''}, and got [${image.shape.join(', ')}]`,
  );
}

const scale = (image: Tensor): Tensor => (image.dtype === 'uint8' ? image.to(getDefaultDType()).div(255) : image);
