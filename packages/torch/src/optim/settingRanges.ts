import { TorchError } from '../errors.js';

/** The check that every optimizer makes of its numbers. */
export function requireRange(
  optimizer: string,
  name: string,
  value: unknown,
  isValid: (value: number) => boolean,
  expected: string,
): void {
  if (typeof value !== 'number' || Number.isNaN(value) || !isValid(value))
    throw new TorchError('OPTIMIZER_ARGUMENT', `${optimizer}: ${name} must be ${expected}, got ${String(value)}`);
}

/** Checks that the named settings of a group are numbers from 0 up. */
export function requireNotNegative<Name extends string>(
  optimizer: string,
  group: Readonly<Record<Name, unknown>>,
  ...names: Name[]
): void {
  for (const name of names) requireRange(optimizer, name, group[name], (value) => value >= 0, '0 or more');
}

/** Checks the decays of two running means. */
export function requireBetas(optimizer: string, betas: unknown): void {
  const pair: readonly unknown[] = Array.isArray(betas) ? betas : [];
  for (const i of [0, 1])
    requireRange(
      optimizer,
      `betas[${i}]`,
      pair[i],
      (value) => value >= 0 && value < 1,
      'from 0 up to but not including 1',
    );
}

/** Checks that a setting is a whole number in a range. */
export function requireWhole(
  optimizer: string,
  name: string,
  value: unknown,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): void {
  const expected =
    most === Number.MAX_SAFE_INTEGER ? `a whole number from ${least} up` : `a whole number from ${least} to ${most}`;
  requireRange(
    optimizer,
    name,
    value,
    (number) => Number.isInteger(number) && number >= least && number <= most,
    expected,
  );
}
