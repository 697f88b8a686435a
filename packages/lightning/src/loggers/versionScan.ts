import { readdirSync } from 'node:fs';
import type { OptionReader } from '../optionReader.js';

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

/** The `version` option of a logger: a whole number, a name, or null for the next free one. */
export function readVersion(
  reader: OptionReader<{ readonly version?: number | string | null }>,
): number | string | null {
  const version: unknown = reader.value('version');
  if (version === undefined || version === null) return null;
  return typeof version === 'string' ? reader.text('version', '') : reader.integer('version', 0, 0);
}
