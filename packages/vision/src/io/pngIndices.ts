import { inflateSync } from 'node:zlib';
import { fromTypedArray, type Tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';

/** The palette's numbers of a PNG, in place of its colours: class masks are stored so. */
const paletteColour = 3;
const greyColour = 0;
const largest = 1 << 28;

/**
 * Decodes a PNG of palette or grey pixels into their numbers, uint8 [1, height, width], as PIL opens class masks.
 * `decodeImage` gives the palette's colours instead. Up to 8 bits a pixel, not interlaced.
 *
 * @param name what errors call the image.
 * @throws VisionError `IMAGE_UNREADABLE`
 */
export function decodePngIndices(bytes: Uint8Array, name = 'the image'): Tensor {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const bad = (reason: string, cause?: unknown) => new VisionError('IMAGE_UNREADABLE', `${name} ${reason}`, { cause });
  if (file.subarray(0, 8).toString('latin1') !== '\x89PNG\r\n\x1a\n') throw bad('is no PNG');
  const packed: Buffer[] = [];
  let header: Buffer | null = null;
  for (let at = 8; at + 12 <= file.length; ) {
    const length = file.readUInt32BE(at);
    const type = file.subarray(at + 4, at + 8).toString('latin1');
    const body = file.subarray(at + 8, at + 8 + length);
    if (type === 'IHDR') header = body;
    else if (type === 'IDAT') packed.push(body);
    at += 12 + length;
  }
  if (header === null || header.length !== 13) throw bad('is cut or damaged (it has no header)');
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const [depth, colour, interlace] = [header[8]!, header[9]!, header[12]!];
  if ((colour !== paletteColour && colour !== greyColour) || depth > 8 || interlace !== 0) {
    throw bad('is no plain PNG of palette or grey pixels of up to 8 bits');
  }
  if (width * height > largest) throw new VisionError('IMAGE_TOO_LARGE', `${name} has ${width} × ${height} pixels`);
  const rowLength = Math.ceil((width * depth) / 8);
  let rows: Buffer;
  try {
    rows = inflateSync(Buffer.concat(packed), { maxOutputLength: Math.max((rowLength + 1) * height, 1) });
  } catch (cause) {
    throw bad(`is cut or damaged (${(cause as Error).message})`, cause);
  }
  if (rows.length !== (rowLength + 1) * height) throw bad('is cut or damaged (it has too few rows)');
  const unfiltered = unfilter(rows, rowLength, height);
  if (unfiltered === null) throw bad('is damaged (it has an unknown filter)');
  return fromTypedArray(unpackBits(unfiltered, width, height, rowLength, depth), [1, height, width]);
}

/** Undoes the prediction of each row's bytes from their neighbours; one byte a pixel or less. */
function unfilter(rows: Buffer, length: number, height: number): Uint8Array | null {
  const out = new Uint8Array(length * height);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (length + 1)]!;
    if (filter > 4) return null;
    const start = y * length;
    for (let x = 0; x < length; x++) {
      const left = x > 0 ? out[start + x - 1]! : 0;
      const above = y > 0 ? out[start + x - length]! : 0;
      const corner = x > 0 && y > 0 ? out[start + x - length - 1]! : 0;
      const guess = [0, left, above, (left + above) >> 1, filter === 4 ? paeth(left, above, corner) : 0][filter]!;
      out[start + x] = rows[y * (length + 1) + 1 + x]! + guess;
    }
  }
  return out;
}

function paeth(left: number, above: number, corner: number): number {
  const guess = left + above - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - above), Math.abs(guess - corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? above : corner;
}

function unpackBits(rows: Uint8Array, width: number, height: number, length: number, depth: number): Uint8Array {
  if (depth === 8) return rows;
  const perByte = 8 / depth;
  const mask = (1 << depth) - 1;
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const byte = rows[y * length + Math.floor(x / perByte)]!;
      out[y * width + x] = (byte >> (8 - depth * ((x % perByte) + 1))) & mask;
    }
  }
  return out;
}
