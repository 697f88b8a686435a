import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  arange,
  cuda,
  Generator,
  getRngState,
  manualSeed,
  memory,
  ones,
  rand,
  type Tensor,
  TorchError,
  tensor,
  zeros,
} from '../index.js';
import {
  BatchSampler,
  DataLoader,
  type Dataset,
  IterableDataset,
  RandomSampler,
  randomSplit,
  SequentialSampler,
  Subset,
  TensorDataset,
} from './index.js';
import { drawSeed } from './samplers/randomSampler.js';

const items = (n: number) => new TensorDataset(arange(n));
const squares = (n: number) => ({ length: n, getItem: (i: number): [number, string] => [i * i, `item ${i}`] });

class Counting extends IterableDataset<number> {
  constructor(
    private readonly n: number,
    override readonly length?: number,
  ) {
    super();
  }
  *[Symbol.iterator](): IterableIterator<number> {
    for (let i = 0; i < this.n; i++) yield i;
  }
}

function failure(fn: () => unknown): TorchError {
  try {
    fn();
  } catch (error) {
    expect(error).toBeInstanceOf(TorchError);
    return error as TorchError;
  }
  throw new Error('nothing was thrown');
}

describe('iterating', () => {
  it('gives batches of slices, the last one smaller', () => {
    const loader = new DataLoader(new TensorDataset(arange(10).view([5, 2]), arange(5)), { batchSize: 2 });
    expect(loader.length).toBe(3);
    const batches = Array.from(loader, ([x, y]) => [x.tolist(), y.tolist()]);
    expect(batches).toEqual([
      [
        [
          [0, 1],
          [2, 3],
        ],
        [0, 1],
      ],
      [
        [
          [4, 5],
          [6, 7],
        ],
        [2, 3],
      ],
      [[[8, 9]], [4]],
    ]);
  });

  it('copies the samples: changing a batch does not change the dataset', () => {
    const data = zeros(4);
    for (const [x] of new DataLoader(new TensorDataset(data), { batchSize: 2 })) x.add_(1);
    expect(data.tolist()).toEqual([0, 0, 0, 0]);
  });

  it('collates samples that come one by one', () => {
    const [batch] = new DataLoader(squares(3), { batchSize: 3 });
    expect(batch![0].tolist()).toEqual([0, 1, 4]);
    expect(batch![1]).toEqual(['item 0', 'item 1', 'item 2']);
  });

  it('asks for whole batches where the dataset can, and for samples when there is a collateFn', () => {
    const calls: string[] = [];
    const dataset = {
      length: 4,
      getItem: (i: number) => {
        calls.push(`item ${i}`);
        return i;
      },
      getBatch: (indices: number[]) => {
        calls.push(`batch ${indices}`);
        return indices.length;
      },
    };
    expect([...new DataLoader(dataset, { batchSize: 3 })]).toEqual([3, 1]);
    expect([...new DataLoader(dataset, { batchSize: 2, collateFn: (all) => all.join('+') })]).toEqual(['0+1', '2+3']);
    expect(calls).toEqual(['batch 0,1,2', 'batch 3', 'item 0', 'item 1', 'item 2', 'item 3']);
  });

  it('gives single samples when batchSize is null', () => {
    const dataset = { length: 2, getItem: (i: number) => ({ x: new Float32Array([i, i + 1]), name: `n${i}` }) };
    const loader = new DataLoader(dataset, { batchSize: null });
    const samples = Array.from(loader, ({ x, name }) => [x.tolist(), name]);
    expect(samples).toEqual([
      [[0, 1], 'n0'],
      [[1, 2], 'n1'],
    ]);
    expect(loader.length).toBe(2);
    expect([...new DataLoader(dataset, { batchSize: null, collateFn: ({ name }) => name })]).toEqual(['n0', 'n1']);
  });

  it('takes any iterable of index lists as batch sampler', () => {
    const loader = new DataLoader(items(6), { batchSampler: [[0, 5], [1], [2, 3, 4]] });
    expect(Array.from(loader, ([x]) => x.tolist())).toEqual([[0, 5], [1], [2, 3, 4]]);
    expect(loader.length).toBe(3);
    expect(loader.batchSize).toBeNull();
    const grouped = new DataLoader(items(5), {
      batchSampler: new BatchSampler(new SequentialSampler(items(5)), 2, { dropLast: true }),
    });
    expect(Array.from(grouped, ([x]) => x.tolist())).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it('respects the iterator of a subclass of a sampler', () => {
    class Reversed extends SequentialSampler {
      override *[Symbol.iterator](): IterableIterator<number> {
        for (let i = this.length - 1; i >= 0; i--) yield i;
      }
    }
    const loader = new DataLoader(items(4), { batchSize: 3, sampler: new Reversed(items(4)) });
    expect(Array.from(loader, ([x]) => x.tolist())).toEqual([[3, 2, 1], [0]]);
  });

  it('batches an IterableDataset, with dropLast leaving out the rest', () => {
    expect(Array.from(new DataLoader(new Counting(5), { batchSize: 2 }), (x) => x.tolist())).toEqual([
      [0, 1],
      [2, 3],
      [4],
    ]);
    const dropping = new DataLoader(new Counting(5, 5), { batchSize: 2, dropLast: true });
    expect(Array.from(dropping, (x) => x.tolist())).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(dropping.length).toBe(2);
    expect([...new DataLoader(new Counting(3), { batchSize: null })]).toEqual([0, 1, 2]);
  });

  it('closes the iterator of a dataset whose loop is left', () => {
    let closed = 0;
    class Opening extends IterableDataset<number> {
      *[Symbol.iterator](): IterableIterator<number> {
        try {
          for (;;) yield 1;
        } finally {
          closed += 1;
        }
      }
    }
    for (const _ of new DataLoader(new Opening(), { batchSize: 2 })) break;
    expect(closed).toBe(1);
  });

  it('passes through Subset and randomSplit by whole batches', () => {
    const subset = new Subset(items(10), [7, 3, 1]);
    expect(subset.getBatch).toBeDefined();
    expect(Array.from(new DataLoader(subset, { batchSize: 2 }), ([x]) => x.tolist())).toEqual([[7, 3], [1]]);
    const [part] = randomSplit(items(10), [0.5, 0.5], new Generator().manualSeed(0));
    const seen = Array.from(new DataLoader(part!, { batchSize: 5 }), ([x]) => x.tolist());
    expect(seen).toEqual([[...part!.indices]]);
    expect(new Subset(squares(3), [1]).getBatch).toBeUndefined();
  });

  it('gives ordinary batches for pinMemory where there is no GPU, and says so', async () => {
    const warned: string[] = [];
    const listen = (warning: Error & { code?: string }) => void warned.push(warning.code ?? '');
    process.on('warning', listen);
    const loader = new DataLoader(items(3), { batchSize: 2, pinMemory: true });
    expect(Array.from(loader, ([x]) => x.tolist())).toEqual([[0, 1], [2]]);
    expect(loader.pinMemory).toBe(true);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listen);
    expect(warned).toEqual(cuda.isAvailable() ? [] : ['DATA_PIN_MEMORY_UNUSED']);
  });

  it('lets errors of the dataset pass through as they are', () => {
    const broken = {
      length: 2,
      getItem: () => {
        throw new RangeError('no such file');
      },
    };
    expect(() => [...new DataLoader(broken)]).toThrow(RangeError);
  });

  it('leaves no tensors behind', () => {
    const loader = new DataLoader(new TensorDataset(ones(64, 8), ones(64)), { batchSize: 4, shuffle: true });
    for (const _ of loader);
    memory.collect();
    const before = memory.stats().liveTensors;
    for (let epoch = 0; epoch < 5; epoch++) for (const _ of loader);
    memory.collect();
    // 160 tensors went through; what the interpreter still holds of the last batch may stay.
    expect(memory.stats().liveTensors).toBeLessThan(before + 10);
  });
});

describe('iterating asynchronously', () => {
  const later = (n: number): Dataset<Promise<number>> => ({
    length: n,
    getItem: (i) => new Promise((resolve) => setTimeout(() => resolve(i), (n - i) * 2)),
  });

  it('gives the same batches as the synchronous loop', async () => {
    const batches: unknown[] = [];
    for await (const [x] of new DataLoader(items(5), { batchSize: 2 })) batches.push(x.tolist());
    expect(batches).toEqual([[0, 1], [2, 3], [4]]);
  });

  it('awaits samples that are promises, in order', async () => {
    const batches: unknown[] = [];
    for await (const x of new DataLoader(later(5), { batchSize: 2 })) batches.push(x.tolist());
    expect(batches).toEqual([[0, 1], [2, 3], [4]]);
    expect(failure(() => [...new DataLoader(later(2))]).message).toContain('for await');
  });

  it('answers calls that do not wait for each other in order', async () => {
    const iterator = new DataLoader(later(3), { batchSize: 1 })[Symbol.asyncIterator]();
    const all = await Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next()]);
    expect(all.map(({ done, value }) => (done ? 'end' : value!.tolist()))).toEqual([[0], [1], [2], 'end']);
  });

  it('refuses to tell its state while a batch is on its way', async () => {
    const loader = new DataLoader(later(3), { batchSize: 1 });
    const iterator = loader[Symbol.asyncIterator]();
    const first = iterator.next();
    await Promise.resolve();
    expect(failure(() => loader.stateDict()).message).toContain('await the batch first');
    await first;
    expect(loader.stateDict().running?.batches).toBe(1);
  });

  it('goes on after a failed sample', async () => {
    const dataset = {
      length: 2,
      getItem: async (i: number) => {
        if (i === 0) throw new RangeError('bad sample');
        return i;
      },
    };
    const iterator = new DataLoader(dataset)[Symbol.asyncIterator]();
    await expect(iterator.next()).rejects.toThrow('bad sample');
    expect((await iterator.next()).value!.tolist()).toEqual([1]);
  });
});

describe('draws of their own for each batch', () => {
  const noisy = { length: 6, getItem: (i: number): [number, Tensor] => [i, rand(1)] };

  it('do not depend on what came before, and leave the default generator alone', () => {
    const run = (between: () => unknown) => {
      manualSeed(2);
      const drawn = [];
      for (const [, x] of new DataLoader(noisy, { batchSize: 2, seeding: 'batch' })) {
        drawn.push(x.tolist());
        between();
      }
      return drawn;
    };
    expect(run(() => rand(7))).toEqual(run(() => {}));
    manualSeed(2);
    const base = new DataLoader(noisy, { batchSize: 2, seeding: 'batch' })[Symbol.iterator]();
    base.next();
    const state = getRngState();
    base.next();
    expect(getRngState().equal(state)).toBe(true);
  });

  it('go on in the default generator otherwise, as in PyTorch', () => {
    manualSeed(2);
    for (const _ of new DataLoader(noisy, { batchSize: 6 }));
    const after = rand(1).item();
    manualSeed(2);
    drawSeed();
    rand(6);
    expect(rand(1).item()).toBe(after);
  });
});

describe('bad arguments', () => {
  const data = items(4);
  const stream = new Counting(4);
  const cases: [string, () => unknown, RegExp][] = [
    [
      'workerInitFn without workers',
      () => new DataLoader(data, { workerInitFn: () => {} }),
      /workerInitFn is for workers/,
    ],
    [
      'inOrder false without workers',
      () => new DataLoader(data, { inOrder: false }),
      /inOrder is false.*numWorkers is 0/,
    ],
    ['a number as inOrder', () => new DataLoader(data, { inOrder: 1 as never }), /inOrder must be true or false/],
    [
      'an unknown seeding',
      () => new DataLoader(data, { seeding: 'worker' as never }),
      /seeding must be 'global' or 'batch', got 'worker'/,
    ],
    [
      'global seeding with workers',
      () => new DataLoader(data, { numWorkers: 1, seeding: 'global' }),
      /workers cannot draw from this thread's generator/,
    ],
    [
      'an unknown onBadSample',
      () => new DataLoader(data, { onBadSample: 'ignore' as never }),
      /onBadSample must be 'raise' or 'skip'/,
    ],
    [
      'a text as workerInitFn',
      () => new DataLoader(data, { numWorkers: 1, workerInitFn: 'f' as never }),
      /workerInitFn must be a function/,
    ],
    [
      'negative numWorkers',
      () => new DataLoader(data, { numWorkers: -1 }),
      /numWorkers must be an integer from 0 up, got -1/,
    ],
    ['negative timeout', () => new DataLoader(data, { timeout: -1 }), /timeout must not be negative/],
    ['timeout without workers', () => new DataLoader(data, { timeout: 5 }), /timeout is for workers/],
    [
      'negative prefetchFactor',
      () => new DataLoader(data, { prefetchFactor: -2 }),
      /prefetchFactor must be a positive/,
    ],
    [
      'prefetchFactor without workers',
      () => new DataLoader(data, { prefetchFactor: 2 }),
      /prefetchFactor needs workers/,
    ],
    [
      'persistentWorkers without workers',
      () => new DataLoader(data, { persistentWorkers: true }),
      /persistentWorkers needs workers/,
    ],
    ['sampler and shuffle', () => new DataLoader(data, { shuffle: true, sampler: [0] }), /exclude each other/],
    [
      'batchSampler and batchSize',
      () => new DataLoader(data, { batchSampler: [[0]], batchSize: 2 }),
      /batchSampler excludes/,
    ],
    [
      'batchSampler and shuffle',
      () => new DataLoader(data, { batchSampler: [[0]], shuffle: true }),
      /batchSampler excludes/,
    ],
    [
      'batchSampler and sampler',
      () => new DataLoader(data, { batchSampler: [[0]], sampler: [0] }),
      /batchSampler excludes/,
    ],
    [
      'batchSampler and dropLast',
      () => new DataLoader(data, { batchSampler: [[0]], dropLast: true }),
      /batchSampler excludes/,
    ],
    [
      'no batches and dropLast',
      () => new DataLoader(data, { batchSize: null, dropLast: true }),
      /dropLast has no meaning/,
    ],
    ['batchSize 0', () => new DataLoader(data, { batchSize: 0 }), /batchSize must be a positive integer, got 0/],
    ['batchSize 1.5', () => new DataLoader(data, { batchSize: 1.5 }), /batchSize must be a positive integer, got 1.5/],
    ['shuffle of a stream', () => new DataLoader(stream, { shuffle: true }), /shuffle is true, but an IterableDataset/],
    ['sampler of a stream', () => new DataLoader(stream, { sampler: [0] }), /sampler is given, but an IterableDataset/],
    ['batchSampler of a stream', () => new DataLoader(stream, { batchSampler: [[0]] }), /batchSampler is given/],
    // @ts-expect-error no such option
    ['a misspelt option', () => new DataLoader(data, { batchsize: 3 }), /there is no option 'batchsize'/],
    // @ts-expect-error an array is no dataset
    ['no dataset', () => new DataLoader([1, 2]), /expected a dataset with length and getItem/],
    // @ts-expect-error no generator
    ['a number as generator', () => new DataLoader(data, { generator: 3 }), /generator must be a Generator, got 3/],
    // @ts-expect-error no iterable
    ['a number as sampler', () => new DataLoader(data, { sampler: 3 }), /sampler must be iterable, got 3/],
    // @ts-expect-error no function
    ['a text as collateFn', () => new DataLoader(data, { collateFn: 'stack' }), /collateFn must be a function/],
    ['shuffle of an empty dataset', () => new DataLoader(items(0), { shuffle: true }), /nothing to sample from/],
    ['numSamples 0', () => new RandomSampler(data, { numSamples: 0 }), /numSamples must be a positive integer, got 0/],
    // @ts-expect-error no boolean
    ['replacement 1', () => new RandomSampler(data, { replacement: 1 }), /replacement must be true or false, got 1/],
    ['length of a stream', () => new DataLoader(stream).length, /Counting has no length/],
    [
      'length with an unsized sampler',
      () => new DataLoader(data, { sampler: new Set([1]).values() }).length,
      /unknown/,
    ],
  ];
  it.each(cases)('%s throws DATA_LOADER', (_, fn, message) => {
    const error = failure(fn);
    expect(error.code).toBe('DATA_LOADER');
    expect(error.message).toMatch(message);
  });

  it('knows when its length is unknown', () => {
    expect(new DataLoader(stream).lengthOrNull).toBeNull();
    expect(new DataLoader(new Counting(7, 7), { batchSize: 2 }).lengthOrNull).toBe(4);
  });
});

describe('types', () => {
  it('infers the batch from the dataset', () => {
    const pair = new DataLoader(new TensorDataset(ones(2), ones(2)), { batchSize: 2, shuffle: true });
    expectTypeOf(pair).toEqualTypeOf<DataLoader<[Tensor, Tensor]>>();
    expectTypeOf(new DataLoader(squares(2))).toEqualTypeOf<DataLoader<[Tensor, string[]]>>();
    expectTypeOf(new DataLoader(stream())).toEqualTypeOf<DataLoader<{ x: Tensor; name: string[] }>>();
    const collated = new DataLoader(squares(2), { collateFn: (samples) => samples.map(([n]) => n) });
    expectTypeOf(collated).toEqualTypeOf<DataLoader<number[]>>();
    expectTypeOf(new DataLoader(squares(2), { batchSize: null })).toEqualTypeOf<DataLoader<[number, string]>>();
    expectTypeOf(new DataLoader(new Subset(new TensorDataset(ones(2)), [0]))).toEqualTypeOf<DataLoader<[Tensor]>>();
    const typed: Dataset<{ image: Float32Array; label: number }> = {
      length: 1,
      getItem: () => ({ image: new Float32Array(1), label: 1 }),
    };
    expectTypeOf(new DataLoader(typed)).toEqualTypeOf<DataLoader<{ image: Tensor; label: Tensor }>>();
    const counted = new DataLoader({
      length: 1,
      getItem: (i: number) => i,
      getBatch: (indices: number[]) => String(indices),
    });
    expectTypeOf(counted).toEqualTypeOf<DataLoader<string>>();
    expectTypeOf(pair).toExtend<DataLoader<unknown>>();
    expect(new DataLoader(squares(1))).toBeInstanceOf(DataLoader);
    expect(DataLoader.name).toBe('DataLoader');
  });

  function stream(): IterableDataset<{ x: number; name: string }> {
    class Named extends IterableDataset<{ x: number; name: string }> {
      *[Symbol.iterator](): IterableIterator<{ x: number; name: string }> {
        yield { x: 1, name: 'a' };
      }
    }
    return new Named();
  }
});

describe('TensorDataset', () => {
  it('gives views as samples and takes negative indices', () => {
    const data = new TensorDataset(
      tensor([
        [1, 2],
        [3, 4],
      ]),
      tensor([5, 6]),
    );
    expect(data.getItem(-1).map((part) => part.tolist())).toEqual([[3, 4], 6]);
    expect(data.getBatch([-1, 0]).map((part) => part.tolist())).toEqual([
      [
        [3, 4],
        [1, 2],
      ],
      [6, 5],
    ]);
  });

  it('names what does not fit', () => {
    expect(failure(() => new TensorDataset(ones(2), ones(3))).message).toMatch(
      /Size mismatch between tensors: .* 2, 3/,
    );
    expect(failure(() => new TensorDataset()).code).toBe('DATA_LOADER');
    expect(failure(() => new TensorDataset(tensor(3))).message).toContain('no dimension');
    expect(failure(() => items(3).getBatch([3])).code).toBe('INDEX_OUT_OF_RANGE');
    expect(failure(() => items(3).getItem(5)).code).toBe('INDEX_OUT_OF_RANGE');
    expect(failure(() => new Subset(items(3), [0]).getItem(1)).code).toBe('INDEX_OUT_OF_RANGE');
  });
});
