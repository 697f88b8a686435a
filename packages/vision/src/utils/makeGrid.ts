import { stack, type Tensor } from '@lightning-ts/torch';
import { writeFileAtomic } from '@lightning-ts/torch/serialize';
import { VisionError } from '../errors.js';
import { encodeJpeg, encodePng } from '../io/encodeImage.js';

export interface GridOptions {
  /** Images in a row, default 8. */
  nrow?: number;
  /** Pixels between images and around them, default 2. */
  padding?: number;
  /** Stretch values to 0 … 1, from `valueRange` or the smallest and largest; default false. */
  normalize?: boolean;
  /** The values that become 0 and 1. */
  valueRange?: readonly [number, number];
  /** Stretch each image by itself; default false. */
  scaleEach?: boolean;
  /** Value of the pixels between, default 0. */
  padValue?: number;
}

/**
 * Puts images side by side into one [c, h, w]. Images of one channel get three.
 *
 * @param images [n, c, h, w], a list of [c, h, w], one image [c, h, w], or [h, w].
 */
export function makeGrid(images: Tensor | readonly Tensor[], options: GridOptions = {}): Tensor {
  const { nrow = 8, padding = 2, normalize = false, valueRange, scaleEach = false, padValue = 0 } = options;
  if (!Number.isInteger(nrow) || nrow < 1 || !Number.isInteger(padding) || padding < 0) {
    throw new VisionError(
      'OPTION_INVALID',
      `makeGrid takes whole numbers, nrow from 1 and padding from 0, and got ${nrow} and ${padding}`,
    );
  }
  let batch = Array.isArray(images) ? stack(images as Tensor[]) : (images as Tensor);
  if (batch.dim() === 2) batch = batch.unsqueeze(0);
  if (batch.dim() === 3) batch = batch.unsqueeze(0);
  if (batch.dim() !== 4 || batch.size(0) === 0) {
    throw new VisionError(
      'ARGUMENT_INVALID',
      `makeGrid takes images [n, c, h, w], and got [${batch.shape.join(', ')}]`,
    );
  }
  if (batch.size(1) === 1) batch = batch.expand([-1, 3, -1, -1]);
  if (normalize) batch = stretched(batch, valueRange, scaleEach);
  const [count, channels, h, w] = batch.shape as [number, number, number, number];
  if (count === 1) return batch.squeeze(0);
  const columns = Math.min(nrow, count);
  const rows = Math.ceil(count / columns);
  const [height, width] = [h + padding, w + padding];
  const grid = batch.newFull([channels, height * rows + padding, width * columns + padding], padValue);
  batch.unbind(0).forEach((image, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    grid
      .narrow(1, row * height + padding, h)
      .narrow(2, column * width + padding, w)
      .copy_(image);
  });
  return grid;
}

function stretched(batch: Tensor, range: readonly [number, number] | undefined, scaleEach: boolean): Tensor {
  const stretch = (values: Tensor): Tensor => {
    const [low, high] = range ?? [values.min().item(), values.max().item()];
    return values
      .clamp(low, high)
      .sub(low)
      .div(Math.max(high - low, 1e-5));
  };
  return scaleEach ? stack(batch.unbind(0).map(stretch)) : stretch(batch);
}

/**
 * Writes images with values 0 to 1 as one file, put together by {@link makeGrid}.
 *
 * @param path ending in `.png`, `.jpg` or `.jpeg`.
 */
export async function saveImage(
  images: Tensor | readonly Tensor[],
  path: string,
  options: GridOptions = {},
): Promise<void> {
  const encode = /\.png$/i.test(path) ? encodePng : /\.jpe?g$/i.test(path) ? encodeJpeg : null;
  if (encode === null) {
    throw new VisionError('OPTION_INVALID', `saveImage writes .png, .jpg and .jpeg, and got ${path}`);
  }
  const bytes = makeGrid(images, options).detach().cpu().mul(255).add_(0.5).clamp_(0, 255).to('uint8');
  await writeFileAtomic(path, [await encode(bytes)]);
}
