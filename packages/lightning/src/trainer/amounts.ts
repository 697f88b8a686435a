import { parseDuration } from '../callbacks/duration.js';
import { LightningError } from '../errors.js';
import { percent, type ResolvedAmount } from '../loops/limits.js';
import type { CheckInterval } from '../loops/validationSchedule.js';
import { describe, isPlainObject } from '../module/hparams.js';
import type { Amount, TrainerOptions } from './options.js';

const forms = "Use a whole number of batches, a part such as 0.25 or '25%', { batches: n } or { fraction: f }.";

/**
 * Reads an amount of batches.
 *
 * @param option the option's name, for the error's text
 * @throws LightningError OPTION_INVALID
 */
export function resolveAmount(value: Amount, option: string): ResolvedAmount {
  const read = readAmount(value);
  if (read !== null) return read;
  throw new LightningError('OPTION_INVALID', `${option} is ${describe(value)}. ${forms}`);
}

/** Reads an interval between two validations: an amount, where a bare 1 is once an epoch, or a time span. */
export function resolveCheckInterval(value: NonNullable<TrainerOptions['valCheckInterval']>): CheckInterval {
  if (value === 1) return { fraction: 1 };
  const isTime =
    (typeof value === 'string' && value.includes(':')) ||
    (isPlainObject(value) && !('batches' in value || 'fraction' in value));
  if (isTime) {
    const milliseconds = parseDuration(value as Parameters<typeof parseDuration>[0], 'valCheckInterval');
    if (milliseconds > 0) return { milliseconds };
  } else {
    const read = readAmount(value as Amount);
    if (read !== null && amountSize(read) > 0) return read;
  }
  throw new LightningError(
    'OPTION_INVALID',
    `valCheckInterval is ${describe(value)}. ${forms} A time span is 'DD:HH:MM:SS' or { minutes: 5 }.`,
  );
}

function readAmount(value: unknown): ResolvedAmount | null {
  if (typeof value === 'number') {
    if (Number.isInteger(value) && value >= 0) return { batches: value };
    return value > 0 && value < 1 ? { fraction: value } : null;
  }
  if (typeof value === 'string') {
    const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(value.trim());
    const fraction = match === null ? Number.NaN : Number(match[1]) / 100;
    return fraction >= 0 && fraction <= 1 ? { fraction } : null;
  }
  if (!isPlainObject(value) || Object.keys(value).length !== 1) return null;
  const { batches, fraction } = value;
  if (typeof batches === 'number' && Number.isInteger(batches) && batches >= 0) return { batches };
  return typeof fraction === 'number' && fraction >= 0 && fraction <= 1 ? { fraction } : null;
}

/** The number in an amount, whatever it counts. */
export function amountSize(amount: ResolvedAmount): number {
  return 'batches' in amount ? amount.batches : amount.fraction;
}

/** An amount in words. */
export function amountInWords(amount: ResolvedAmount | CheckInterval): string {
  if ('milliseconds' in amount) return `every ${amount.milliseconds / 1000} s`;
  if ('batches' in amount) return amount.batches === 1 ? '1 batch' : `${amount.batches} batches`;
  return amount.fraction === 1 ? 'all batches' : `${percent(amount.fraction)} of the batches`;
}
