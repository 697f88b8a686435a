import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32 } from '../checksum.js';
import { fillFromBytes, StoragePart } from '../storage.js';
import type { Tensor } from '../tensor.js';
import { SerializeError } from './errors.js';

/** Bytes that can be read anywhere: a file or a buffer. */
export interface ByteSource {
  readonly size: number;
  /** The file's path, for errors. */
  readonly path: string | undefined;
  /** Fills `target` from `position`; the caller has checked that the range is inside. */
  readInto(target: Uint8Array, position: number): void;
}

/** Bytes that tensors can be filled from. */
export interface TensorSource extends ByteSource {
  /**
   * Fills a contiguous CPU tensor that has its storage, of `length` bytes, to itself; the CRC-32 of the bytes where
   * `verifies` asks for it, else any number.
   */
  fill(owner: Tensor, position: number, length: number, verifies: boolean): number;
}

/** Copies a range that the caller has checked. */
export function readRange(source: ByteSource, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  source.readInto(bytes, position);
  return bytes;
}

export class BufferSource implements TensorSource {
  readonly path = undefined;

  constructor(private readonly bytes: Uint8Array) {}

  get size(): number {
    return this.bytes.length;
  }

  readInto(target: Uint8Array, position: number): void {
    target.set(this.bytes.subarray(position, position + target.length));
  }

  fill(owner: Tensor, position: number, length: number, verifies: boolean): number {
    const bytes = this.bytes.subarray(position, position + length);
    fillFromBytes(owner, bytes);
    return verifies ? crc32(bytes) : 0;
  }
}

/** One read call takes at most 2 GiB. */
const longestRead = 1 << 30;
const becameShorter = 'it became shorter while it was read';

/** An open file; close it with {@link FileSource.close}. */
export class FileSource implements TensorSource {
  readonly size: number;
  readonly fd: number;

  /** @throws SerializeError `READ_FAILED` */
  constructor(readonly path: string) {
    try {
      this.fd = openSync(path, 'r');
    } catch (cause) {
      throw readFailed(path, cause);
    }
    const stats = fstatSync(this.fd);
    if (!stats.isFile()) {
      this.close();
      throw readFailed(path, new Error('it is not a file'));
    }
    this.size = stats.size;
  }

  readInto(target: Uint8Array, position: number): void {
    let done = 0;
    while (done < target.length) {
      let count: number;
      try {
        count = readSync(this.fd, target, done, Math.min(target.length - done, longestRead), position + done);
      } catch (cause) {
        throw readFailed(this.path, cause);
      }
      if (count === 0) throw readFailed(this.path, new Error(becameShorter));
      done += count;
    }
  }

  fill(owner: Tensor, position: number, length: number): number {
    try {
      return new StoragePart(owner, 0, length).readFrom(this.fd, position);
    } catch (cause) {
      throw readFailed(this.path, cause);
    }
  }

  /** {@link fill} without blocking the event loop; the file must stay open meanwhile. */
  async fillLater(owner: Tensor, position: number, length: number): Promise<number> {
    try {
      return await new StoragePart(owner, 0, length).readFromLater(this.fd, position);
    } catch (cause) {
      throw readFailed(this.path, cause);
    }
  }

  close(): void {
    closeSync(this.fd);
  }
}

export function readFailed(path: string, cause: unknown): SerializeError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SerializeError('READ_FAILED', `cannot read ${path}: ${reason}`, { path, cause });
}
