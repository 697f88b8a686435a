import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { warn } from '@lightning-ts/torch';
import { ModelCheckpoint } from '../callbacks/modelCheckpoint.js';
import { LightningError } from '../errors.js';
import type { Stage } from '../hooks/trainerHooks.js';
import type { Trainer } from './trainer.js';

/**
 * Which checkpoint to load: a path, `'best'`, `'last'`, or `'auto'` (the last one if there is any).
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
  if (asked === 'last' || asked === 'auto') {
    const last = lastPath(trainer);
    if (last === null && asked === 'last') {
      warn('CHECKPOINT_NO_LAST', `ckptPath is 'last', but there is no last checkpoint, so ${stage} goes on without.`);
    }
    return last;
  }
  if (existsSync(asked)) return asked;
  throw new LightningError(
    'CHECKPOINT_NOT_FOUND',
    `ckptPath is '${asked}', but nothing is there. Give the path of a .ckpt file, 'best', 'last' or 'auto'.`,
  );
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

/** The newest file among `last*.ckpt` in the folders that checkpoints go to. */
function lastPath(trainer: Trainer): string | null {
  const candidates: string[] = [];
  for (const callback of checkpointsOf(trainer)) {
    if (callback.lastModelPath !== '' && existsSync(callback.lastModelPath)) candidates.push(callback.lastModelPath);
    const folder = callback.dirpath;
    if (folder === null || !existsSync(folder)) continue;
    for (const name of readdirSync(folder)) if (/^last.*\.ckpt$/.test(name)) candidates.push(join(folder, name));
  }
  const newest = candidates.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0];
  return newest ?? null;
}

function checkpointsOf(trainer: Trainer): ModelCheckpoint[] {
  return trainer.callbacks.filter((callback): callback is ModelCheckpoint => callback instanceof ModelCheckpoint);
}
