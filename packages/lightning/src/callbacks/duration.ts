import { LightningError } from '../errors.js';

/** A time span in words, added up: `{ hours: 1, minutes: 30 }`. */
export interface DurationParts {
  readonly weeks?: number;
  readonly days?: number;
  readonly hours?: number;
  readonly minutes?: number;
  readonly seconds?: number;
  readonly milliseconds?: number;
}

/** A time span: `'DD:HH:MM:SS'`, or the amounts by unit. */
export type Duration = string | DurationParts;

const unitMilliseconds: Record<keyof DurationParts, number> = {
  weeks: 604_800_000,
  days: 86_400_000,
  hours: 3_600_000,
  minutes: 60_000,
  seconds: 1000,
  milliseconds: 1,
};

/**
 * A time span in milliseconds.
 *
 * @param option the option's name, for the error's text
 * @throws LightningError OPTION_INVALID for a string that is not `DD:HH:MM:SS` (two digits for each of the last three), an
 *   unknown unit, or a negative or non-finite amount
 */
export function parseDuration(value: Duration, option: string): number {
  if (typeof value === 'string') {
    const match = /^(\d+):(\d\d):(\d\d):(\d\d)$/.exec(value.trim());
    if (match !== null) {
      const [days, hours, minutes, seconds] = match.slice(1).map(Number) as [number, number, number, number];
      return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
    }
  } else if (typeof value === 'object' && value !== null) {
    const parts = Object.entries(value).filter(([, amount]) => amount !== undefined);
    const areValid = parts.every(([unit, amount]) => Object.hasOwn(unitMilliseconds, unit) && Number.isFinite(amount));
    const total = parts.reduce(
      (sum, [unit, amount]) => sum + unitMilliseconds[unit as keyof DurationParts] * amount,
      0,
    );
    if (areValid && parts.length > 0 && total >= 0) return total;
  }
  throw new LightningError(
    'OPTION_INVALID',
    `${option} is ${JSON.stringify(value)}, which is not a time span. Write 'DD:HH:MM:SS' (for example '00:01:30:00') or an ` +
      'object such as { hours: 1, minutes: 30 }.',
  );
}
