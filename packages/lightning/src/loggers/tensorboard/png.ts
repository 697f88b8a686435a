import { crc32, deflateSync } from 'node:zlib';
import { LightningError } from '../../errors.js';

/** How many bytes a pixel has, by PNG's colour type. */
const colorTypes: Readonly<Record<number, number>> = { 1: 0, 2: 4, 3: 2, 4: 6 };

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** A picture as PNG bytes, with its size. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Bytes of a pixel: 1 grey, 2 grey and alpha, 3 colours, 4 colours and alpha. */
  readonly channels: number;
  readonly png: Uint8Array;
}

/** @param pixels row by row, `channels` bytes for each pixel: [height, width, channels] */
export function encodePng(pixels: Uint8Array, width: number, height: number, channels: number): Picture {
  const rowLength = width * channels;
  const rows = Buffer.alloc(height * (rowLength + 1)); // the first byte of a row is its filter: none
  for (let row = 0; row < height; row += 1) {
    rows.set(pixels.subarray(row * rowLength, (row + 1) * rowLength), row * (rowLength + 1) + 1);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, colorTypes[channels]!, 0, 0, 0], 8);
  const parts = [signature, chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', new Uint8Array())];
  return { width, height, channels, png: Buffer.concat(parts) };
}

/**
 * The size of a PNG file.
 *
 * @throws LightningError LOGGER_VALUE for bytes that are none
 */
export function readPng(png: Uint8Array): Picture {
  const isPng = png.length > 33 && signature.every((byte, index) => png[index] === byte);
  if (!isPng) {
    throw new LightningError(
      'LOGGER_VALUE',
      `These ${png.length} bytes are no PNG file. Give a PNG, SVG text or a tensor.`,
    );
  }
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const colorType = view.getUint8(25);
  const channels = Number(Object.entries(colorTypes).find(([, type]) => type === colorType)?.[0] ?? 3);
  return { width: view.getUint32(16), height: view.getUint32(20), channels, png };
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(data.length + 12);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, 'latin1');
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}
