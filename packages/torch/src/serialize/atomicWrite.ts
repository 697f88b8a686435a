import { closeSync, fstatSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SerializeError } from './errors.js';
import { temporaryName } from './temporaryFiles.js';

const stageSize = 1 << 20;
const smallPiece = 256 << 10;
/** How much may wait for the disk while the next is prepared. */
const flushSize = 16 << 20;

/**
 * Writes a file so that its path always holds either the whole old file or the whole new one: into a temporary file
 * beside it, flushed to the disk, then renamed. Whatever fails, the temporary file is removed and the old one stays.
 *
 * The pieces are copied as they come through buffers of 4 MiB, so that they may be views of memory that changes later.
 * While one buffer is written, the next is filled, and what was written flows on to the disk.
 *
 * @throws SerializeError `DISK_FULL` or `WRITE_FAILED` with the path; an error thrown by `chunks` passes through.
 */
export async function writeFileAtomic(path: string, chunks: Iterable<Uint8Array>): Promise<void> {
  const temporary = temporaryName(path);
  let handle: FileHandle | undefined;
  let writing: Promise<void> = Promise.resolve();
  let flushing: Promise<void> = Promise.resolve();
  try {
    handle = await guard(path, () => open(temporary, 'wx'));
    const file = handle;
    let total = 0;
    let unflushed = 0;
    for (const piece of staged(chunks)) {
      await writing;
      const start = total;
      writing = guard(path, () => writeAll(file, piece, start));
      writing.catch(() => undefined); // handled where it is awaited, which is later
      total += piece.length;
      unflushed += piece.length;
      if (unflushed < flushSize) continue;
      unflushed = 0;
      await flushing;
      flushing = guard(path, () => file.datasync());
      flushing.catch(() => undefined);
    }
    await writing;
    await flushing;
    await guard(path, () => file.sync());
    const { size } = await guard(path, () => file.stat());
    checkSize(path, total, size);
    await guard(path, () => file.close());
    handle = undefined;
    await guard(path, () => rename(temporary, path));
  } catch (error) {
    await Promise.allSettled([writing, flushing]); // the file must not be closed under them
    await handle?.close().catch(() => undefined);
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  await flushFolder(path);
}

async function writeAll(file: FileHandle, piece: Uint8Array, start: number): Promise<void> {
  for (let done = 0; done < piece.length; ) {
    done += (await file.write(piece, done, piece.length - done, start + done)).bytesWritten;
  }
}

/** {@link writeFileAtomic} without yielding. */
export function writeFileAtomicSync(path: string, chunks: Iterable<Uint8Array>): void {
  const temporary = temporaryName(path);
  let fd: number | undefined;
  try {
    fd = guardSync(path, () => openSync(temporary, 'wx'));
    const file = fd;
    let total = 0;
    for (const piece of gathered(chunks)) {
      for (let done = 0; done < piece.length; ) {
        done += guardSync(path, () => writeSync(file, piece, done, piece.length - done));
      }
      total += piece.length;
    }
    guardSync(path, () => fsyncSync(file));
    checkSize(path, total, guardSync(path, () => fstatSync(file)).size);
    fd = undefined;
    guardSync(path, () => closeSync(file));
    guardSync(path, () => renameSync(temporary, path));
  } catch (error) {
    try {
      if (fd !== undefined) closeSync(fd);
      rmSync(temporary, { force: true });
    } catch {
      // The first error is the one to report.
    }
    throw error;
  }
  flushFolderSync(path);
}

/** Copies the pieces into two buffers in turn and yields each when it is full; valid until the next but one is asked for. */
function* staged(chunks: Iterable<Uint8Array>): Generator<Uint8Array, void, void> {
  let stage = Buffer.allocUnsafeSlow(stageSize);
  let other: Buffer<ArrayBuffer> | null = null;
  let filled = 0;
  for (const chunk of chunks) {
    for (let start = 0; start < chunk.length; ) {
      const count = Math.min(chunk.length - start, stageSize - filled);
      stage.set(chunk.subarray(start, start + count), filled);
      start += count;
      filled += count;
      if (filled === stageSize) {
        yield stage;
        const next = other ?? Buffer.allocUnsafeSlow(stageSize);
        other = stage;
        stage = next;
        filled = 0;
      }
    }
  }
  if (filled > 0) yield stage.subarray(0, filled);
}

/** Small pieces put together, large ones as they are: nothing else runs meanwhile that could change them. */
function* gathered(chunks: Iterable<Uint8Array>): Generator<Uint8Array, void, void> {
  const stage = Buffer.allocUnsafeSlow(smallPiece);
  let filled = 0;
  for (const chunk of chunks) {
    if (filled + chunk.length > smallPiece) {
      if (filled > 0) yield stage.subarray(0, filled);
      filled = 0;
    }
    if (chunk.length > smallPiece) {
      yield chunk;
    } else {
      stage.set(chunk, filled);
      filled += chunk.length;
    }
  }
  if (filled > 0) yield stage.subarray(0, filled);
}

function checkSize(path: string, written: number, onDisk: number): void {
  if (written === onDisk) return;
  throw new SerializeError('WRITE_FAILED', `cannot write ${path}: ${onDisk} of ${written} bytes are on the disk`, {
    path,
  });
}

async function guard<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw writeError(path, cause);
  }
}

function guardSync<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw writeError(path, cause);
  }
}

function writeError(path: string, cause: unknown): SerializeError {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new SerializeError(
      'DISK_FULL',
      `no room to write ${path}. What was there before is untouched; free some space and save again.`,
      { path, cause },
    );
  }
  return new SerializeError('WRITE_FAILED', `cannot write ${path}: ${message}`, { path, cause });
}

/** Makes the rename itself survive a power cut. Some file systems cannot flush a folder; the file is safe all the same. */
async function flushFolder(path: string): Promise<void> {
  try {
    const folder = await open(dirname(path), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch {
    // See above.
  }
}

function flushFolderSync(path: string): void {
  try {
    const folder = openSync(dirname(path), 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch {
    // See above.
  }
}
