import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { load, save } from '@lightning-ts/torch/serialize';
import { isPlainObject } from '../describe.js';
import { type MigrationReport, migrateCheckpoint } from './migrateCheckpoint.js';
import { checkpointIn, withAdvice } from './readCheckpoint.js';

/** What upgrading one file did. */
export interface UpgradeResult extends MigrationReport {
  readonly path: string;
  /** Whether the file was written anew. */
  readonly upgraded: boolean;
}

/**
 * Brings the file of an older Lightning to today's format, in place: written beside it and renamed, so that the old file stays
 * until the new one is whole. A file that is up to date is not touched. What Python classes left in it stays as it was.
 *
 * @param options.output where the new file goes; default: the same path
 * @throws LightningError CHECKPOINT_INVALID, CHECKPOINT_DAMAGED; SerializeError READ_FAILED, WRITE_FAILED, DISK_FULL
 */
export async function upgradeCheckpoint(
  path: string,
  options: { readonly output?: string } = {},
): Promise<UpgradeResult> {
  const content = await withAdvice(path, load(path, { mapLocation: 'cpu' }));
  // Keeps the kind of the state dict, which checkpointIn makes a Map of.
  const checkpoint: Record<string, unknown> = { ...checkpointIn(content, path) };
  if (isPlainObject(content)) checkpoint.state_dict = content.state_dict;
  const { changes, from } = migrateCheckpoint(checkpoint);
  const { output = path } = options;
  const upgraded = changes.length > 0 || output !== path;
  if (upgraded) await save(checkpoint, output);
  return { path: output, from, changes, upgraded };
}

/** The checkpoint files of a folder and the folders in it, by name. @param extension default `.ckpt` */
export async function checkpointFilesIn(folder: string, extension = '.ckpt'): Promise<string[]> {
  if (!(await stat(folder)).isDirectory()) return [folder];
  const names = await readdir(folder, { recursive: true });
  return names
    .filter((name) => name.endsWith(extension))
    .sort()
    .map((name) => join(folder, name));
}
