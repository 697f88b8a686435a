import { existsSync } from 'node:fs';
import { warn } from '@lightning-ts/torch';
import { OnExceptionCheckpoint } from '../callbacks/onExceptionCheckpoint.js';
import type { Stage } from '../hooks/trainerHooks.js';
import { restartCheckpoint } from '../launchers/launchVariables.js';
import { LightningEnvironment } from '../strategies/environments/lightningEnvironment.js';
import { hpcCheckpoints, resolveCheckpointPath } from './checkpointPath.js';
import type { Trainer } from './trainer.js';

/**
 * The checkpoint of a run, where it can be known before the run starts: a wrong path must not cost a download first.
 *
 * @param about.hasModel whether a model was given
 * @param about.fit which call of `fit` this is; left out for the others
 * @throws LightningError CHECKPOINT_NOT_FOUND
 */
export function earlyCheckpoint(
  trainer: Trainer,
  stage: Stage,
  asked: string | null | undefined,
  about: { readonly hasModel: boolean; readonly fit?: number },
): string | null {
  const path = pinnedOr(trainer, stage, asked, about.fit);
  return path === 'last' || path === 'auto' ? null : resolveCheckpointPath(trainer, stage, path, about.hasModel);
}

/** The last checkpoint, whose folder is known after `setup`; null when another was asked for. */
export function laterCheckpoint(trainer: Trainer, stage: Stage, asked: string | null | undefined): string | null {
  let path = asked ?? trainer.pinnedPath;
  // A run that failed with such a callback is meant to go on from what it left.
  const leftBehind = trainer.callbacks.some(
    (callback) => callback instanceof OnExceptionCheckpoint && existsSync(callback.ckptPath),
  );
  if (path === null && stage === 'fit' && leftBehind) path = 'last';
  const found = path === 'last' || path === 'auto' ? resolveCheckpointPath(trainer, stage, path, true) : null;
  // The folders of other machines may look different.
  return trainer.worldSize > 1 ? trainer.strategy.broadcast(found) : found;
}

/** What was asked for, else what `ckptPath` was set to, else what a cluster's requeued job goes on from. */
function pinnedOr(
  trainer: Trainer,
  stage: Stage,
  asked: string | null | undefined,
  fit: number | undefined,
): string | null {
  const restart = fit === undefined ? null : restartCheckpoint(fit);
  if (restart !== null) return restart;
  const path = asked ?? null;
  if (path !== null && trainer.pinnedPath !== null) {
    warn(
      'CHECKPOINT_PINNED',
      `trainer.ckptPath was '${trainer.pinnedPath}', but ${stage} was given '${path}', which counts.`,
    );
    trainer.pinnedPath = null;
  }
  if (path !== null || trainer.pinnedPath !== null) return path ?? trainer.pinnedPath;
  const isRequeued = stage === 'fit' && !(trainer.options.plugins.environment instanceof LightningEnvironment);
  return isRequeued && hpcCheckpoints(trainer.defaultRootDir).length > 0 ? 'hpc' : null;
}
