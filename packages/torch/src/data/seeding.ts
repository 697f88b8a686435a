import { defaultGenerator, forkRng } from '../random.js';

/**
 * Where random draws in datasets, transforms and collate functions come from.
 *
 * - `'global'`: the default generator of the thread that iterates, one draw after the other, as in PyTorch without workers.
 * - `'batch'`: each batch has a stream of its own, which follows from the epoch's base seed and the batch's number; so
 *   the draws are the same for every number of workers, 0 included.
 */
export type Seeding = 'global' | 'batch';

const golden = 0x9e37_79b9_7f4a_7c15n;
const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);

/** The seed of batch `number`: numbers near each other give seeds that have nothing in common (splitmix64). */
export function batchSeed(baseSeed: bigint, number: number): bigint {
  let mixed = wrap(baseSeed + BigInt(number + 1) * golden);
  mixed = wrap((mixed ^ (mixed >> 30n)) * 0xbf58_476d_1ce4_e5b9n);
  mixed = wrap((mixed ^ (mixed >> 27n)) * 0x94d0_49bb_1331_11ebn);
  return mixed ^ (mixed >> 31n);
}

/** Starts this thread's default generator anew; other devices' generators stay as they are. */
export function seedThread(seed: bigint): void {
  defaultGenerator().manualSeed(seed);
}

/** Runs `fn` with its own stream; the default generator is afterwards where it was. */
export function withSeed<T>(seed: bigint, fn: () => T): T {
  return forkRng(() => {
    seedThread(seed);
    return fn();
  });
}
