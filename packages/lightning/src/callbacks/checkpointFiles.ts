import { randomUUID } from 'node:crypto';
import { copyFile, link, lstat, readdir, realpath, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';

/** Whether something is at `path`, a dangling link included. */
export async function pathExists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Whether `directory` exists and holds at least one entry. */
export async function isNonEmptyDirectory(directory: string): Promise<boolean> {
  return readdir(directory).then(
    (entries) => entries.length > 0,
    () => false,
  );
}

/** `path` made absolute, with the links of its existing part followed. */
export async function resolvePath(path: string): Promise<string> {
  const absolute = resolve(path);
  const missing: string[] = [];
  for (let existing = absolute; ; existing = dirname(existing)) {
    const real = await realpath(existing).catch(() => null);
    if (real !== null) return join(real, ...missing);
    if (dirname(existing) === existing) return absolute;
    missing.unshift(basename(existing));
  }
}

/** Whether `path` lies inside `directory`, at any depth. */
export function isInside(path: string, directory: string): boolean {
  const way = relative(directory, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && resolve(directory, way) === resolve(path);
}

/** Deletes a checkpoint: a file, a link, or the folder of a sharded one. */
export async function removeCheckpoint(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

/**
 * Makes `target` a second name of the checkpoint `source`, replacing what was there in one step. The two share their bytes
 * on disk where the file system can; checkpoints are never changed in place, so neither can spoil the other.
 */
export async function duplicateCheckpoint(source: string, target: string): Promise<void> {
  await replaceThrough(target, async (temporary) => {
    await link(source, temporary).catch(() => copyFile(source, temporary));
  });
}

/** Makes `target` a relative symbolic link to `source`, or a copy where links are not allowed. */
export async function linkCheckpoint(source: string, target: string): Promise<void> {
  await replaceThrough(target, async (temporary) => {
    await symlink(relative(dirname(target), source), temporary).catch(() => copyFile(source, temporary));
  });
}

async function replaceThrough(target: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = join(dirname(target), `.${basename(target)}.${randomUUID()}`);
  try {
    await make(temporary);
    await rename(temporary, target);
  } finally {
    // Renaming one name of a file over another name of the same file does nothing, and leaves the first.
    await rm(temporary, { force: true });
  }
}
