import { LightningError } from '../errors.js';

/** How many batches: a number, or a part of all there are. `{ fraction: 1 }` is all, `{ batches: 0 }` none. */
export type ResolvedAmount = { readonly batches: number } | { readonly fraction: number };

/**
 * How many batches a loop takes: `Infinity` when neither the loader nor the limit says.
 *
 * @param option the option's name, for the error's text
 * @throws LightningError LOADER_LENGTH for a part of an unknown length, or one that comes to no batch at all
 */
export function limitedLength(length: number | null, amount: ResolvedAmount, option: string): number {
  if ('batches' in amount) return Math.min(length ?? Number.POSITIVE_INFINITY, amount.batches);
  const { fraction } = amount;
  if (fraction === 1) return length ?? Number.POSITIVE_INFINITY;
  if (length === null) {
    throw new LightningError(
      'LOADER_LENGTH',
      `${option} is ${percent(fraction)}, but the loader does not know how many batches it has. Use { batches: n }.`,
    );
  }
  const batches = Math.floor(length * fraction);
  if (batches > 0 || fraction === 0 || length === 0) return batches;
  throw new LightningError(
    'LOADER_LENGTH',
    `${option} is ${percent(fraction)}, which is less than one of the loader's ${length} batches. Use at least ` +
      `${percent(1 / length)}, or { batches: 1 }.`,
  );
}

/** A fraction in words. */
export function percent(fraction: number): string {
  return `${Number((fraction * 100).toPrecision(6))}%`;
}
