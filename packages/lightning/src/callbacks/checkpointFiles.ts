import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';

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
