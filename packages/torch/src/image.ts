import { native } from './native.js';
import { Tensor } from './tensor.js';

// The part of image work that the addon does, for @lightning-ts/vision: files to pixels, pixels to floats. It works on bytes
// in the CPU's memory and refuses all else with ARGUMENT_TYPE.

/**
 * A JPEG file, from its path or its bytes, as uint8 [height, width, 1 or 3]: the pixels that PIL has, decoded on a thread of
 * the pool. Bytes must not change meanwhile.
 *
 * Null for what must be read in another way: no JPEG, one of four inks, a file that cannot be opened, an addon that was
 * built without libjpeg-turbo.
 *
 * @throws TorchError `IMAGE_UNREADABLE` for what is cut or damaged, `IMAGE_TOO_LARGE` past `maxPixels`.
 */
export async function decodeJpeg(source: string | Uint8Array, maxPixels: number): Promise<Tensor | null> {
  const pixels = await (typeof source === 'string'
    ? native.readJpeg?.(source, maxPixels)
    : native.decodeJpeg?.(source, maxPixels));
  return pixels ? new Tensor(pixels) : null;
}

/**
 * An image uint8 [channels, height, width] of any strides in another size, to the bit as PIL resizes it. Shrinking widens
 * the filter, so that it smooths.
 */
export const resamplePixels = (
  image: Tensor,
  height: number,
  width: number,
  filter: 'bilinear' | 'bicubic' = 'bilinear',
): Tensor => new Tensor(native.resamplePixels(image.handle, height, width, filter === 'bicubic'));

/** An image uint8 [channels, height, width] of any strides from right to left, several times as fast as `flip`. */
export const mirrorPixels = (image: Tensor): Tensor => new Tensor(native.mirrorPixels(image.handle));

/**
 * An image uint8 [channels, height, width] of any strides as contiguous float32, each byte looked up in its channel's row of
 * `tables`, float32 [channels, 256].
 */
export const mapPixels = (image: Tensor, tables: Tensor): Tensor =>
  new Tensor(native.mapPixels(image.handle, tables.handle));

/** Whether the three above take an image. */
export const isPixels = (image: Tensor): boolean =>
  image.dtype === 'uint8' && image.dim() === 3 && image.device.type === 'cpu' && image.numel() > 0;
