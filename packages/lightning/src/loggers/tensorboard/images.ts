import { type Tensor, zeros } from '@lightning-ts/torch';
import { LightningError } from '../../errors.js';
import { encodePng, type Picture } from './png.js';

/** What the dimensions of one picture mean: channels, height, width. */
export type ImageFormat = 'CHW' | 'HWC' | 'HW' | 'WH';
/** What the dimensions of several pictures mean, N being their number. */
export type ImagesFormat = 'NCHW' | 'NHWC' | 'NHW' | 'NWH';

/** Pictures beside each other in a grid. */
const mostColumns = 8;

/**
 * A tensor as a picture. Floats from 0 to 1 become 0 to 255 (what is outside is cut off), uint8 stays.
 *
 * @param image 1 channel grey, 3 colours, 4 colours and alpha
 * @throws LightningError LOGGER_VALUE when the dimensions are not those of `format`
 */
export function pictureOf(image: Tensor, format: ImageFormat): Picture {
  checkFormat(image, format, ['CHW', 'HWC', 'HW', 'WH']);
  const [height, width, channels] = axes(format);
  const withChannels = channels === null ? image.unsqueeze(2) : image;
  const ordered = withChannels.permute([height, width, channels ?? 2]);
  const [rows, columns, depth] = ordered.shape as [number, number, number];
  if (![1, 3, 4].includes(depth)) {
    throw new LightningError(
      'LOGGER_VALUE',
      `An image of shape [${image.shape.join(', ')}] read as ${format} has ${depth} channels. Use 1 (grey), 3 (colours) or 4 (with ` +
        'alpha), or another format.',
    );
  }
  return encodePng(toBytes(ordered), columns, rows, depth);
}

/**
 * Several pictures in a grid, eight in a row.
 *
 * @throws LightningError LOGGER_VALUE when the dimensions are not those of `format`
 */
export function gridOf(images: Tensor, format: ImagesFormat): Picture {
  checkFormat(images, format, ['NCHW', 'NHWC', 'NHW', 'NWH']);
  const single = format.slice(1) as ImageFormat;
  const [height, width, channels] = axes(single);
  const withChannels = channels === null ? images.unsqueeze(3) : images;
  const ordered = withChannels.permute([0, height + 1, width + 1, (channels ?? 2) + 1]); // [n, h, w, c]
  const [count, rows, columns, depth] = ordered.shape as [number, number, number, number];
  const across = Math.min(count, mostColumns);
  const down = Math.ceil(count / across);
  const grid = zeros([down * rows, across * columns, depth], { dtype: images.dtype });
  for (let index = 0; index < count; index += 1) {
    const top = Math.floor(index / across) * rows;
    const left = (index % across) * columns;
    grid.narrow(0, top, rows).narrow(1, left, columns).copy_(ordered.select(0, index));
  }
  return pictureOf(grid, 'HWC');
}

/** [height, width, channels] of a format; no channels for grey pictures without such a dimension. */
function axes(format: ImageFormat): [height: number, width: number, channels: number | null] {
  const channels = format.indexOf('C');
  return [format.indexOf('H'), format.indexOf('W'), channels < 0 ? null : channels];
}

function checkFormat(image: Tensor, format: string, formats: readonly string[]): void {
  if (formats.includes(format) && image.dim() === format.length) return;
  const expected = formats.includes(format)
    ? `${format}, which has ${format.length} dimensions`
    : `'${format}'. Formats are ${formats.join(', ')}`;
  throw new LightningError(
    'LOGGER_VALUE',
    `A tensor of shape [${image.shape.join(', ')}] cannot be shown as ${expected}.`,
  );
}

function toBytes(image: Tensor): Uint8Array {
  const { dtype } = image;
  const detached = image.detach();
  const scaled =
    dtype === 'uint8'
      ? detached
      : detached
          .to('float32')
          .mul(dtype === 'bool' || image.isFloatingPoint() ? 255 : 1)
          .clamp(0, 255)
          .to('uint8');
  return scaled.to('cpu').contiguous().toTypedArray() as Uint8Array;
}
