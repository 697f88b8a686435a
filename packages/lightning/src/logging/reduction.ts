import { amax, amin, max, mean, min, sum } from '@lightning-ts/torch';
import type { LogOptions } from '../module/log.js';
import type { Reduction } from './loggedScalar.js';

const named: Readonly<Record<string, Reduction>> = { mean: 'mean', avg: 'mean', sum: 'sum', min: 'min', max: 'max' };

/** The functions that say what the names say: torch's, and those of `Math`. */
const functions = new Map<unknown, Reduction>([
  [mean, 'mean'],
  [sum, 'sum'],
  [min, 'min'],
  [amin, 'min'],
  [Math.min, 'min'],
  [max, 'max'],
  [amax, 'max'],
  [Math.max, 'max'],
]);

/** What `reduceFx` asks for; undefined when it is none of what there is. */
export function reductionOf({ reduceFx = 'mean' }: LogOptions): Reduction | undefined {
  return typeof reduceFx === 'string' ? named[reduceFx.toLowerCase()] : functions.get(reduceFx);
}
