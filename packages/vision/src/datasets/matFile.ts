import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import { corrupt } from './idxFile.js';

/** An array of a MATLAB file: bytes with the first index running fastest. */
export interface MatArray {
  shape: number[];
  data: Uint8Array;
}

const matrix = 14;
const compressed = 15;
const uint8Class = 9;
const doubleClass = 6;
const largest = 2 ** 31 - 1;

/**
 * Reads the arrays of small whole numbers of a MATLAB file of version 5, by name. Numbers stored as doubles are taken
 * where they are whole and below 256.
 *
 * @throws VisionError `DATASET_CORRUPT`, naming the file and what is wrong with it.
 */
export function readMatFile(path: string): Map<string, MatArray> {
  const file = readFileSync(path);
  if (file.length < 128 || file.subarray(126, 128).toString('latin1') !== 'IM') {
    throw corrupt(path, 'it is no MATLAB file of version 5, with the lowest byte first');
  }
  const arrays = new Map<string, MatArray>();
  for (let at = 128; at < file.length; ) {
    const element = elementAt(path, file, at);
    at = element.end;
    let { type, body } = element;
    if (type === compressed) {
      try {
        ({ type, body } = elementAt(path, inflateSync(body, { maxOutputLength: largest }), 0));
      } catch (cause) {
        throw corrupt(path, `it cannot be unpacked (${(cause as Error).message})`, cause);
      }
    }
    if (type !== matrix) continue;
    const [name, array] = arrayOf(path, body);
    if (array !== null) arrays.set(name, array);
  }
  return arrays;
}

interface Element {
  type: number;
  body: Buffer;
  end: number;
}

/** One tagged element; short ones are packed into the tag. */
function elementAt(path: string, bytes: Buffer, at: number): Element {
  if (at + 8 > bytes.length) throw corrupt(path, 'it is cut');
  const first = bytes.readUInt32LE(at);
  if (first >>> 16 !== 0) {
    return { type: first & 0xffff, body: bytes.subarray(at + 4, at + 4 + (first >>> 16)), end: at + 8 };
  }
  const length = bytes.readUInt32LE(at + 4);
  const end = at + 8 + length;
  if (end > bytes.length) throw corrupt(path, `it is cut: ${end - bytes.length} bytes are missing`);
  // All but compressed elements end on a multiple of 8 bytes.
  return { type: first, body: bytes.subarray(at + 8, end), end: first === compressed ? end : Math.ceil(end / 8) * 8 };
}

function arrayOf(path: string, bytes: Buffer): [string, MatArray | null] {
  const flags = elementAt(path, bytes, 0);
  const sizes = elementAt(path, bytes, flags.end);
  const title = elementAt(path, bytes, sizes.end);
  const name = title.body.toString('latin1');
  const kind = flags.body[0];
  if (kind !== uint8Class && kind !== doubleClass) return [name, null];
  const values = elementAt(path, bytes, title.end);
  const shape = Array.from({ length: sizes.body.length / 4 }, (_, i) => sizes.body.readInt32LE(4 * i));
  const count = shape.reduce((product, size) => product * size, 1);
  const isDouble = values.type === 9;
  // MATLAB stores doubles that fit as bytes.
  if (!isDouble && values.type !== 2) return [name, null];
  if (values.body.length !== count * (isDouble ? 8 : 1)) throw corrupt(path, `${name} has too few values`);
  if (!isDouble) return [name, { shape, data: values.body }];
  const data = Uint8Array.from({ length: count }, (_, i) => {
    const value = values.body.readDoubleLE(8 * i);
    if (!Number.isInteger(value) || value < 0 || value > 255) throw corrupt(path, `${name} holds ${value}, no byte`);
    return value;
  });
  return [name, { shape, data }];
}
