import type { Tensor } from '@lightning-ts/torch';
import { writeFileAtomic } from '@lightning-ts/torch/serialize';
import type { Sharp } from 'sharp';
import { VisionError } from '../errors.js';
import { loadSharp } from './loadSharp.js';

/** In an object: a bare Sharp is a stream, not a value to await. */
async function encoder(image: Tensor, channels: readonly number[]): Promise<{ pixels: Sharp }> {
  const [count, height, width] = image.shape as [number, number, number];
  if (image.dtype !== 'uint8' || image.dim() !== 3 || !channels.includes(count) || height < 1 || width < 1) {
    throw new VisionError(
      'ARGUMENT_INVALID',
      `an image to encode is uint8 [${channels.join(' or ')}, height, width], and got ${image.dtype} [${image.shape.join(', ')}]`,
    );
  }
  const bytes = image.movedim(0, -1).contiguous().toTypedArray() as Uint8Array;
  const sharp = await loadSharp();
  return { pixels: sharp(bytes, { raw: { width, height, channels: count as 1 | 2 | 3 | 4 } }) };
}

/**
 * An image uint8 [1 or 3, height, width] as the bytes of a JPEG file.
 *
 * @param quality from 1 to 100, default 75.
 */
export async function encodeJpeg(image: Tensor, quality = 75): Promise<Uint8Array> {
  if (!Number.isInteger(quality) || quality < 1 || quality > 100) {
    throw new VisionError('OPTION_INVALID', `quality takes a whole number from 1 to 100, and got ${quality}`);
  }
  const { pixels } = await encoder(image, [1, 3]);
  return (image.size(0) === 1 ? pixels.toColourspace('b-w') : pixels).jpeg({ quality }).toBuffer();
}

/**
 * An image uint8 [1 to 4, height, width] as the bytes of a PNG file: grey, grey and alpha, colour, colour and alpha.
 *
 * @param compressionLevel from 0 to 9, default 6.
 */
export async function encodePng(image: Tensor, compressionLevel = 6): Promise<Uint8Array> {
  if (!Number.isInteger(compressionLevel) || compressionLevel < 0 || compressionLevel > 9) {
    throw new VisionError(
      'OPTION_INVALID',
      `compressionLevel takes a whole number from 0 to 9, and got ${compressionLevel}`,
    );
  }
  const { pixels } = await encoder(image, [1, 2, 3, 4]);
  const isGray = image.size(0) <= 2;
  return (isGray ? pixels.toColourspace('b-w') : pixels).png({ compressionLevel }).toBuffer();
}

/** Writes a JPEG file; it appears when it is complete. See {@link encodeJpeg}. */
export async function writeJpeg(image: Tensor, path: string, quality = 75): Promise<void> {
  await writeFileAtomic(path, [await encodeJpeg(image, quality)]);
}

/** Writes a PNG file; it appears when it is complete. See {@link encodePng}. */
export async function writePng(image: Tensor, path: string, compressionLevel = 6): Promise<void> {
  await writeFileAtomic(path, [await encodePng(image, compressionLevel)]);
}
