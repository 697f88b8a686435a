import { readdirSync } from 'node:fs';

/** The next free `version_<n>` inside `directory`: one more than the highest there, 0 when there is none. */
export function nextVersion(directory: string): number {
  let entries: import('node:fs').Dirent[];
  try {
    entries = readdirSync(directory, { withFileTypes: true });
  } catch {
    return 0;
  }
  const taken = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => /^version_(\d+)$/.exec(entry.name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number);
  return Math.max(-1, ...taken) + 1;
}
