/** What the launcher tells the processes that it starts, beside the variables that every environment knows. */
export const launchVariables = {
  /** Who started the process: the first one of the job (`script`), or one that only watches over it (`supervisor`). */
  by: 'LIGHTNING_TS_LAUNCHED_BY',
  /** How often the job was started again after a failure. */
  attempt: 'LIGHTNING_TS_ATTEMPT',
  /** The checkpoints to go on from, as JSON: for each of the script's calls of `fit` that had saved one, its path. */
  resume: 'LIGHTNING_TS_RESUME',
  /** Which of the machine's devices the processes of this attempt have, by local rank: those of lost ones are left out. */
  slots: 'LIGHTNING_TS_SLOTS',
} as const;

export type LaunchedBy = 'script' | 'supervisor';

/** Whose launcher started this process; null for one that a user or a cluster started. */
export function launchedBy(): LaunchedBy | null {
  const by = process.env[launchVariables.by];
  return by === 'script' || by === 'supervisor' ? by : null;
}

/** How often the job of this process was started again. */
export const launchAttempt = (): number => Number(process.env[launchVariables.attempt] ?? 0);

let fits = 0;

/** The number that the script's next call of `fit` has, whichever Trainer's it is: the same in every process and attempt. */
export const nextFit = (): number => fits + 1;

/** A call of `fit` begins. @returns its number, from 1 */
export function countFit(): number {
  fits += 1;
  return fits;
}

/** Where a call of `fit` goes on after a restart of the job; null from where the script says. @param fit its number */
export function restartCheckpoint(fit: number): string | null {
  const saved = process.env[launchVariables.resume];
  if (launchedBy() !== 'supervisor' || saved === undefined) return null;
  return (JSON.parse(saved) as Record<string, string>)[fit] ?? null;
}

/** Those of a machine's devices that the processes of this attempt have: all, but where the job goes on with fewer. */
export function remainingDevices<Device>(devices: readonly Device[]): readonly Device[] {
  const slots = process.env[launchVariables.slots];
  if (launchedBy() !== 'supervisor' || slots === undefined) return devices;
  return slots.split(',').map((slot) => devices[Number(slot)]!);
}
