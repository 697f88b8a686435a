import { editDistance } from '../nearestNames.js';

/** Whether a smaller (`min`) or a larger (`max`) value of the monitored metric is better. */
export type MonitorMode = 'min' | 'max';

/** Whether `a` is strictly better than `b`; false when either is NaN. */
export function isBetter(a: number, b: number, mode: MonitorMode): boolean {
  return mode === 'min' ? a < b : a > b;
}

/** The value that every other one beats: +inf for `min`, -inf for `max`. */
export function worstValue(mode: MonitorMode): number {
  return mode === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
}

/** A sentence that lists the names most like `name`, or says that there are none. */
export function loggedNamesLike(name: string, known: readonly string[]): string {
  if (known.length === 0) return 'Nothing has been logged yet.';
  const ranked = [...known].sort((a, b) => editDistance(name, a) - editDistance(name, b) || (a < b ? -1 : 1));
  const shown = ranked.slice(0, 8).map((candidate) => `'${candidate}'`);
  const rest = ranked.length > 8 ? ` and ${ranked.length - 8} more` : '';
  return `Logged so far: ${shown.join(', ')}${rest}.`;
}
