import { type StopReason, stopReason } from '../loops/fitDecisions.js';
import type { FitRun } from '../loops/run.js';
import type { Trainer } from './trainer.js';

/** How training ended. */
export interface FitResult {
  readonly status: 'finished' | 'interrupted';
  /** Why it ended: a limit, a callback's or user's wish (`stopRequested`), or the signal that interrupted it. */
  readonly reason: StopReason | NodeJS.Signals;
  /** Whole epochs done. */
  readonly epochs: number;
  /** Optimizer steps done. */
  readonly globalStep: number;
  /** The last value of everything that was logged. */
  readonly metrics: Readonly<Record<string, number>>;
  /** The best checkpoint's file, by the first ModelCheckpoint; null when none was saved. */
  readonly bestModelPath: string | null;
  readonly bestModelScore: number | null;
  /** What a later run goes on from: the checkpoint that was saved because a signal said that the time is over. */
  readonly resumePath: string | null;
}

export function fitResult(trainer: Trainer, run: FitRun | null, resumePath: string | null): FitResult {
  const { checkpointCallback, control } = trainer;
  const bestModelPath = checkpointCallback?.bestModelPath ?? '';
  const metrics = Object.entries(trainer.callbackMetrics).map(([name, value]) => [name, value.item()]);
  return {
    status: control.status === 'interrupted' ? 'interrupted' : 'finished',
    reason: control.signal !== null && control.status === 'interrupted' ? control.signal : reasonOf(run),
    epochs: run?.progress.currentEpoch ?? 0,
    globalStep: run?.progress.globalStep ?? 0,
    metrics: Object.fromEntries(metrics),
    bestModelPath: bestModelPath === '' ? null : bestModelPath,
    bestModelScore: checkpointCallback?.bestModelScore ?? null,
    resumePath,
  };
}

function reasonOf(run: FitRun | null): StopReason {
  return (run === null ? null : stopReason(run)) ?? 'noBatches';
}
