import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { warn } from '@lightning-ts/torch';
import { ModelCheckpoint } from '../callbacks/modelCheckpoint.js';
import { OnExceptionCheckpoint } from '../callbacks/onExceptionCheckpoint.js';
import { AsyncCheckpointIO } from '../checkpoint/asyncCheckpointIo.js';
import { type CheckpointIO, TorchCheckpointIO } from '../checkpoint/checkpointIo.js';
import { isUrl, notLocal } from '../checkpoint/readCheckpoint.js';
import { LightningError } from '../errors.js';
import type { Stage } from '../hooks/trainerHooks.js';
import type { Trainer } from './trainer.js';

/**
 * Which checkpoint to load: a path, `'best'`, `'last'`, `'hpc'` (what a cluster's pre-emption left in `defaultRootDir`), or
 * `'auto'` (whatever is newest, nothing when there is none).
 *
 * @param hasModel whether a model was given: without one, the best checkpoint of the last fit is meant
 * @returns the path, or null to go on with the weights as they are
 * @throws LightningError CHECKPOINT_NOT_FOUND
 */
export function resolveCheckpointPath(
  trainer: Trainer,
  stage: Stage,
  asked: string | null,
  hasModel: boolean,
): string | null {
  if (asked === null && hasModel) return null;
  if (asked === null || asked === 'best') return bestPath(trainer, stage, asked !== null);
  if (asked === 'auto') return newestPath(trainer);
  if (asked === 'last') {
    const last = lastPath(trainer);
    if (last === null)
      warn('CHECKPOINT_NO_LAST', `ckptPath is 'last', but there is no last checkpoint, so ${stage} goes on without.`);
    return last;
  }
  if (asked === 'hpc') {
    const path = hpcCheckpoints(trainer.defaultRootDir).at(-1);
    if (path !== undefined) return path;
    throw new LightningError(
      'CHECKPOINT_NOT_FOUND',
      `ckptPath is 'hpc', but ${trainer.defaultRootDir} has no hpc_ckpt_<n>.ckpt. Use 'auto' to start anew when there is none.`,
    );
  }
  if (existsSync(asked) || !keepsFiles(trainer.checkpointIo)) return asked;
  if (isUrl(asked)) throw notLocal(asked);
  throw new LightningError(
    'CHECKPOINT_NOT_FOUND',
    `ckptPath is '${asked}', but nothing is there. Give the path of a .ckpt file, 'best', 'last', 'hpc' or 'auto'.`,
  );
}

/** Whether a path that is missing on disk is missing. */
function keepsFiles(io: CheckpointIO): boolean {
  return io instanceof TorchCheckpointIO || (io instanceof AsyncCheckpointIO && keepsFiles(io.inner));
}

/** The checkpoints that pre-emption left in a folder, in the order of their numbers. */
export function hpcCheckpoints(folder: string): string[] {
  return filesIn(folder, /^hpc_ckpt_(\d+)\.ckpt$/)
    .map((path) => [Number(/(\d+)\.ckpt$/.exec(path)![1]), path] as const)
    .sort(([a], [b]) => a - b)
    .map(([, path]) => path);
}

/** Where the next one goes. */
export function nextHpcCheckpoint(folder: string): string {
  const last = hpcCheckpoints(folder).at(-1);
  const number = last === undefined ? 0 : Number(/(\d+)\.ckpt$/.exec(last)![1]);
  return join(folder, `hpc_ckpt_${number + 1}.ckpt`);
}

function bestPath(trainer: Trainer, stage: Stage, wasAsked: boolean): string | null {
  const callbacks = checkpointsOf(trainer);
  const path = callbacks[0]?.bestModelPath ?? '';
  if (path !== '') {
    if (!wasAsked)
      warn('CHECKPOINT_BEST', `No model was given, so ${stage} uses the best checkpoint of the last fit: ${path}.`);
    if (callbacks.length > 1)
      warn('CHECKPOINT_SEVERAL', `There are ${callbacks.length} ModelCheckpoints; the best of the first is used.`);
    return path;
  }
  if (!wasAsked) return null;
  const reason =
    trainer.fastDevRun > 0
      ? 'fastDevRun saves none'
      : callbacks.length === 0
        ? 'there is no ModelCheckpoint'
        : 'fit has not saved one yet';
  throw new LightningError('CHECKPOINT_NOT_FOUND', `ckptPath is 'best', but there is no best checkpoint: ${reason}.`);
}

/** The newest file among `last*.ckpt` in the folders that checkpoints go to, and what a failed run left. */
function lastPath(trainer: Trainer): string | null {
  const candidates = checkpointsOf(trainer).flatMap(({ dirpath, lastModelPath }) => [
    lastModelPath,
    ...filesIn(dirpath, /^last.*\.ckpt$/),
  ]);
  return newestOf([...candidates, ...failurePaths(trainer)]);
}

/** The newest of everything that training can go on from. */
function newestPath(trainer: Trainer): string | null {
  const preempted = hpcCheckpoints(trainer.defaultRootDir);
  const saved = checkpointsOf(trainer)
    .filter(({ savesWeightsOnly }) => !savesWeightsOnly)
    // last.ckpt first: a run that goes on from a file keeps it, and last.ckpt is kept anyway.
    .flatMap(({ dirpath, lastModelPath }) => [
      lastModelPath,
      ...filesIn(dirpath, /^last.*\.ckpt$/),
      ...filesIn(dirpath, /\.ckpt$/),
    ]);
  return newestOf([...saved, ...failurePaths(trainer), ...preempted]);
}

function failurePaths(trainer: Trainer): string[] {
  return trainer.callbacks.flatMap((callback) =>
    callback instanceof OnExceptionCheckpoint ? [callback.ckptPath] : [],
  );
}

function filesIn(folder: string | null, pattern: RegExp): string[] {
  if (folder === null || !existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => pattern.test(name))
    .map((name) => join(folder, name));
}

/** The file that was written last; of two names of one file, the first one given. */
function newestOf(paths: readonly string[]): string | null {
  const dated = paths
    .filter((path) => path !== '' && existsSync(path))
    .map((path) => [statSync(path).mtimeMs, path] as const);
  return dated.sort(([a], [b]) => b - a)[0]?.[1] ?? null;
}

function checkpointsOf(trainer: Trainer): ModelCheckpoint[] {
  return trainer.callbacks.filter((callback): callback is ModelCheckpoint => callback instanceof ModelCheckpoint);
}
