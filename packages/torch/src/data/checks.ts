import { TorchError } from '../errors.js';
import { Generator } from '../random.js';

/** A value as it reads in an error message. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'object' && value !== null) return value.constructor?.name ?? 'an object';
  return String(value);
}

/** A dataset as it reads in a message: its class, where it has one. */
export function datasetName(dataset: object): string {
  const name = dataset.constructor?.name;
  return name === undefined || name === '' || name === 'Object' ? 'the dataset' : name;
}

export function checkPositiveInteger(name: string, value: unknown): void {
  if (!Number.isSafeInteger(value) || (value as number) <= 0)
    throw new TorchError('DATA_LOADER', `${name} must be a positive integer, got ${shown(value)}`);
}

export function checkBoolean(name: string, value: unknown): void {
  if (typeof value !== 'boolean')
    throw new TorchError('DATA_LOADER', `${name} must be true or false, got ${shown(value)}`);
}

export function checkGenerator(value: unknown): void {
  if (value !== undefined && value !== null && !(value instanceof Generator))
    throw new TorchError('DATA_LOADER', `generator must be a Generator, got ${shown(value)}`);
}
