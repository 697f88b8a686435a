import { beforeAll, describe, expect, it } from 'vitest';
import * as torch from '../src/index.js';
import * as F from '../src/nn/functional/index.js';
import { decodeValue, type EncodedTensor, type EncodedValue, expectSameBits, readFixture } from './encodedTensor.js';

interface Case {
  name: string;
  args: EncodedValue[];
  kwargs: Record<string, EncodedValue>;
  result: EncodedValue;
}
const { cases } = readFixture<{ cases: Case[] }>('operators/operators.json');

const camel = (name: string) => name.replace(/[._]([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

type Callable = (...args: unknown[]) => unknown;

function call({ name, args, kwargs }: Case): unknown {
  const positional = args.map(decodeValue);
  const options = Object.fromEntries(Object.entries(kwargs).map(([key, value]) => [camel(key), decodeValue(value)]));
  const passed = Object.keys(options).length > 0 ? [...positional, options] : positional;
  if (name === 'einsum') return torch.einsum(passed[0] as string, ...(passed[1] as torch.Tensor[]));
  if (name.startsWith('.')) {
    const [self, ...rest] = passed as [torch.Tensor, ...unknown[]];
    return (self[camel(name.slice(1)) as 'add'] as Callable).apply(self, rest);
  }
  const found = (torch as Record<string, unknown>)[camel(name)] ?? (F as Record<string, unknown>)[camel(name)];
  return (found as Callable)(...passed);
}

/** Several results come as an array, or as an object with Python's names; the order is the same. */
function flat(result: unknown): unknown[] {
  if (result instanceof torch.Tensor || typeof result !== 'object' || result === null) return [result];
  return Object.values(result);
}

const describeArgument = (value: EncodedValue): string =>
  typeof value === 'object' && value !== null && '$tensor' in value
    ? `${(value.$tensor as EncodedTensor).dtype}[${(value.$tensor as EncodedTensor).shape.join(', ')}]`
    : Array.isArray(value)
      ? `[${value.map(describeArgument).join(', ')}]`
      : JSON.stringify(value);

describe('operators equal Python bit for bit', () => {
  // The order of the additions in a reduction depends on the number of threads; the fixture was made with one.
  beforeAll(() => torch.setNumThreads(1));

  const seen = new Map<string, number>();
  for (const one of cases) {
    const options = Object.entries(one.kwargs).map(([key, value]) => `${key}=${describeArgument(value)}`);
    const title = `${one.name}(${[...one.args.map(describeArgument), ...options].join(', ')})`;
    const count = (seen.get(title) ?? 0) + 1;
    seen.set(title, count);
    it(count > 1 ? `${title} #${count}` : title, () => {
      torch.manualSeed(7);
      const actual = flat(call(one));
      const expected: EncodedValue[] =
        Array.isArray(one.result) && !(one.result.length === 0) ? one.result : [one.result];
      expect(actual).toHaveLength(expected.length);
      expected.forEach((value, i) => {
        if (typeof value === 'object' && value !== null && '$tensor' in value)
          expectSameBits(actual[i] as torch.Tensor, value.$tensor);
        else expect(actual[i]).toEqual(decodeValue(value));
      });
    });
  }

  it('covers more than 150 operators', () => {
    expect(new Set(cases.map(({ name }) => name)).size).toBeGreaterThan(150);
  });
});
