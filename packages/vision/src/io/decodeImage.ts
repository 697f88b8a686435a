import { cat, fromTypedArray, full, type Tensor, TorchError } from '@lightning-ts/torch';
import { decodeJpeg as decodeJpegPixels } from '@lightning-ts/torch/image';
import { VisionError } from '../errors.js';
import { type ImageFormat, sniffFormat } from './imageFormat.js';
import { loadSharp } from './loadSharp.js';

/** Channels of a decoded image: 1, 2, 3, 4, or as many as the file has. */
export const imageReadModes = ['unchanged', 'gray', 'grayAlpha', 'rgb', 'rgbAlpha'] as const;
export type ImageReadMode = (typeof imageReadModes)[number];

export interface DecodeOptions {
  /** Default `'unchanged'`: the channels that the file has. Palettes become colours. */
  mode?: ImageReadMode;
  /** Turn the image as its EXIF orientation says; default false, as PIL and torchvision leave it. */
  applyExifOrientation?: boolean;
  /** Refuse images of more pixels, before they are decoded; default 178,956,970, where PIL refuses too. */
  maxPixels?: number;
  /** Only this format; anything else is an error. Default: any of JPEG, PNG, WebP and GIF. */
  format?: ImageFormat;
  /** What errors call the image; default `'the image'`. */
  name?: string;
}

const wantedChannels: Partial<Record<ImageReadMode, number>> = { gray: 1, grayAlpha: 2, rgb: 3, rgbAlpha: 4 };
const defaultMaxPixels = 178_956_970;

/**
 * Decodes JPEG, PNG, WebP or the first frame of a GIF into uint8 [channels, height, width].
 *
 * Works on threads of its own, so several images decode at the same time. Pixels are those of PIL: colour profiles are
 * not applied, and grey is ITU-R 601.
 *
 * @throws VisionError `IMAGE_UNREADABLE` for what is cut, damaged or no image, `IMAGE_TOO_LARGE` past `maxPixels`.
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Tensor> {
  const { name = 'the image', format } = options;
  checkDecodeOptions(options);
  const found = sniffFormat(bytes);
  if (found === null || (format !== undefined && found !== format)) throw notAnImage(name, bytes, found, format);
  const quick = found === 'jpeg' ? await decodeQuickly(bytes, options) : null;
  return quick ?? (await inModeOf(options, () => sharpPixels(bytes, options)))!;
}

export function checkDecodeOptions({ mode = 'unchanged', maxPixels = defaultMaxPixels }: DecodeOptions): void {
  if (!imageReadModes.includes(mode)) {
    throw new VisionError('OPTION_INVALID', `mode takes ${imageReadModes.join(', ')}, and got '${mode}'`);
  }
  if (!Number.isInteger(maxPixels) || maxPixels < 1) {
    throw new VisionError('OPTION_INVALID', `maxPixels takes a whole number above 0, and got ${maxPixels}`);
  }
}

/** A JPEG file, from its path or bytes, decoded by the engine; null where that cannot be, and the image library must. */
export async function decodeQuickly(source: string | Uint8Array, options: DecodeOptions): Promise<Tensor | null> {
  if (options.applyExifOrientation) return null;
  return inModeOf(options, () => decodeJpegPixels(source, options.maxPixels ?? defaultMaxPixels));
}

async function inModeOf(options: DecodeOptions, decode: () => Promise<Tensor | null>): Promise<Tensor | null> {
  try {
    const pixels = await decode();
    return pixels === null ? null : inMode(pixels.movedim(-1, 0), options.mode ?? 'unchanged');
  } catch (cause) {
    throw decodeError(options.name ?? 'the image', cause, options.maxPixels ?? defaultMaxPixels);
  }
}

/** [height, width, channels of the file], decoded by the image library. */
async function sharpPixels(bytes: Uint8Array, options: DecodeOptions): Promise<Tensor> {
  const sharp = await loadSharp();
  // Warnings of the decoder are harmless oddities of a file; a cut or damaged one must not pass as grey pixels.
  const limitInputPixels = options.maxPixels ?? defaultMaxPixels;
  let image = sharp(bytes, { failOn: 'truncated', limitInputPixels, ignoreIcc: true });
  if (options.applyExifOrientation) image = image.autoOrient();
  const { channels, hasAlpha } = await image.metadata();
  const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  const packed = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const pixels = fromTypedArray(packed, [info.height, info.width, info.channels]);
  // Grey comes as three equal channels.
  const isGray = channels <= 2 && info.channels >= 3;
  if (!isGray) return pixels;
  const gray = pixels.narrow(-1, 0, 1);
  return hasAlpha ? cat([gray, pixels.narrow(-1, 3, 1)], -1) : gray;
}

/** The channels that are wanted, of an image [channels, height, width]; a view where that is possible. */
function inMode(image: Tensor, mode: ImageReadMode): Tensor {
  const had = image.size(0);
  const wanted = wantedChannels[mode] ?? had;
  if (wanted === had) return image;
  const [, height, width] = image.shape as [number, number, number];
  const isGray = had <= 2;
  const colors = image.narrow(0, 0, isGray ? 1 : 3);
  const shown = wanted <= 2 ? (isGray ? colors : luma(colors)) : isGray ? cat([colors, colors, colors]) : colors;
  if (wanted % 2 === 1) return shown;
  const hasAlpha = had % 2 === 0;
  return cat([shown, hasAlpha ? image.narrow(0, had - 1, 1) : full([1, height, width], 255, { dtype: 'uint8' })]);
}

/** Decodes JPEG only. See {@link decodeImage}. */
export const decodeJpeg = (bytes: Uint8Array, options: Omit<DecodeOptions, 'format'> = {}): Promise<Tensor> =>
  decodeImage(bytes, { ...options, format: 'jpeg' });

/** Decodes PNG only. See {@link decodeImage}. */
export const decodePng = (bytes: Uint8Array, options: Omit<DecodeOptions, 'format'> = {}): Promise<Tensor> =>
  decodeImage(bytes, { ...options, format: 'png' });

/** Grey in the fixed-point arithmetic of PIL: 19595, 38470 and 7471 parts of 65536, rounded. */
function luma(image: Tensor): Tensor {
  const [red, green, blue] = image.narrow(0, 0, 3).to('int32').split(1) as [Tensor, Tensor, Tensor];
  const sum = red.mul(19595).add_(green.mul(38470)).add_(blue.mul(7471)).add_(32768);
  return sum.bitwiseRightShift(16).to('uint8');
}

function notAnImage(name: string, bytes: Uint8Array, found: ImageFormat | null, wanted?: ImageFormat): VisionError {
  if (bytes.length === 0) return new VisionError('IMAGE_UNREADABLE', `${name} is empty`);
  const what =
    found ?? `none of JPEG, PNG, WebP and GIF (it begins with ${Buffer.from(bytes.subarray(0, 4)).toString('hex')})`;
  const expected = wanted === undefined ? '' : `, and ${wanted} was asked for`;
  return new VisionError('IMAGE_UNREADABLE', `${name} is ${what}${expected}. Convert it, or leave it out.`);
}

function decodeError(name: string, cause: unknown, maxPixels: number): VisionError {
  const reason = (cause as Error).message.split('\n')[0];
  if ((cause instanceof TorchError && cause.code === 'IMAGE_TOO_LARGE') || /pixel limit/i.test(reason ?? '')) {
    return new VisionError(
      'IMAGE_TOO_LARGE',
      `${name} has more than ${maxPixels} pixels. Make it smaller, or raise maxPixels if you trust where it comes from.`,
      { cause },
    );
  }
  return new VisionError(
    'IMAGE_UNREADABLE',
    `${name} is cut or damaged (${reason}). Get the file again, or leave it out.`,
    { cause },
  );
}
