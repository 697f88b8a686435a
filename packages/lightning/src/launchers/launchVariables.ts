/** What the launcher tells the processes that it starts, beside the variables that every environment knows. */
export const launchVariables = {
  /** Who started the process: the first one of the job (`script`), or one that only watches over it (`supervisor`). */
  by: 'LIGHTNING_TS_LAUNCHED_BY',
  /** How often the job was started again after a failure. */
  attempt: 'LIGHTNING_TS_ATTEMPT',
  /** The checkpoint to go on from, and which of the script's calls of `fit` had saved it. */
  resumePath: 'LIGHTNING_TS_RESUME_PATH',
  resumeFit: 'LIGHTNING_TS_RESUME_FIT',
} as const;

export type LaunchedBy = 'script' | 'supervisor';

/** Whose launcher started this process; null for one that a user or a cluster started. */
export function launchedBy(): LaunchedBy | null {
  const by = process.env[launchVariables.by];
  return by === 'script' || by === 'supervisor' ? by : null;
}

/** How often the job of this process was started again. */
export const launchAttempt = (): number => Number(process.env[launchVariables.attempt] ?? 0);

/** Where a call of `fit` goes on after a restart of the job; null from where the script says. @param fit counts from 1 */
export function restartCheckpoint(fit: number): string | null {
  const { [launchVariables.resumePath]: path, [launchVariables.resumeFit]: ofFit } = process.env;
  return launchedBy() === 'supervisor' && path !== undefined && Number(ofFit) === fit ? path : null;
}
