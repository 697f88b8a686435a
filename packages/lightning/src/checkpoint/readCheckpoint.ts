import { existsSync } from 'node:fs';
import { type Tensor, warn } from '@lightning-ts/torch';
import {
  deserialize,
  load,
  type MapLocation,
  SerializeError,
  type SerializeErrorCode,
} from '@lightning-ts/torch/serialize';
import { describe, isPlainObject } from '../describe.js';
import { LightningError } from '../errors.js';
import type { CheckpointIO } from './checkpointIo.js';
import { migrateCheckpoint } from './migrateCheckpoint.js';

/** What every checkpoint has. */
export interface ReadCheckpoint extends Record<string, unknown> {
  readonly state_dict: Map<string, Tensor>;
}

/**
 * Reads a checkpoint from a file or from memory, ours or Python Lightning's, of any version: an older one is brought up to date in memory. Nothing in the
 * file is run.
 *
 * @throws LightningError CHECKPOINT_NOT_FOUND, CHECKPOINT_DAMAGED for a file that is cut or changed, CHECKPOINT_INVALID for a
 *   file of something else
 */
export async function readCheckpoint(
  source: string | Uint8Array,
  mapLocation: MapLocation = 'cpu',
): Promise<ReadCheckpoint> {
  const path = nameOfSource(source);
  if (typeof source !== 'string')
    return upToDate(
      await withAdvice(
        path,
        Promise.resolve().then(() => deserialize(source, { mapLocation })),
      ),
      path,
    );
  if (isUrl(path)) throw notLocal(path);
  if (!existsSync(path)) {
    throw new LightningError('CHECKPOINT_NOT_FOUND', `There is no checkpoint at '${path}'. Check the path.`);
  }
  return upToDate(await withAdvice(path, load(path, { mapLocation })), path);
}

/** What a checkpoint is called in messages. */
export const nameOfSource = (source: string | Uint8Array): string =>
  typeof source === 'string' ? source : 'the bytes that were given';

/** Whether a path is an address elsewhere. */
export const isUrl = (path: string): boolean => /^[a-z][a-z0-9+.-]+:\/\//i.test(path);

/** The error for a checkpoint that lies elsewhere. */
export const notLocal = (path: string): LightningError =>
  new LightningError(
    'CHECKPOINT_NOT_FOUND',
    `'${path}' is an address, but checkpoints are read from files. Download it first: loadFromCheckpoint takes bytes too. Or give the ` +
      'Trainer a CheckpointIO in plugins that reads from there.',
  );

/** {@link readCheckpoint} from where a Trainer keeps its checkpoints, onto the CPU. */
export async function readCheckpointFrom(io: CheckpointIO, path: string): Promise<ReadCheckpoint> {
  return upToDate(await withAdvice(path, io.loadCheckpoint(path, { mapLocation: 'cpu' })), path);
}

function upToDate(content: unknown, path: string): ReadCheckpoint {
  const checkpoint = checkpointIn(content, path);
  const { changes, from } = migrateCheckpoint(checkpoint);
  if (changes.length > 0 && from !== checkpoint['pytorch-lightning_version']) {
    warn(
      'CHECKPOINT_MIGRATED',
      `'${path}' was written by Lightning ${from ?? 'of an unknown version'} and was brought up to date in memory. ` +
        `To do it once for good: lightning-ts checkpoint upgrade ${path}`,
    );
  }
  return checkpoint;
}

/**
 * Checks that what was read is a checkpoint.
 *
 * @throws LightningError CHECKPOINT_INVALID
 */
export function checkpointIn(content: unknown, path: string): ReadCheckpoint {
  if (isPlainObject(content)) {
    const { state_dict } = content;
    if (state_dict instanceof Map) return content as ReadCheckpoint;
    // An empty state dict, or one that Python held in a plain dict.
    if (isPlainObject(state_dict))
      return { ...content, state_dict: new Map(Object.entries(state_dict) as [string, Tensor][]) };
  }
  throw new LightningError(
    'CHECKPOINT_INVALID',
    `'${path}' is no checkpoint of a LightningModule: it holds ${describe(content)}, without a state_dict. Load a plain state ` +
      'dict with load from @lightning-ts/torch/serialize and module.loadStateDict.',
  );
}

const damage: ReadonlySet<SerializeErrorCode> = new Set([
  'PICKLE_CORRUPT',
  'ZIP_CORRUPT',
  'RECORD_MISSING',
  'TENSOR_CORRUPT',
]);

/** Turns what is wrong with a file into what to do about it. */
export async function withAdvice(path: string, content: Promise<unknown>): Promise<unknown> {
  try {
    return await content;
  } catch (error) {
    if (!(error instanceof SerializeError)) throw error;
    if (damage.has(error.code)) {
      throw new LightningError(
        'CHECKPOINT_DAMAGED',
        `'${path}' is cut or was changed, so it cannot be used. Take another checkpoint of the run, or copy the file again from ` +
          `where it came. ${error.message}`,
        { cause: error },
      );
    }
    if (error.code !== 'FILE_UNRECOGNIZED' && error.code !== 'FILE_UNSUPPORTED') throw error;
    throw new LightningError(
      'CHECKPOINT_INVALID',
      `'${path}' is no checkpoint of a LightningModule. ${error.message}`,
      { cause: error },
    );
  }
}
