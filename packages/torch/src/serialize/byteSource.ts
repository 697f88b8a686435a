import { closeSync, fstatSync, openSync, read, readSync } from 'node:fs';
import { promisify } from 'node:util';
import { SerializeError } from './errors.js';

/** Bytes that can be read anywhere: a file or a buffer. */
export interface ByteSource {
  readonly size: number;
  /** The file's path, for errors. */
  readonly path: string | undefined;
  /** Fills `target` from `position`; the caller has checked that the range is inside. */
  readInto(target: Uint8Array, position: number): void;
}

/** Copies a range that the caller has checked. */
export function readRange(source: ByteSource, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  source.readInto(bytes, position);
  return bytes;
}

export class BufferSource implements ByteSource {
  readonly path = undefined;

  constructor(private readonly bytes: Uint8Array) {}

  get size(): number {
    return this.bytes.length;
  }

  readInto(target: Uint8Array, position: number): void {
    target.set(this.bytes.subarray(position, position + target.length));
  }
}

const readPart = promisify(read);
/** One read call takes at most 2 GiB. */
const longestRead = 1 << 30;
const becameShorter = 'it became shorter while it was read';

/** An open file; close it with {@link FileSource.close}. */
export class FileSource implements ByteSource {
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

  /** {@link readInto} without blocking the event loop. */
  async readIntoLater(target: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < target.length; ) {
      const length = Math.min(target.length - done, longestRead);
      const { bytesRead } = await readPart(this.fd, target, done, length, position + done).catch((cause) => {
        throw readFailed(this.path, cause);
      });
      if (bytesRead === 0) throw readFailed(this.path, new Error(becameShorter));
      done += bytesRead;
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
