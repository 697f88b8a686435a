import { LightningError } from '../errors.js';
import { describe } from '../module/hparams.js';
import type { Entry } from './logEntry.js';
import { LoggedMetric } from './loggedMetric.js';

/** A name that stood for a metric object and now for a number, or the other way round. */
export function changedKind(entry: Entry, value: unknown): LightningError {
  return new LightningError(
    'LOG_OPTIONS',
    `'${entry.name}' was logged inside ${entry.hook} with ${describe(value)}, but earlier with ` +
      `${entry.value instanceof LoggedMetric ? `another ${entry.value.metric.constructor.name}` : 'a number or tensor'}. Use another name.`,
  );
}

/** A value that is no number. */
export function wrongValue(name: string, value: unknown): LightningError {
  const advice =
    typeof value === 'object' && value !== null
      ? 'Log its entries one by one, or use logDict.'
      : 'Log a number, a tensor or a metric.';
  return new LightningError(
    'LOG_VALUE',
    `'${name}' was logged with ${describe(value)}, but a logged value is one number. ${advice}`,
  );
}
