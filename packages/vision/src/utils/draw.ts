import { type Tensor, tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
import { drawText } from './drawText.js';

/** A colour as [red, green, blue] from 0 to 255, `'#rrggbb'`, or one of the names of {@link colorNames}. */
export type Color = readonly [number, number, number] | string;

/** Colours that can be named. */
export const colorNames: Readonly<Record<string, readonly [number, number, number]>> = {
  black: [0, 0, 0],
  white: [255, 255, 255],
  gray: [128, 128, 128],
  red: [255, 0, 0],
  green: [0, 128, 0],
  lime: [0, 255, 0],
  blue: [0, 0, 255],
  yellow: [255, 255, 0],
  cyan: [0, 255, 255],
  magenta: [255, 0, 255],
  orange: [255, 165, 0],
  purple: [128, 0, 128],
};

function colorOf(color: Color): readonly [number, number, number] {
  if (typeof color !== 'string') {
    if (color.length === 3 && color.every((part) => Number.isInteger(part) && part >= 0 && part <= 255)) return color;
  } else if (/^#[0-9a-f]{6}$/i.test(color)) {
    const value = Number.parseInt(color.slice(1), 16);
    return [value >> 16, (value >> 8) & 255, value & 255];
  } else if (colorNames[color.toLowerCase()] !== undefined) return colorNames[color.toLowerCase()]!;
  throw new VisionError(
    'OPTION_INVALID',
    `a colour is [red, green, blue] from 0 to 255, '#rrggbb' or one of ${Object.keys(colorNames).join(', ')}; got ${color}`,
  );
}

/** One colour for each: those given, one for all, or torchvision's own series. */
function colorsFor(count: number, colors: Color | readonly Color[] | undefined): (readonly [number, number, number])[] {
  if (colors === undefined) {
    const steps = [2 ** 25 - 1, 2 ** 15 - 1, 2 ** 21 - 1];
    return Array.from({ length: count }, (_, i) => steps.map((step) => (i * step) % 255) as [number, number, number]);
  }
  const isList = Array.isArray(colors) && typeof colors[0] !== 'number';
  if (!isList) return Array(count).fill(colorOf(colors as Color));
  const list = colors as readonly Color[];
  if (list.length < count) {
    throw new VisionError('OPTION_INVALID', `there are ${count} things to draw and ${list.length} colours`);
  }
  return list.slice(0, count).map(colorOf);
}

function checkImage(name: string, image: Tensor, channels: readonly number[]): void {
  if (image.dtype === 'uint8' && image.dim() === 3 && channels.includes(image.size(0))) return;
  throw new VisionError(
    'ARGUMENT_INVALID',
    `${name} takes an image uint8 [${channels.join(' or ')}, h, w], and got ${image.dtype} [${image.shape.join(', ')}]`,
  );
}

export interface DrawBoxesOptions {
  /** One for all or one for each; by default a series of different ones. */
  colors?: Color | readonly Color[];
  /** Pixels, inwards from the box; default 1. */
  width?: number;
  /** Tint the inside of each box with its colour; default false. */
  fill?: boolean;
  /**
   * What is written at the top left inside each box, in its colour; null for nothing. The font is PIL's default one, of
   * Latin-1; other characters are frames.
   */
  labels?: readonly (string | null)[];
  /** How many times as large as its 11 pixels the font is, a whole number; default 1. */
  labelScale?: number;
}

/**
 * A copy of an image uint8 [1 or 3, h, w] with the outlines of boxes [n, 4] as corners (x1, y1, x2, y2) in pixels,
 * fractions cut off. The result has three channels.
 */
export function drawBoundingBoxes(image: Tensor, boxes: Tensor, options: DrawBoxesOptions = {}): Tensor {
  const { width = 1, colors, fill = false, labels, labelScale = 1 } = options;
  checkImage('drawBoundingBoxes', image, [1, 3]);
  if (boxes.dim() !== 2 || boxes.size(1) !== 4) {
    throw new VisionError(
      'ARGUMENT_INVALID',
      `drawBoundingBoxes takes boxes [n, 4], and got [${boxes.shape.join(', ')}]`,
    );
  }
  for (const [name, value] of Object.entries({ width, labelScale })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new VisionError('OPTION_INVALID', `drawBoundingBoxes: ${name} is a whole number above 0, and got ${value}`);
  }
  if (labels !== undefined && labels.length !== boxes.size(0)) {
    throw new VisionError(
      'OPTION_INVALID',
      `drawBoundingBoxes: there are ${boxes.size(0)} boxes and ${labels.length} labels. Give one for each box; null writes nothing.`,
    );
  }
  const drawn = image.expand([3, -1, -1]).clone();
  const rows = boxes.to('int64').tolist() as number[][];
  const palette = colorsFor(rows.length, colors);
  rows.forEach(([x1, y1, x2, y2], i) => {
    if (x1! > x2! || y1! > y2!) {
      throw new VisionError(
        'ARGUMENT_INVALID',
        `box ${i} is [${rows[i]!.join(', ')}], whose second corner is before the first. Boxes are (x1, y1, x2, y2); boxConvert makes them so.`,
      );
    }
    const paint = (left: number, top: number, right: number, bottom: number) =>
      fillRectangle(drawn, left, top, right, bottom, palette[i]!);
    if (fill) tintRectangle(drawn, x1!, y1!, x2!, y2!, palette[i]!);
    // No thicker than the box itself.
    const across = Math.min(width, x2! - x1! + 1) - 1;
    const down = Math.min(width, y2! - y1! + 1) - 1;
    paint(x1!, y1!, x2!, y1! + down);
    paint(x1!, y2! - down, x2!, y2!);
    paint(x1!, y1!, x1! + across, y2!);
    paint(x2! - across, y1!, x2!, y2!);
    const label = labels?.[i] ?? null;
    if (label !== null) drawText(drawn, label, [x1! + width + 1, y1! + width + 1], palette[i]!, labelScale);
  });
  return drawn;
}

/** The part of an image between two corners that both belong to it; null where it is all outside. */
function rectangleOf(image: Tensor, left: number, top: number, right: number, bottom: number): Tensor | null {
  const [x, y] = [Math.max(left, 0), Math.max(top, 0)];
  const width = Math.min(right + 1, image.size(2)) - x;
  const height = Math.min(bottom + 1, image.size(1)) - y;
  return width <= 0 || height <= 0 ? null : image.narrow(1, y, height).narrow(2, x, width);
}

type Corners = readonly [left: number, top: number, right: number, bottom: number];

function fillRectangle(image: Tensor, ...[left, top, right, bottom, color]: [...Corners, readonly number[]]): void {
  rectangleOf(image, left, top, right, bottom)?.copy_(tensor([...color], { dtype: 'uint8' }).view([3, 1, 1]));
}

/** Of 255 parts, how many are the colour inside a filled box, as in torchvision. */
const tint = 100;

function tintRectangle(image: Tensor, ...[left, top, right, bottom, color]: [...Corners, readonly number[]]): void {
  const part = rectangleOf(image, left, top, right, bottom);
  if (part === null) return;
  const inks = tensor(
    color.map((value) => value * tint),
    { dtype: 'float64' },
  ).view([3, 1, 1]);
  // PIL's mix, in whole numbers: the nearest to the quotient.
  part.copy_(
    part
      .to('float64')
      .mul(255 - tint)
      .add(inks)
      .div(255)
      .round(),
  );
}

export interface DrawMasksOptions {
  /** How much of the colour, from 0 to 1; default 0.8. */
  alpha?: number;
  /** One for all or one for each; by default a series of different ones. */
  colors?: Color | readonly Color[];
}

/** A copy of an image uint8 [3, h, w] with the pixels of masks, bool [h, w] or [n, h, w], coloured. */
export function drawSegmentationMasks(image: Tensor, masks: Tensor, options: DrawMasksOptions = {}): Tensor {
  const { alpha = 0.8, colors } = options;
  checkImage('drawSegmentationMasks', image, [3]);
  const all = masks.dim() === 2 ? masks.unsqueeze(0) : masks;
  if (masks.dtype !== 'bool' || all.dim() !== 3 || all.size(1) !== image.size(1) || all.size(2) !== image.size(2)) {
    throw new VisionError(
      'ARGUMENT_INVALID',
      `drawSegmentationMasks takes masks bool [n, ${image.size(1)}, ${image.size(2)}], and got ${masks.dtype} [${masks.shape.join(', ')}]`,
    );
  }
  if (!(alpha >= 0 && alpha <= 1)) {
    throw new VisionError('OPTION_INVALID', `drawSegmentationMasks: alpha goes from 0 to 1, and got ${alpha}`);
  }
  const palette = colorsFor(all.size(0), colors);
  let painted = image;
  all.unbind(0).forEach((mask, i) => {
    const color = tensor([...palette[i]!], { dtype: 'uint8' }).view([3, 1, 1]);
    painted = color.expandAs(painted).where(mask, painted);
  });
  return image
    .to('float32')
    .mul_(1 - alpha)
    .add_(painted.to('float32').mul_(alpha))
    .to('uint8');
}
