import { ones } from '@lightning-ts/torch';
import { Linear } from '@lightning-ts/torch/nn';
import { afterEach, expect, test, vi } from 'vitest';
import { gradNorm } from './gradNorm.js';
import { rankZeroOnly } from './rankZero.js';

afterEach(() => void vi.unstubAllEnvs());

test('the norms of gradients have Python’s names and values', () => {
  const layer = new Linear(2, 1);
  expect(gradNorm(layer, 2)).toEqual({});
  layer
    .forward(ones([3, 2]))
    .sum()
    .backward();
  const numbers = (type: number | 'inf', separator?: string) =>
    Object.fromEntries(Object.entries(gradNorm(layer, type, separator)).map(([name, value]) => [name, value.item()]));
  expect(numbers(2)).toEqual({
    'grad_2.0_norm/weight': Math.fround(Math.sqrt(18)),
    'grad_2.0_norm/bias': 3,
    'grad_2.0_norm_total': Math.fround(Math.sqrt(27)),
  });
  expect(numbers('inf', '_')).toEqual({ grad_inf_norm_weight: 3, grad_inf_norm_bias: 3, grad_inf_norm_total: 3 });
  for (const wrong of [0, -1, 'l2']) expect(() => gradNorm(layer, wrong as number)).toThrow('OPTION_INVALID');
});

test('a function for the first process does nothing on the others', () => {
  const double = rankZeroOnly((value: number) => value * 2, -1);
  expect(double(2)).toBe(4);
  vi.stubEnv('LOCAL_RANK', '1');
  expect(double(2)).toBe(-1);
  vi.stubEnv('RANK', '0');
  expect(double(2)).toBe(4);
});
