import { closeSync, fstatSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from '../checksum.js';
import type { StoragePart } from '../storage.js';
import { SerializeError } from './errors.js';
import type { FileParts } from './fileParts.js';
import { temporaryName } from './temporaryFiles.js';

/** Pieces up to this are put together before they are written. */
const stageSize = 256 << 10;
/** How much may wait for the disk while the next is written. */
const flushSize = 16 << 20;

/**
 * Writes a file so that its path always holds either the whole old file or the whole new one: into a temporary file
 * beside it, flushed to the disk, then renamed. Whatever fails, the temporary file is removed and the old one stays.
 *
 * Bytes are copied as they come, so that they may be views of memory that changes later; storages are written by a thread
 * of the pool. What was written flows on to the disk meanwhile.
 *
 * @throws SerializeError `DISK_FULL` or `WRITE_FAILED` with the path; an error thrown by `parts` passes through.
 */
export async function writeFileAtomic(path: string, parts: FileParts | Iterable<Uint8Array>): Promise<void> {
  const temporary = temporaryName(path);
  let handle: FileHandle | undefined;
  let flushing: Promise<void> = Promise.resolve();
  try {
    handle = await guard(path, () => open(temporary, 'wx'));
    const file = handle;
    let total = 0;
    let unflushed = 0;
    let crc = 0;
    const steps = gathered(parts, true);
    for (let step = steps.next(crc); step.done !== true; step = steps.next(crc)) {
      const { value: part } = step;
      const start = total;
      if (part instanceof Uint8Array) await guard(path, () => writeAll(file, part, start));
      else crc = await guard(path, () => part.writeToLater(file.fd, start));
      total += part.length;
      unflushed += part.length;
      if (unflushed < flushSize) continue;
      unflushed = 0;
      await flushing;
      flushing = guard(path, () => file.datasync());
      flushing.catch(() => undefined); // handled where it is awaited, which is later
    }
    await flushing;
    await guard(path, () => file.sync());
    const { size } = await guard(path, () => file.stat());
    checkSize(path, total, size);
    await guard(path, () => file.close());
    handle = undefined;
    await guard(path, () => rename(temporary, path));
  } catch (error) {
    await flushing.catch(() => undefined); // the file must not be closed under it
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
export function writeFileAtomicSync(path: string, parts: FileParts | Iterable<Uint8Array>): void {
  const temporary = temporaryName(path);
  let fd: number | undefined;
  try {
    fd = guardSync(path, () => openSync(temporary, 'wx'));
    const file = fd;
    let total = 0;
    let crc = 0;
    const steps = gathered(parts, false);
    for (let step = steps.next(crc); step.done !== true; step = steps.next(crc)) {
      const { value: part } = step;
      const start = total;
      if (part instanceof Uint8Array) {
        for (let done = 0; done < part.length; ) {
          done += guardSync(path, () => writeSync(file, part, done, part.length - done, start + done));
        }
      } else {
        crc = guardSync(path, () => part.writeTo(file, start));
      }
      total += part.length;
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

/**
 * Small pieces put together in a buffer that is valid until the next is asked for, and parts of storages as they are. Large
 * pieces of bytes go through that buffer too when they may change until they are written, else as they are.
 */
function* gathered(
  parts: FileParts | Iterable<Uint8Array>,
  mayChange: boolean,
): Generator<Uint8Array | StoragePart, void, number> {
  const stage = Buffer.allocUnsafeSlow(stageSize);
  let filled = 0;
  let crc = 0;
  const iterator = (parts as FileParts)[Symbol.iterator]();
  try {
    for (let next = iterator.next(crc); next.done !== true; next = iterator.next(crc)) {
      const { value: part } = next;
      const isBytes = part instanceof Uint8Array;
      if (part.length >= stageSize && !(isBytes && mayChange)) {
        if (filled > 0) yield stage.subarray(0, filled);
        filled = 0;
        crc = yield part;
        continue;
      }
      let bytes = isBytes ? part : part.bytes();
      if (!isBytes) crc = crc32(bytes);
      while (bytes.length > 0) {
        const count = Math.min(bytes.length, stageSize - filled);
        stage.set(bytes.subarray(0, count), filled);
        bytes = bytes.subarray(count);
        filled += count;
        if (filled < stageSize) continue;
        yield stage;
        filled = 0;
      }
    }
    if (filled > 0) yield stage.subarray(0, filled);
  } finally {
    iterator.return?.();
  }
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
  const { message } = cause as NodeJS.ErrnoException;
  // What the addon throws begins with the name of the system's error.
  const code = /^(E[A-Z]+): /.exec(message)?.[1] ?? (cause as NodeJS.ErrnoException).code;
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
