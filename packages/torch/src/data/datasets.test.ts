import { describe, expect, expectTypeOf, it } from 'vitest';
import { type Tensor, type TorchError, tensor } from '../index.js';
import {
  ChainDataset,
  ConcatDataset,
  DataLoader,
  type Dataset,
  DistributedSampler,
  IterableDataset,
  randomSplit,
  StackDataset,
  WeightedRandomSampler,
} from './index.js';

const letters = (...all: string[]): Dataset<string> => ({ length: all.length, getItem: (i) => all[i]! });

class Words extends IterableDataset<string> {
  constructor(
    private readonly words: string[],
    override readonly length?: number,
  ) {
    super();
  }
  [Symbol.iterator](): Iterator<string> {
    return this.words[Symbol.iterator]();
  }
}

const errorOf = (fn: () => unknown): TorchError => {
  try {
    fn();
  } catch (error) {
    return error as TorchError;
  }
  throw new Error('nothing was thrown');
};

describe('ConcatDataset', () => {
  const joined = new ConcatDataset([letters('a', 'b'), letters(), letters('c')]);

  it('counts through its datasets, from the end too', () => {
    expect(joined.length).toBe(3);
    expect(joined.cumulativeSizes).toEqual([2, 2, 3]);
    expect([0, 1, 2, -1, -3].map((i) => joined.getItem(i))).toEqual(['a', 'b', 'c', 'c', 'a']);
  });

  it('refuses indices outside, nothing at all and streams', () => {
    for (const index of [3, -4, Number.NaN])
      expect(errorOf(() => joined.getItem(index)).code).toBe('INDEX_OUT_OF_RANGE');
    expect(errorOf(() => new ConcatDataset([])).code).toBe('DATA_LOADER');
    // @ts-expect-error an IterableDataset has no getItem
    expect(errorOf(() => new ConcatDataset([new Words([])])).message).toContain('Use ChainDataset');
  });
});

describe('ChainDataset', () => {
  it('iterates one after the other and adds up the lengths', () => {
    const chain = new ChainDataset([new Words(['a', 'b'], 2), new Words(['c'], 1)]);
    expect([...chain]).toEqual(['a', 'b', 'c']);
    expect(chain.length).toBe(3);
    expect(new ChainDataset([new Words(['a'])]).length).toBeUndefined();
  });

  it('refuses datasets that are no streams', () => {
    // @ts-expect-error no IterableDataset
    const chain = new ChainDataset([letters('a')]);
    expect(errorOf(() => [...chain]).message).toContain('Use ConcatDataset');
  });
});

describe('randomSplit', () => {
  it('refuses lengths and fractions that do not fit', () => {
    const data = letters('a', 'b', 'c', 'd');
    for (const lengths of [
      [1, 2],
      [3, 3],
      [-1, 5],
      [0.5, 0.6],
      [1.5, 2.5],
      [-0.5, 1.5],
    ]) {
      const error = errorOf(() => randomSplit(data, lengths));
      expect(error.code).toBe('DATA_LOADER');
    }
    expect(errorOf(() => randomSplit(data, [1, 2])).message).toContain('add up to 3, but the dataset has 4 samples');
    expect(errorOf(() => randomSplit(data, [-0.5, 1.5])).message).toContain('the fraction at index 0 is -0.5');
  });

  it('gives parts that share no sample', () => {
    const parts = randomSplit(letters('a', 'b', 'c', 'd', 'e'), [3, 2]);
    const all = parts.flatMap((part) => Array.from({ length: part.length }, (_, i) => part.getItem(i)));
    expect(all.sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});

describe('samplers', () => {
  const bad: [string, () => unknown, string][] = [
    [
      'a rank that is no rank',
      () => new DistributedSampler(letters('a'), { numReplicas: 2, rank: 2 }),
      'rank must be an integer from 0 to 1, got 2',
    ],
    [
      'no replicas',
      () => new DistributedSampler(letters('a'), { numReplicas: 0, rank: 0 }),
      'numReplicas must be a positive integer',
    ],
    [
      'a seed that is no integer',
      () => new DistributedSampler(letters('a'), { numReplicas: 1, rank: 0, seed: 0.5 }),
      'seed must be an integer',
    ],
    [
      'weights in two dimensions',
      () => new WeightedRandomSampler([[1, 2]] as never, 1),
      'weights must have one dimension',
    ],
    ['no samples', () => new WeightedRandomSampler([1, 2], 0), 'numSamples must be a positive integer'],
  ];
  it.each(bad)('refuse %s', (_, fn, message) => {
    const error = errorOf(fn);
    expect(error.code).toBe('DATA_LOADER');
    expect(error.message).toContain(message);
  });
});

describe('StackDataset', () => {
  it('puts the samples of its members side by side', () => {
    const numbers = { length: 2, getItem: (i: number) => i };
    const texts = { length: 2, getItem: (i: number) => `text ${i}` };
    expect(new StackDataset(numbers, texts).getItem(1)).toEqual([1, 'text 1']);
    expect(new StackDataset({ numbers, texts }).getItem(0)).toEqual({ numbers: 0, texts: 'text 0' });
    expectTypeOf(new StackDataset({ numbers, texts }).getItem(0)).toEqualTypeOf<{ numbers: number; texts: string }>();
    const [batch] = new DataLoader(new StackDataset({ numbers, texts }), { batchSize: 2 });
    expect([batch!.numbers.tolist(), batch!.texts]).toEqual([
      [0, 1],
      ['text 0', 'text 1'],
    ]);
  });

  it('refuses members that do not fit', () => {
    const of = (length: number) => ({ length, getItem: (i: number) => i });
    expect(() => new StackDataset(of(2), of(3))).toThrow(/their lengths are 2, 3/);
    expect(() => new StackDataset()).toThrow(/at least one dataset/);
    expect(() => new StackDataset({ a: 5 } as never)).toThrow(/a is 5/);
  });
});

describe('batches of a ConcatDataset', () => {
  const of = (...values: number[]) => {
    const x = tensor(values);
    return {
      length: values.length,
      getItem: (i: number) => ({ x: values[i]!, name: `n${values[i]}` }),
      getBatch: (indices: number[]) => ({
        x: x.indexSelect(0, tensor(indices, { dtype: 'int64' })),
        pair: [
          x.indexSelect(0, tensor(indices, { dtype: 'int64' })),
          new Map([['names', indices.map((i) => `n${values[i]}`)]]),
        ],
      }),
    };
  };

  it('are asked for member by member, and put together in the order of the indices', () => {
    const both = new ConcatDataset([of(0, 1, 2), of(10, 11)]);
    const batch = both.getBatch!([4, 0, 3, 2])!;
    expect(batch.x.tolist()).toEqual([11, 0, 10, 2]);
    const [x, map] = batch.pair as [Tensor, Map<string, string[]>];
    expect([x.tolist(), map.get('names')]).toEqual([
      [11, 0, 10, 2],
      ['n11', 'n0', 'n10', 'n2'],
    ]);
    expect(both.getBatch!([1, 3]).x.tolist()).toEqual([1, 10]);
    expect(both.getBatch!([-1]).x.tolist()).toEqual([11]);
  });

  it('are there only when all members have them', () => {
    const plain = { length: 1, getItem: (i: number) => i };
    expect(new ConcatDataset<unknown>([of(1), plain]).getBatch).toBeUndefined();
  });

  it('name what cannot be put together', () => {
    const odd = (value: unknown) => ({ length: 1, getItem: () => value, getBatch: () => ({ inner: value }) });
    expect(() => new ConcatDataset([odd(1), odd(2)]).getBatch!([0, 1])).toThrow(/found 1 at batch\.inner/);
  });
});
