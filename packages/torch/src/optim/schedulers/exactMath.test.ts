import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { cosine, power } from './exactMath.js';

// Made by test/fixtures/schedulers/make.py, with 60 digits.
const path = new URL('../../../test/fixtures/schedulers/schedules.json', import.meta.url);
const { cosines, powers } = JSON.parse(readFileSync(path, 'utf8')) as {
  cosines: [number, number][];
  powers: [number, number, number][];
};

it('rounds cosines correctly, also next to zero and far out', () => {
  for (const [x, wanted] of cosines) expect(cosine(x), `the cosine of ${x}`).toBe(wanted);
});

it('rounds powers correctly', () => {
  for (const [base, exponent, wanted] of powers) expect(power(base, exponent), `${base} ** ${exponent}`).toBe(wanted);
});

it('leaves what has no ordinary value to the language', () => {
  expect(power(0, 0.9)).toBe(0);
  expect(power(-2, 3)).toBe(-8);
  expect(power(2, Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
  expect(power(0.5, 2000)).toBe(0);
  expect(cosine(Number.NaN)).toBeNaN();
});
