import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
import {
  checkDecodeOptions,
  type DecodeOptions,
  decodeImage,
  decodeQuickly,
  type ImageReadMode,
} from './decodeImage.js';

/**
 * Reads a JPEG, PNG, WebP or GIF (first frame) as uint8 [channels, height, width].
 *
 * @param source a file's path, or the bytes of one.
 * @param options the mode, such as `'rgb'`, or all options.
 * @throws VisionError `IMAGE_UNREADABLE` or `IMAGE_TOO_LARGE`, naming the file.
 */
export async function readImage(
  source: string | URL | Uint8Array,
  options: ImageReadMode | DecodeOptions = {},
): Promise<Tensor> {
  const settings = typeof options === 'string' ? { mode: options } : options;
  if (source instanceof Uint8Array) return decodeImage(source, settings);
  const name = settings.name ?? String(source);
  const path = typeof source === 'string' ? source : fileURLToPath(source);
  // Node needs several turns of its pool to read a file; the engine reads and decodes in one.
  if (/\.jpe?g$/i.test(path) && (settings.format ?? 'jpeg') === 'jpeg') {
    checkDecodeOptions(settings);
    const image = await decodeQuickly(path, { ...settings, name });
    if (image !== null) return image;
  }
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new VisionError('IMAGE_UNREADABLE', `${name} could not be read (${(cause as Error).message})`, { cause });
  }
  return decodeImage(bytes, { ...settings, name });
}
