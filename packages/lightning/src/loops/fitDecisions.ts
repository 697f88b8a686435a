import { warn } from '@lightning-ts/torch';
import type { FitRun } from './run.js';

/** Why training ended. */
export type StopReason = 'maxEpochs' | 'maxSteps' | 'stopRequested' | 'noBatches';

/** Why no further epoch begins; null when one does. */
export function stopReason(run: FitRun): StopReason | null {
  const { data, progress, settings } = run;
  if (data.total === 0) return 'noBatches';
  if (progress.globalStep >= settings.maxSteps) return 'maxSteps';
  if (progress.currentEpoch >= settings.maxEpochs) return 'maxEpochs';
  return wantsStop(run) && canStopEarly(run) ? 'stopRequested' : null;
}

/** Whether somebody asked to stop: with several processes, as all of them know. */
export function wantsStop({ agreement, control }: FitRun): boolean {
  return agreement === null ? control.shouldStop : agreement.wantsStop;
}

/** The signal that ends the run: with several processes, as all of them know. */
export function signalOf({ agreement, control }: FitRun): NodeJS.Signals | null {
  return agreement === null ? control.signal : agreement.signal;
}

/** Whether the epoch is left before its last batch. */
export function mustLeaveEpoch(run: FitRun): boolean {
  const { progress, settings } = run;
  if (progress.globalStep >= settings.maxSteps) return true;
  return wantsStop(run) && canStopEarly(run);
}

/** Whether enough was trained to follow a wish to stop. */
export function canStopEarly(run: FitRun): boolean {
  const { progress, settings } = run;
  const isEnough = progress.epoch.current.processed >= settings.minEpochs && progress.globalStep >= settings.minSteps;
  if (!isEnough && wantsStop(run)) {
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
