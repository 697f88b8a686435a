import { rand } from '@lightning-ts/torch';
import { afterEach, expect, test } from 'vitest';
import { seedEverything } from './seedEverything.js';

afterEach(() => {
  delete process.env.PL_GLOBAL_SEED;
});

test('the same seed gives the same numbers, and is passed on to processes started later', () => {
  expect(seedEverything(42, { verbose: false })).toBe(42);
  const first = rand(3).tolist();
  expect(process.env.PL_GLOBAL_SEED).toBe('42');
  // Python's numbers for this seed.
  expect(first).toEqual([0.8822692632675171, 0.9150039553642273, 0.38286375999450684]);
  seedEverything(null, { verbose: false });
  expect(rand(3).tolist()).toEqual(first);
});

test.each([-1, 1.5, 2 ** 32, Number.NaN, '42'])('%j is no seed', (seed) => {
  expect(() => seedEverything(seed as number)).toThrow(/OPTION_INVALID/);
});

test('a seed in the environment must be one too', () => {
  process.env.PL_GLOBAL_SEED = 'many';
  expect(() => seedEverything()).toThrow(/PL_GLOBAL_SEED is 'many'/);
});
