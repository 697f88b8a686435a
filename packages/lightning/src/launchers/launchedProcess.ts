import type { FailureReport } from '@lightning-ts/torch/distributed';
import { launchedBy } from './launchVariables.js';
import { reportOf } from './rankFailure.js';

/** What a process that was launched tells the one that launched it. */
export type LaunchMessage =
  | { readonly kind: 'failure'; readonly report: FailureReport }
  | { readonly kind: 'checkpoint'; readonly path: string; readonly fit: number };

let isTied = false;

/**
 * Ties a process that was launched to the one that launched it: what it dies of is told there, and it ends when that one
 * does. Does nothing in other processes.
 */
export function tieToLauncher(rank: number): void {
  if (isTied || launchedBy() === null || process.send === undefined) return;
  isTied = true;
  process.on('uncaughtExceptionMonitor', (error) => tellLauncher({ kind: 'failure', report: reportOf(rank, error) }));
  process.on('disconnect', () => {
    // Collectives fail by themselves now; an error in order is better than a sudden end, but not waited for long.
    setTimeout(() => process.exit(1), 1_000);
  });
  // The script ends when it has nothing left to do, not when its launcher does.
  process.channel?.unref();
}

/** Sends a message to the launcher, if there is one. */
export function tellLauncher(message: LaunchMessage): void {
  if (!isTied || !process.connected) return;
  process.send!(message, undefined, undefined, () => {});
}
