import { conv2d, linspace, ones, type Tensor } from '@lightning-ts/torch';
import { pad as padTensor } from '@lightning-ts/torch/nn/functional';
import { VisionError } from '../../errors.js';
import { asFloat, castLike, checkColors, checkImage, whiteOf } from './image.js';

/** [width, height] of a kernel or its deviations: one number for both, or two. */
type Pair = number | readonly number[];
const pairOf = (value: Pair): [number, number] =>
  typeof value === 'number' ? [value, value] : [value[0]!, value[1] ?? value[0]!];

/**
 * Blurs an image [..., c, h, w] with a Gaussian.
 *
 * @param kernelSize odd, one number or [width, height].
 * @param sigma standard deviation in pixels; default 0.15 · kernelSize + 0.35.
 */
export function gaussianBlur(image: Tensor, kernelSize: Pair, sigma?: Pair): Tensor {
  checkImage('gaussianBlur', image);
  const [kx, ky] = pairOf(kernelSize);
  const [sx, sy] = sigma === undefined ? [0.15 * kx + 0.35, 0.15 * ky + 0.35] : pairOf(sigma);
  checkKernel([kx, ky]);
  if (!(sx > 0 && sy > 0)) {
    throw new VisionError('OPTION_INVALID', `gaussianBlur takes a sigma above 0, and got ${sigma}`);
  }
  const floats = asFloat(image);
  const line = (size: number, deviation: number): Tensor => {
    const half = (size - 1) * 0.5;
    const density = linspace(-half, half, size).div(deviation).pow(2).mul(-0.5).exp();
    return density.div(density.sum());
  };
  const kernel = line(ky, sy).unsqueeze(1).mm(line(kx, sx).unsqueeze(0)).to(floats.dtype);
  const batch = asBatch(floats);
  const padded = padTensor(batch, [kx >> 1, kx >> 1, ky >> 1, ky >> 1], { mode: 'reflect' });
  return castLike(filtered(padded, kernel), image).view(image.shape);
}

/** Throws `OPTION_INVALID` unless both sizes are odd. */
export function checkKernel(sizes: readonly number[]): void {
  if (sizes.every((size) => Number.isInteger(size) && size > 0 && size % 2 === 1)) return;
  throw new VisionError('OPTION_INVALID', `gaussianBlur takes odd kernel sizes above 0, and got ${sizes.join(', ')}`);
}

/** Moves values away from a blurred copy: 0 is blurred, 1 as it is, 2 sharper. Images up to 2 pixels wide stay. */
export function adjustSharpness(image: Tensor, factor: number): Tensor {
  if (!(factor >= 0))
    throw new VisionError('OPTION_INVALID', `adjustSharpness takes a factor from 0 up, got ${factor}`);
  checkColors('adjustSharpness', image);
  const [h, w] = [image.size(-2), image.size(-1)];
  if (h <= 2 || w <= 2) return image;
  const floats = asFloat(image);
  const kernel = ones([3, 3], { dtype: floats.dtype });
  kernel.at(1, 1).fill_(5);
  const inner = castLike(filtered(asBatch(floats), kernel.div(kernel.sum())), image);
  // The edge stays as it is.
  const blurred = image.clone();
  blurred
    .narrow(-2, 1, h - 2)
    .narrow(-1, 1, w - 2)
    .copy_(inner.view([...image.shape.slice(0, -2), h - 2, w - 2]));
  return floats
    .mul(factor)
    .add_(asFloat(blurred).mul(1 - factor))
    .clamp_(0, whiteOf(image))
    .to(image.dtype);
}

const asBatch = (image: Tensor): Tensor =>
  image.reshape([-1, image.dim() < 3 ? 1 : image.size(-3), image.size(-2), image.size(-1)]);

/** Each channel by itself. */
function filtered(batch: Tensor, kernel: Tensor): Tensor {
  const channels = batch.size(1);
  const weight = kernel.expand([channels, 1, kernel.size(0), kernel.size(1)]);
  return conv2d(batch, weight, { groups: channels });
}
