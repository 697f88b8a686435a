import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { VisionError } from '../errors.js';

/** An array as an idx file holds it. */
export interface IdxArray<Data = Uint8Array> {
  shape: number[];
  /** The elements, the last index running fastest; bytes are a view of the file's. */
  data: Data;
}

const unsignedBytes = 0x08;
const integers = 0x0c;
const largestFile = 1 << 30;

/**
 * Reads an idx file of unsigned bytes, packed by gzip where its name ends in `.gz`. The format is that of the MNIST
 * files: two zero bytes, the element type, the number of dimensions, each size as a 32-bit number with its most
 * significant byte first, the elements.
 *
 * @param dimensions how many dimensions the file must have.
 * @throws VisionError `DATASET_CORRUPT`, naming the file and what is wrong with it.
 */
export const readIdxFile = (path: string, dimensions: number): IdxArray =>
  readElements(path, dimensions, unsignedBytes, 1);

/** Reads an idx file of 32-bit integers. See {@link readIdxFile}. */
export function readIdxIntegers(path: string, dimensions: number): IdxArray<Int32Array> {
  const { shape, data } = readElements(path, dimensions, integers, 4);
  const numbers = new Int32Array(data.length / 4);
  for (let i = 0; i < numbers.length; i++) numbers[i] = data.readInt32BE(4 * i);
  return { shape, data: numbers };
}

function readElements(path: string, dimensions: number, type: number, bytesEach: number): IdxArray<Buffer> {
  const bytes = path.endsWith('.gz') ? unpack(path, readFileSync(path)) : readFileSync(path);
  const headerLength = 4 + 4 * dimensions;
  if (bytes.length < headerLength)
    throw corrupt(path, `it is cut: it has ${bytes.length} bytes and a header takes ${headerLength}`);
  if (bytes[0] !== 0 || bytes[1] !== 0 || bytes[2] !== type || bytes[3] !== dimensions) {
    const expected = Buffer.of(0, 0, type, dimensions).toString('hex');
    const kind = type === unsignedBytes ? 'unsigned bytes' : '32-bit integers';
    throw corrupt(
      path,
      `it begins with ${bytes.subarray(0, 4).toString('hex')}, not ${expected} (idx, ${kind}, ${dimensions}-d)`,
    );
  }
  const shape = Array.from({ length: dimensions }, (_, i) => bytes.readUInt32BE(4 + 4 * i));
  const needed = headerLength + shape.reduce((product, size) => product * size, bytesEach);
  if (bytes.length !== needed) {
    const how = bytes.length < needed ? 'it is cut' : 'it is too long';
    const each = bytesEach === 1 ? 'bytes' : `elements of ${bytesEach} bytes`;
    throw corrupt(
      path,
      `${how}: ${shape.join(' × ')} ${each} make a file of ${needed} bytes, and it has ${bytes.length}`,
    );
  }
  return { shape, data: bytes.subarray(headerLength) };
}

function unpack(path: string, packed: Buffer): Buffer {
  try {
    return gunzipSync(packed, { maxOutputLength: largestFile });
  } catch (cause) {
    throw corrupt(path, `it cannot be unpacked (${(cause as Error).message})`, cause);
  }
}

export function corrupt(path: string, reason: string, cause?: unknown): VisionError {
  return new VisionError('DATASET_CORRUPT', `${path}: ${reason}. Delete the file and prepare the dataset again.`, {
    cause,
  });
}
