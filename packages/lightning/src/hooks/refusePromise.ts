import { LightningError } from '../errors.js';

/**
 * Checks that a hook inside a training step is done when it returns.
 *
 * @throws LightningError HOOK_ASYNC when it returned a promise
 */
export function refusePromise(owner: string, hook: string, result: unknown): void {
  if (typeof (result as { then?: unknown } | null | undefined)?.then !== 'function') return;
  // Nobody waits for it any more, so its own failure must not end the process as unhandled.
  (result as Promise<unknown>).catch(() => {});
  throw new LightningError(
    'HOOK_ASYNC',
    `${owner}.${hook} returned a promise, but it runs inside a training step, which does not wait. Make it synchronous, or do the ` +
      'waiting part in onTrainBatchEnd.',
  );
}
