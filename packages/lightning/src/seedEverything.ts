import { manualSeed, warn } from '@lightning-ts/torch';
import { LightningError } from './errors.js';
import { describe } from './module/hparams.js';

const largest = 2 ** 32 - 1;

/** What to seed beside this process. */
export interface SeedOptions {
  /** Say which seed it is. Default true. */
  readonly verbose?: boolean;
}

/**
 * Seeds every random number generator of the engine, so that a run can be repeated. Without a seed, `PL_GLOBAL_SEED` is taken
 * from the environment, else 0.
 *
 * @returns the seed
 * @throws LightningError OPTION_INVALID for anything but a whole number from 0 to 2^32 - 1
 */
export function seedEverything(seed: number | null = null, { verbose = true }: SeedOptions = {}): number {
  const fromEnvironment = process.env.PL_GLOBAL_SEED;
  const chosen = seed ?? (fromEnvironment === undefined || fromEnvironment === '' ? 0 : Number(fromEnvironment));
  if (!Number.isInteger(chosen) || chosen < 0 || chosen > largest) {
    const source = seed === null ? 'PL_GLOBAL_SEED' : 'seed';
    throw new LightningError(
      'OPTION_INVALID',
      `${source} is ${describe(seed ?? fromEnvironment)}. Use a whole number from 0 to ${largest}.`,
    );
  }
  if (seed === null && fromEnvironment === undefined) warn('SEED_DEFAULT', 'No seed was given, so it is 0.');
  // Processes started from here on seed themselves alike.
  process.env.PL_GLOBAL_SEED = String(chosen);
  manualSeed(chosen);
  if (verbose) console.log(`Seed set to ${chosen}`);
  return chosen;
}
