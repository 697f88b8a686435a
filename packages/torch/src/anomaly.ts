import { AnomalyError } from './errors.js';
import { block } from './modeBlock.js';
import { native } from './native.js';
import { warn } from './warnings.js';

export interface AnomalyOptions {
  /** Throw as soon as a backward gives NaN; default true. */
  checkNan?: boolean;
}

/** Frames of the way into the engine, which say nothing about the caller. */
const wayIn = /\/(dispatch|generated\/\w+)\.[jt]s/;

/** The JS stack at this moment, from the first frame above the engine's own. */
function stackNow(): string {
  const holder = { stack: '' };
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 50;
  Error.captureStackTrace(holder, stackNow);
  const [, ...frames] = holder.stack.split('\n');
  Error.stackTraceLimit = stackTraceLimit;
  const first = frames.findIndex((frame) => !wayIn.test(frame));
  return frames.slice(Math.max(first, 0)).join('\n');
}

const set = (enabled: boolean, checkNan: boolean) => native.setAnomalyMode(enabled, checkNan, stackNow);

/**
 * Looks for what goes wrong in a backward: while on, every operation remembers the stack of its call, an error in its
 * backward is an `AnomalyError` that shows it, and NaN in a backward is an error. For debugging; everything runs slower.
 * Holds for the whole process, stacks are remembered on the threads that called this. Prefer the block `detectAnomaly`.
 */
export function setDetectAnomaly(enabled: boolean, options: AnomalyOptions = {}): void {
  set(enabled, options.checkNan ?? true);
}

/** `setDetectAnomaly` for the duration of `fn`, which must hold both the forward and the backward. */
export function detectAnomaly<T>(fn: () => T, options: AnomalyOptions = {}): T {
  try {
    return block(
      'detectAnomaly',
      () => {
        const [enabled, checkNan] = set(true, options.checkNan ?? true);
        return () => set(enabled, checkNan);
      },
      fn,
    );
  } catch (error) {
    // An error that a hook or a TypeScript backward threw stays what it is; the forward call is told beside it.
    const anomaly = error instanceof AnomalyError ? null : native.takeAnomaly(true);
    if (anomaly !== null)
      warn('ANOMALY', `an error was thrown in the backward of ${anomaly[0]}. Its forward call:\n${anomaly[1]}`);
    throw error;
  }
}

export const isAnomalyEnabled = (): boolean => native.anomalyMode() !== 'off';
export const isAnomalyCheckNanEnabled = (): boolean => native.anomalyMode() === 'checkNan';
