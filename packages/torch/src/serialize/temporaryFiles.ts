import { randomBytes } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

const pattern = /^\..+\.(\d+)\.[0-9a-f]{12}\.tmp$/;
/** A file that somebody is writing is touched more often than this, on another machine too. */
const quietMs = 60_000;

/** Where a file is written before it takes its name. Hidden, and in the same folder: a rename is atomic only within one file system. */
export function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`);
}

/**
 * Deletes what killed processes left of files they were writing in `folder`. Its name says which process a temporary file
 * belongs to; it goes when that process is gone and the file has not changed for a minute, so that a process on another
 * machine, which cannot be asked, loses nothing it is still writing.
 *
 * @returns the names of the deleted files
 */
export async function removeStaleTemporaries(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  const removed: string[] = [];
  for (const name of names) {
    const pid = pattern.exec(name)?.[1];
    if (pid === undefined) continue;
    const path = join(folder, name);
    const changed = await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => null,
    );
    if (changed === null || Date.now() - changed < quietMs || isOwned(Number(pid), changed)) continue;
    // A file that cannot be deleted does no harm; the next one to save here tries again.
    await rm(path, { force: true }).then(
      () => removed.push(name),
      () => undefined,
    );
  }
  return removed;
}

/** Whether the process is alive. In containers a restarted program often gets its old id, so our own says only what came since. */
function isOwned(pid: number, changed: number): boolean {
  if (pid === process.pid) return changed >= Date.now() - process.uptime() * 1000;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Without the right to signal it, it exists all the same.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
