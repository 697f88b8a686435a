import { LightningError } from '../errors.js';

/**
 * What a step returned, when that is no promise. A context of the engine is the whole thread's: held over an await it would
 * reach other code that runs meanwhile, and let go of it would leave the rest of the step out.
 *
 * @throws LightningError HOOK_ASYNC
 */
export function refuseAsync<T>(result: T, precision: string): T {
  if (typeof (result as { then?: unknown } | null)?.then !== 'function') return result;
  // Nobody waits for it any more, so its own failure must not end the process as unhandled.
  (result as unknown as Promise<unknown>).catch(() => {});
  throw new LightningError(
    'HOOK_ASYNC',
    `A step is async, but precision '${precision}' covers only code that runs at once. Make the step synchronous, and wait in ` +
      'onTrainBatchEnd or in the loader.',
  );
}
