import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { VisionError } from '../errors.js';

/** An array of unsigned bytes as an idx file holds it. */
export interface IdxArray {
  shape: number[];
  /** The elements, the last index running fastest; a view of the file's bytes. */
  data: Uint8Array;
}

const unsignedBytes = 0x08;
const largestFile = 1 << 30;

/**
 * Reads an idx file of unsigned bytes, packed by gzip where its name ends in `.gz`. The format is that of the MNIST
 * files: two zero bytes, the element type, the number of dimensions, each size as a 32-bit number with its most
 * significant byte first, the elements.
 *
 * @param dimensions how many dimensions the file must have.
 * @throws VisionError `DATASET_CORRUPT`, naming the file and what is wrong with it.
 */
export function readIdxFile(path: string, dimensions: number): IdxArray {
  const bytes = path.endsWith('.gz') ? unpack(path, readFileSync(path)) : readFileSync(path);
  const headerLength = 4 + 4 * dimensions;
  if (bytes.length < headerLength)
    throw corrupt(path, `it is cut: it has ${bytes.length} bytes and a header takes ${headerLength}`);
  if (bytes[0] !== 0 || bytes[1] !== 0 || bytes[2] !== unsignedBytes || bytes[3] !== dimensions) {
    const expected = Buffer.of(0, 0, unsignedBytes, dimensions).toString('hex');
    throw corrupt(
      path,
      `it begins with ${bytes.subarray(0, 4).toString('hex')}, not ${expected} (idx, unsigned bytes, ${dimensions}-d)`,
    );
  }
  const shape = Array.from({ length: dimensions }, (_, i) => bytes.readUInt32BE(4 + 4 * i));
  const needed = headerLength + shape.reduce((product, size) => product * size, 1);
  if (bytes.length !== needed) {
    const how = bytes.length < needed ? 'it is cut' : 'it is too long';
    throw corrupt(
      path,
      `${how}: ${shape.join(' × ')} bytes make a file of ${needed} bytes, and it has ${bytes.length}`,
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
