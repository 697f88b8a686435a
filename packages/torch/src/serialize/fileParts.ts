import { crc32 } from '../checksum.js';
import type { StoragePart } from '../storage.js';

/**
 * A file as it is made: bytes, and parts of tensors' storages, which need not pass through JavaScript. Whoever takes a part
 * answers with the CRC-32 of its bytes when asking for the next; the answer to bytes is not looked at.
 */
export type FileParts = Iterable<Uint8Array | StoragePart, void, number>;

/** Small enough that a piece is in the processor's caches for all that is done with it. */
const pieceSize = 512 << 10;

/**
 * The same as bytes alone. A piece may be a view of a tensor's memory, whose checksum was taken just before: use or copy it
 * before letting anything else run.
 */
export function* bytesOf(parts: FileParts): Generator<Uint8Array, void, void> {
  const iterator = parts[Symbol.iterator]();
  try {
    let crc = 0;
    for (let next = iterator.next(crc); next.done !== true; next = iterator.next(crc)) {
      if (next.value instanceof Uint8Array) {
        yield next.value;
        continue;
      }
      crc = 0;
      const bytes = next.value.bytes();
      for (let start = 0; start < bytes.length; start += pieceSize) {
        const piece = bytes.subarray(start, start + pieceSize);
        crc = crc32(piece, crc);
        yield piece;
      }
    }
  } finally {
    iterator.return?.();
  }
}
