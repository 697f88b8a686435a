import { empty, rand, randint } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';

// Each draws from the engine's default generator as torchvision's transforms do, one number at a time, so that the same
// seed makes the same choices as in Python.

/** A number from `low` to `high`, in float32. */
export function drawUniform(low: number, high: number): number {
  const drawn = empty(1).uniform_(low, high);
  const value = drawn.item();
  drawn.dispose();
  return value;
}

/** A whole number from `low` to below `high`. */
export function drawInteger(low: number, high: number): number {
  const drawn = randint(low, high, [1]);
  const value = drawn.item();
  drawn.dispose();
  return value;
}

/** True with the probability `p`. */
export function drawChance(p: number): boolean {
  const drawn = rand([1]);
  const isChosen = drawn.item() < p;
  drawn.dispose();
  return isChosen;
}

/** Refuses what is no probability. */
export function checkProbability(name: string, p: number): void {
  if (p >= 0 && p <= 1) return;
  throw new VisionError('OPTION_INVALID', `${name} takes a probability from 0 to 1, and got ${p}`);
}

/** A range [low, high] of numbers, `low` at least `least`. */
export function checkRange(name: string, range: readonly number[], least = Number.NEGATIVE_INFINITY): [number, number] {
  const [low, high] = range;
  if (range.length === 2 && Number.isFinite(low) && Number.isFinite(high) && low! <= high! && low! >= least) {
    return [low!, high!];
  }
  const from = Number.isFinite(least) ? ` from ${least} up` : '';
  throw new VisionError('OPTION_INVALID', `${name} takes two numbers [low, high]${from}, and got ${String(range)}`);
}
