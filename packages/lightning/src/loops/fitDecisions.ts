import { warn } from '@lightning-ts/torch';
import type { FitRun } from './run.js';

/** Why training ended. */
export type StopReason = 'maxEpochs' | 'maxSteps' | 'stopRequested' | 'noBatches';

/** Why no further epoch begins; null when one does. */
export function stopReason(run: FitRun): StopReason | null {
  const { control, data, progress, settings } = run;
  if (data.total === 0) return 'noBatches';
  if (progress.globalStep >= settings.maxSteps) return 'maxSteps';
  if (progress.currentEpoch >= settings.maxEpochs) return 'maxEpochs';
  return control.shouldStop && canStopEarly(run) ? 'stopRequested' : null;
}

/** Whether the epoch is left before its last batch. */
export function mustLeaveEpoch(run: FitRun): boolean {
  const { control, progress, settings } = run;
  if (progress.globalStep >= settings.maxSteps) return true;
  return control.shouldStop && canStopEarly(run);
}

/** Whether enough was trained to follow a wish to stop. */
export function canStopEarly(run: FitRun): boolean {
  const { progress, settings } = run;
  const isEnough = progress.epoch.current.processed >= settings.minEpochs && progress.globalStep >= settings.minSteps;
  if (!isEnough && run.control.shouldStop) {
    warn(
      'STOP_DELAYED',
      `Training was asked to stop, but goes on until minEpochs (${settings.minEpochs}) and minSteps (${settings.minSteps}) are ` +
        'reached.',
    );
  }
  return isEnough;
}

/** Whether the gradients of a batch are only added up: the optimizer steps after a later one. */
export function isAccumulating(run: FitRun, batchIdx: number, isLast: boolean): boolean {
  return !isLast && run.module.automaticOptimization && (batchIdx + 1) % run.settings.accumulateGradBatches !== 0;
}
