import { fromTypedArray, type Tensor, tensor } from '@lightning-ts/torch';
import { cellHeight, cellWidth, glyphOf } from './courierBold.js';

/** Rows between two lines, as PIL has them. */
const lineGap = 4;

/** The pixels of a text, bool [h, w]. Characters beyond Latin-1 are frames. */
function textMask(lines: readonly string[][], scale: number): Tensor {
  const width = Math.max(...lines.map((line) => line.length)) * cellWidth;
  const height = lines.length * (cellHeight + lineGap) - lineGap;
  const pixels = new Uint8Array(height * width);
  lines.forEach((line, row) => {
    line.forEach((character, column) => {
      const glyph = glyphOf(character);
      // A blank has no ink.
      if (glyph.every((bits) => bits === 0)) return;
      const [top, bottom] = [glyph.findIndex((bits) => bits !== 0), glyph.findLastIndex((bits) => bits !== 0)];
      const ink = glyph.reduce((all, bits) => all | bits, 0);
      const [left, right] = [Math.clz32(ink) - 24, Math.clz32(ink & -ink) - 24];
      // As PIL does, the box around the ink covers what the letter before put there.
      for (let y = top; y <= bottom; y += 1) {
        for (let k = left; k <= right; k += 1) {
          const x = column * cellWidth + k - 1;
          if (x < 0 || x >= width) continue;
          pixels[(row * (cellHeight + lineGap) + y) * width + x] = (glyph[y]! >> (7 - k)) & 1;
        }
      }
    });
  });
  const mask = fromTypedArray(pixels, [height, width]).to('bool');
  return scale === 1 ? mask : mask.repeatInterleave(scale, 0).repeatInterleave(scale, 1);
}

/**
 * Writes a text onto an image uint8 [3, h, w], in place, in PIL's default font; what is outside the image is left out.
 *
 * @param left, top the pixel of the text's top left corner.
 * @param scale pixels of the image for each of the font's, which is 11 high.
 */
export function drawText(
  image: Tensor,
  text: string,
  [left, top]: readonly [left: number, top: number],
  color: readonly number[],
  scale: number,
): void {
  const lines = text.split('\n').map((line) => [...line]);
  if (lines.every((line) => line.length === 0)) return;
  const mask = textMask(lines, scale);
  const [x, y] = [Math.max(left, 0), Math.max(top, 0)];
  const width = Math.min(left + mask.size(1), image.size(2)) - x;
  const height = Math.min(top + mask.size(0), image.size(1)) - y;
  if (width <= 0 || height <= 0) return;
  const region = image.narrow(1, y, height).narrow(2, x, width);
  const visible = mask.narrow(0, y - top, height).narrow(1, x - left, width);
  const ink = tensor([...color], { dtype: 'uint8' }).view([3, 1, 1]);
  region.copy_(ink.expandAs(region).where(visible, region));
}
