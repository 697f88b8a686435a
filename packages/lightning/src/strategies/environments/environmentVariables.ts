import { LightningError } from '../../errors.js';

/** A variable's text; null when it is not set or empty. */
export function variable(name: string): string | null {
  const text = process.env[name];
  return text === undefined || text === '' ? null : text;
}

/** A variable that holds a whole number; null when it is not set. @throws LightningError ENVIRONMENT_INVALID */
export function wholeNumber(name: string): number | null {
  const text = variable(name);
  if (text === null) return null;
  if (/^\d+$/.test(text)) return Number(text);
  throw new LightningError(
    'ENVIRONMENT_INVALID',
    `The environment variable ${name} is '${text}', but it must be a whole number. Whoever starts the processes sets it.`,
  );
}

/** The same, where it must be set. @param meaning what the number says, for the error */
export function neededNumber(name: string, meaning: string): number {
  const value = wholeNumber(name);
  if (value !== null) return value;
  throw new LightningError(
    'ENVIRONMENT_INVALID',
    `The environment variable ${name} is not set: ${meaning}. Whoever starts the processes must set it for each of them.`,
  );
}
