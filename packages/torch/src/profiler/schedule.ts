import { TorchError } from '../errors.js';

/** What a profiler does in a step: nothing, record and throw away, record, or record and then hand over. */
export type ProfilerAction = 'none' | 'warmup' | 'record' | 'recordAndSave';
export type ProfilerSchedule = (step: number) => ProfilerAction;

export interface ScheduleOptions {
  /** Steps of each cycle without recording; default 0. */
  wait?: number;
  /** Steps that are recorded and thrown away, because a recording's first steps are slower; default 0. */
  warmup?: number;
  /** Steps that count. */
  active: number;
  /** How many cycles; default 0, which goes on to the end. */
  repeat?: number;
  /** Steps before the first cycle; default 0. */
  skipFirst?: number;
}

/** Which steps to record: `schedule({ wait: 1, warmup: 1, active: 3 })`. */
export function schedule(options: ScheduleOptions): ProfilerSchedule {
  const { wait = 0, warmup = 0, active, repeat = 0, skipFirst = 0 } = options;
  for (const [name, value, least] of [
    ['wait', wait, 0],
    ['warmup', warmup, 0],
    ['active', active, 1],
    ['repeat', repeat, 0],
    ['skipFirst', skipFirst, 0],
  ] as const)
    if (!Number.isInteger(value) || value < least)
      throw new TorchError(
        'PROFILER',
        `schedule: ${name} must be an integer of at least ${least}, got ${String(value)}`,
      );
  const cycle = wait + warmup + active;
  return (step) => {
    const since = step - skipFirst;
    if (since < 0 || (repeat > 0 && since >= repeat * cycle)) return 'none';
    const at = since % cycle;
    if (at < wait) return 'none';
    if (at < wait + warmup) return 'warmup';
    return at < cycle - 1 ? 'record' : 'recordAndSave';
  };
}
