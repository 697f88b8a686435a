import { fromTypedArray, type Tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';

/**
 * What added pixels are: one value, the nearest pixel of the edge, or the image mirrored at its edge without or with
 * (`symmetric`) the edge itself.
 */
export const paddingModes = ['constant', 'edge', 'reflect', 'symmetric'] as const;
export type PaddingMode = (typeof paddingModes)[number];

/** Throws `OPTION_INVALID` for sides or a mode that mean nothing. */
export function checkPadding(padding: number | readonly number[] = 0, mode: PaddingMode = 'constant'): void {
  const sides = typeof padding === 'number' ? [padding] : padding;
  if (![1, 2, 4].includes(sides.length) || !sides.every((n) => Number.isInteger(n) && n >= 0)) {
    throw new VisionError('OPTION_INVALID', `padding takes 1, 2 or 4 whole numbers from 0, and got ${padding}`);
  }
  if (!paddingModes.includes(mode)) {
    throw new VisionError('OPTION_INVALID', `paddingMode takes ${paddingModes.join(', ')}, and got ${mode}`);
  }
}

/**
 * Adds pixels around an image [..., h, w].
 *
 * @param padding for all sides, or [left and right, top and bottom], or [left, top, right, bottom].
 */
export function pad(
  image: Tensor,
  padding: number | readonly number[],
  fill = 0,
  mode: PaddingMode = 'constant',
): Tensor {
  const sides = typeof padding === 'number' ? [padding] : padding;
  const [left = 0, top = left, right = left, bottom = top] = sides;
  if (mode === 'constant') return image.constantPadNd([left, right, top, bottom], fill);
  const rows = sourceIndices(image.size(-2), top, bottom, mode);
  const columns = sourceIndices(image.size(-1), left, right, mode);
  return image.indexSelect(-2, rows).indexSelect(-1, columns);
}

/** For each pixel of the padded line, the pixel of the line it comes from. */
function sourceIndices(length: number, before: number, after: number, mode: PaddingMode): Tensor {
  const longest = mode === 'reflect' ? length - 1 : mode === 'symmetric' ? length : Number.POSITIVE_INFINITY;
  if (before > longest || after > longest) {
    throw new VisionError(
      'IMAGE_INVALID',
      `${mode} padding of ${Math.max(before, after)} pixels needs more than the image's ${length}`,
    );
  }
  const repeatsEdge = mode === 'symmetric' ? 1 : 0;
  const indices = new Int32Array(before + length + after);
  for (let i = 0; i < indices.length; i++) {
    const place = i - before;
    if (place < 0) indices[i] = mode === 'edge' ? 0 : -place - repeatsEdge;
    else if (place < length) indices[i] = place;
    else indices[i] = mode === 'edge' ? length - 1 : 2 * (length - 1) - place + repeatsEdge;
  }
  return fromTypedArray(indices);
}
