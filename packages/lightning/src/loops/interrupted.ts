import { LightningError } from '../errors.js';

/** The error that unwinds a run which a signal asked to end. `fit` turns it into its result. */
export function interrupted(signal: NodeJS.Signals): LightningError {
  return new LightningError('RUN_INTERRUPTED', `${signal} ended the run before it was done.`);
}

export function isInterruption(error: unknown): boolean {
  return error instanceof LightningError && error.code === 'RUN_INTERRUPTED';
}
