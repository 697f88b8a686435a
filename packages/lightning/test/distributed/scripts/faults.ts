/** What happens to a rank, and where. */
export interface Fault {
  readonly rank: number;
  readonly at: FaultPlace;
  readonly kind: 'throw' | 'kill';
  /** In which attempt at the job, counted from 0; default: in each. */
  readonly attempt?: number;
}

export type FaultPlace = 'start' | 'step' | 'collective' | 'checkpoint' | 'validation' | 'secondEpoch';

/** This process's rank, as its launcher tells it. */
export const ownRank = Number(process.env.RANK ?? process.env.NODE_RANK ?? 0);
const attempt = Number(process.env.LIGHTNING_TS_ATTEMPT ?? 0);

/** Has the faults of a place happen in the process that they are meant for. */
export function failAt(place: FaultPlace, faults: readonly Fault[] = []): void {
  for (const fault of faults) {
    if (fault.at !== place || fault.rank !== ownRank || (fault.attempt ?? attempt) !== attempt) continue;
    if (fault.kind === 'throw') throw new RangeError(`rank ${ownRank} ran out of luck at ${place}`);
    process.kill(process.pid, 'SIGKILL');
  }
}
