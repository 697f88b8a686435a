import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { tensorsUnderWay } from '../../handover.js';
import {
  arange,
  Generator,
  getNumThreads,
  initialSeed,
  manualSeed,
  memory,
  ones,
  rand,
  randint,
  Tensor,
  TorchError,
  tensor,
  warn,
  zeros,
} from '../../index.js';
import {
  DataLoader,
  type Dataset,
  getWorkerInfo,
  IterableDataset,
  perWorker,
  RandomSampler,
  SampleError,
  TensorDataset,
} from '../index.js';

/** Samples with augmentations: number, two random numbers. */
class Noisy {
  constructor(
    readonly length: number,
    private readonly offset = 0,
  ) {}
  getItem(i: number): [number, Tensor] {
    return [i + this.offset, randint(1000, [2])];
  }
}

/** Every worker gives its share of the numbers below n. */
class Numbers extends IterableDataset<number> {
  constructor(
    private readonly n: number,
    override readonly length?: number,
  ) {
    super();
  }
  *[Symbol.iterator](): IterableIterator<number> {
    const { id, numWorkers } = getWorkerInfo() ?? { id: 0, numWorkers: 1 };
    for (let i = id; i < this.n; i += numWorkers) yield i;
  }
}

const sleep = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
const plain = (value: unknown): unknown =>
  value instanceof Tensor ? value.tolist() : Array.isArray(value) ? value.map(plain) : value;

async function all<B>(loader: DataLoader<B>): Promise<unknown[]> {
  const batches: unknown[] = [];
  for await (const batch of loader) batches.push(plain(batch));
  return batches;
}

async function failure(run: () => unknown): Promise<TorchError> {
  try {
    await run();
  } catch (error) {
    expect(error).toBeInstanceOf(TorchError);
    return error as TorchError;
  }
  throw new Error('nothing was thrown');
}

const threads = (): number => readdirSync('/proc/self/task').length;

afterEach(() => expect(tensorsUnderWay()).toBe(0));

describe('a loader with workers', () => {
  it('gives the batches of a loader without, draws in the samples included, for any number of workers', async () => {
    const run = async (numWorkers: number, isAsync = true) => {
      manualSeed(3);
      const loader = new DataLoader(new Noisy(22, 100), { batchSize: 4, shuffle: true, numWorkers, seeding: 'batch' });
      const epochs = [];
      for (let epoch = 0; epoch < 2; epoch++) epochs.push(isAsync ? await all(loader) : Array.from(loader, plain));
      return [epochs, rand(2).tolist()];
    };
    const without = await run(0);
    expect((without[0] as unknown[][])[0]).toHaveLength(6);
    expect(await run(1)).toEqual(without);
    expect(await run(4)).toEqual(without);
    expect(await run(2, false)).toEqual(without);
  });

  it('shuffles as PyTorch does, and leaves the default generator where PyTorch would', async () => {
    const run = async (numWorkers: number) => {
      manualSeed(8);
      const loader = new DataLoader(new TensorDataset(arange(10)), { batchSize: 3, shuffle: true, numWorkers });
      return [await all(loader), await all(loader), rand(1).item()];
    };
    expect(await run(2)).toEqual(await run(0));
  });

  it('does not draw from the generator of the thread that trains', async () => {
    const loader = new DataLoader(new Noisy(8), { batchSize: 2, numWorkers: 1 });
    manualSeed(4);
    const iterator = loader[Symbol.asyncIterator]();
    await iterator.next();
    const drawn = rand(3).tolist();
    await iterator.return();
    manualSeed(4);
    const fresh = new DataLoader(new Noisy(8), { batchSize: 2, seeding: 'batch' });
    fresh[Symbol.iterator]().next();
    expect(rand(3).tolist()).toEqual(drawn);
  });

  it('leaves threads of the engine to the thread that trains', async () => {
    const here = getNumThreads();
    const dataset = { length: 1, getItem: () => getNumThreads() };
    expect(await all(new DataLoader(dataset, { batchSize: null, numWorkers: 1 }))).toEqual([1]);
    expect(getNumThreads()).toBe(here);
  });

  it('tells each worker who it is, with seeds as in PyTorch', async () => {
    const dataset = { length: 4, seeds: [] as bigint[], getItem: (i: number) => ({ i, ...infoOf() }) };
    const infoOf = () => {
      const { id, numWorkers, seed } = getWorkerInfo()!;
      return { id, numWorkers, seed, started: (globalThis as { started?: bigint }).started! };
    };
    const workerInitFn = (id: number) => {
      if (getWorkerInfo()!.id !== id) throw new Error('wrong number');
      (globalThis as { started?: bigint }).started = initialSeed();
    };
    expect(getWorkerInfo()).toBeNull();
    const loader = new DataLoader(dataset, { batchSize: null, numWorkers: 2, workerInitFn });
    const samples = [...loader];
    expect(samples.map(({ id }) => id)).toEqual([0, 1, 0, 1]);
    expect(samples[0]!.numWorkers).toBe(2);
    expect(samples[1]!.seed - samples[0]!.seed).toBe(1n);
    expect(samples.map(({ started, seed }) => started === seed)).toEqual([true, true, true, true]);
  });

  it('hands tensors over without a copy, and the rest with its classes', async () => {
    class Box {
      constructor(readonly x: Tensor) {}
      area(): number {
        return this.x.numel();
      }
    }
    const dataset = {
      length: 1,
      getItem: () => {
        const x = ones(3, 2);
        const { id } = getWorkerInfo()!;
        return {
          address: x.storageId(),
          x,
          map: new Map([['a', [x, 'text', null]]]),
          set: new Set([1]),
          bytes: Buffer.from('ab'),
          part: new Float64Array([1, 2, 3]).subarray(1),
          when: new Date(id),
          box: new Box(x),
          big: 2n,
        };
      },
    };
    const [batch] = [...new DataLoader(dataset, { batchSize: null, numWorkers: 1, collateFn: (sample) => sample })];
    expect(batch!.x.storageId()).toBe(batch!.address);
    expect(batch!.map.get('a')!.slice(1)).toEqual(['text', null]);
    expect((batch!.map.get('a')![0] as Tensor).isSame(batch!.x)).toBe(true);
    expect([batch!.set.has(1), batch!.bytes.toString(), [...batch!.part], batch!.when.getTime(), batch!.big]).toEqual([
      true,
      'ab',
      [2, 3],
      0,
      2n,
    ]);
    expect(batch!.box).toBeInstanceOf(Box);
    expect(batch!.box.area()).toBe(6);
  });

  it('shares the tensors of the dataset with the workers', async () => {
    const data = zeros(4);
    const loader = new DataLoader(new TensorDataset(data), { batchSize: 2, numWorkers: 1, persistentWorkers: true });
    await all(loader);
    data.fill_(5);
    expect(await all(loader)).toEqual([[[5, 5]], [[5, 5]]]);
    await loader.close();
  });

  it('collates, samples and groups as told', async () => {
    const base = 10;
    const dataset = { length: 6, getItem: (i: number) => i };
    const summed = { batchSampler: [[0, 5], [1], [2, 3, 4]], collateFn: (all: number[]) => base + all.length };
    expect(await all(new DataLoader(dataset, { ...summed, numWorkers: 2 }))).toEqual([12, 11, 13]);
    const texts = { length: 3, getItem: (i: number) => ({ name: `n${i}`, x: new Float32Array([i]) }) };
    const [batch] = [...new DataLoader(texts, { batchSize: 3, numWorkers: 1 })];
    expect([batch!.name, batch!.x.tolist()]).toEqual([
      ['n0', 'n1', 'n2'],
      [[0], [1], [2]],
    ]);
    const many = {
      length: 4,
      getItem: (i: number) => i,
      getItems: (indices: number[]) => indices.map((i) => i * base),
    };
    expect(await all(new DataLoader(many, { batchSize: 2, numWorkers: 1 }))).toEqual([
      [0, 10],
      [20, 30],
    ]);
  });

  it('waits for samples that are promises, one after the other, so that their draws keep their order', async () => {
    const dataset = {
      length: 6,
      async getItem(i: number): Promise<Tensor> {
        await new Promise((resolve) => setTimeout(resolve, (6 - i) * 2));
        return randint(1000, [1]);
      },
    };
    const run = (numWorkers: number) => {
      manualSeed(1);
      return all(new DataLoader(dataset, { batchSize: 3, numWorkers, seeding: 'batch' }));
    };
    expect(await run(2)).toEqual(await run(0));
  });

  it('gives batches as they are completed when order does not matter', async () => {
    const dataset = {
      length: 12,
      getItem: (i: number) => {
        if (i === 0) sleep(400);
        return i;
      },
    };
    const loader = new DataLoader(dataset, { batchSize: 2, numWorkers: 2, inOrder: false });
    const batches = (await all(loader)) as number[][];
    expect(batches[0]).not.toEqual([0, 1]);
    expect(batches.flat().sort((a, b) => a - b)).toEqual([...Array(12).keys()]);
  });

  it('lets workers use loaders with workers of their own', async () => {
    const inner = { length: 4, getItem: (i: number) => i * 10 };
    const dataset = {
      length: 1,
      getItem: (): unknown =>
        Array.from(new DataLoader(inner, { batchSize: 2, numWorkers: 1 }), (batch) => batch.tolist()),
    };
    const loader = new DataLoader(dataset, { batchSize: null, numWorkers: 1 });
    expect(await all(loader)).toEqual([
      [
        [0, 10],
        [20, 30],
      ],
    ]);
  });

  it('warns once of what all workers warn of', async () => {
    const seen: string[] = [];
    const listen = (warning: Error & { code?: string }) => void seen.push(`${warning.code}: ${warning.message}`);
    process.on('warning', listen);
    const dataset = {
      length: 4,
      getItem: (i: number) => {
        warn('ODD_SAMPLE', 'a sample is odd');
        return i;
      },
    };
    await all(new DataLoader(dataset, { numWorkers: 2 }));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listen);
    expect(seen.filter((text) => text.startsWith('ODD_SAMPLE'))).toEqual(['ODD_SAMPLE: a sample is odd']);
  });
});

describe('streams', () => {
  it('are sharded by getWorkerInfo, and come by turns', async () => {
    const run = (numWorkers: number, dropLast = false) =>
      all(new DataLoader(new Numbers(11), { batchSize: 2, numWorkers, dropLast }));
    expect(await run(1)).toEqual(await run(0));
    expect(await run(3)).toEqual([[0, 3], [1, 4], [2, 5], [6, 9], [7, 10], [8]]);
    // Each worker drops the rest of its own share.
    expect(await run(3, true)).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
      [6, 9],
      [7, 10],
    ]);
  });

  it('that are longer than they said are warned of, all workers together', async () => {
    const seen: string[] = [];
    const listen = (warning: Error) => void seen.push(warning.message);
    process.on('warning', listen);
    const loader = new DataLoader(new Numbers(6, 4), { batchSize: 2, numWorkers: 2 });
    expect([loader.length, (await all(loader)).length]).toEqual([2, 4]);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listen);
    expect(seen).toEqual([expect.stringMatching(/^The length of Numbers is 4, but it gave more samples/)]);
  });

  it('draw alike with no and one worker', async () => {
    class Shuffled extends IterableDataset<[Tensor, Tensor]> {
      *[Symbol.iterator](): IterableIterator<[Tensor, Tensor]> {
        for (const i of randint(100, [7])) yield [i, randint(1000, [1])];
      }
    }
    const run = (numWorkers: number) => {
      manualSeed(2);
      return all(new DataLoader(new Shuffled(), { batchSize: 3, numWorkers, seeding: 'batch' }));
    };
    expect(await run(1)).toEqual(await run(0));
  });

  it('go on with the workers that are left when one has nothing more', async () => {
    class Uneven extends IterableDataset<number> {
      *[Symbol.iterator](): IterableIterator<number> {
        const { id } = getWorkerInfo()!;
        for (let i = 0; i < [1, 5, 3][id]!; i++) yield id * 10 + i;
      }
    }
    const numbers = await all(new DataLoader(new Uneven(), { batchSize: null, numWorkers: 3 }));
    expect(numbers).toEqual([0, 10, 20, 11, 21, 12, 22, 13, 14]);
  });

  it('close their iterators when the loop is left', async () => {
    const flag = new Int32Array(new SharedArrayBuffer(4));
    class Opening extends IterableDataset<number> {
      constructor(private readonly closed: Int32Array) {
        super();
      }
      *[Symbol.iterator](): IterableIterator<number> {
        try {
          for (;;) yield 1;
        } finally {
          Atomics.add(this.closed, 0, 1);
        }
      }
    }
    for await (const _ of new DataLoader(new Opening(flag), { batchSize: 2, numWorkers: 1 })) break;
    expect(flag[0]).toBe(1);
  });
});

describe('failures', () => {
  const broken = {
    length: 8,
    getItem: (i: number) => {
      if (i === 5) throw new RangeError('no such file');
      return i;
    },
  };
  class Pets implements Dataset<number> {
    readonly length = 8;
    getItem(i: number): number {
      return broken.getItem(i);
    }
  }

  it.each(['for await', 'for'])('of a sample arrive with its index, dataset and stack in `%s`', async (loop) => {
    const loader = new DataLoader(new Pets(), { batchSize: 4, numWorkers: 1 });
    const seen: unknown[] = [];
    const error = (await failure(async () => {
      if (loop === 'for') for (const batch of loader) seen.push(plain(batch));
      else for await (const batch of loader) seen.push(plain(batch));
    })) as SampleError;
    expect(seen).toEqual([[0, 1, 2, 3]]);
    expect(error).toBeInstanceOf(SampleError);
    expect(error.message).toBe('Pets failed in worker 0 at sample 5: RangeError: no such file');
    expect([error.code, error.index, error.indices, error.dataset, error.workerId]).toEqual([
      'DATA_SAMPLE',
      5,
      [4, 5, 6, 7],
      'Pets',
      0,
    ]);
    expect(error.cause).toBeInstanceOf(RangeError);
    expect(error.workerStack).toMatch(/workers\.test\.ts:\d+/);
  });

  it('of datasets that answer for many samples at once name the one to blame', async () => {
    const dataset = { ...broken, getItems: (indices: number[]) => indices.map(broken.getItem) };
    const error = (await failure(() => all(new DataLoader(dataset, { batchSize: 4, numWorkers: 1 })))) as SampleError;
    expect([error.index, error.indices]).toEqual([5, [4, 5, 6, 7]]);
  });

  it('of collating and of workerInitFn are no sample’s', async () => {
    const collateFn = (samples: number[]): number => {
      throw new TorchError('DATA_LOADER', `not ${samples}`);
    };
    const error = (await failure(() =>
      all(new DataLoader(broken, { batchSize: 2, numWorkers: 1, collateFn })),
    )) as SampleError;
    expect(error.message).toBe('the dataset failed in worker 0 at the batch of samples 0, 1: TorchError: not 0,1');
    expect(error.index).toBeNull();
    const workerInitFn = () => {
      throw new Error('no disk');
    };
    expect((await failure(() => all(new DataLoader(broken, { numWorkers: 1, workerInitFn })))).message).toMatch(
      /no disk/,
    );
  });

  it('of copying the dataset name the field before a thread is started', async () => {
    const dataset = { ...broken, rows: Promise.resolve(1) };
    const error = await failure(() => all(new DataLoader(dataset, { numWorkers: 1 })));
    expect([error.code, error.message]).toEqual([
      'DATA_TRAVEL',
      expect.stringMatching(/^dataset\.rows cannot be copied to a worker: a promise/),
    ]);
    const poison = await failure(() =>
      all(
        new DataLoader(
          perWorker(() => ({ ...broken, x: getWorkerInfo()!.id })),
          { numWorkers: 1 },
        ),
      ).catch((e) => {
        throw e;
      }),
    ).catch((e: Error) => e);
    expect(poison.message).toMatch(/Cannot read properties of null/);
    const unsent = { length: 1, getItem: () => ({ f: () => 1 }) };
    const late = await failure(() => all(new DataLoader(unsent, { batchSize: null, numWorkers: 1 })));
    expect(late.message).toMatch(/a batch cannot be handed over to the loader: batch\.f is a function/);
  });

  it('can be skipped and counted, with workers or without', async () => {
    const run = async (numWorkers: number, options: object = {}) => {
      const loader = new DataLoader(broken, { batchSize: 2, numWorkers, onBadSample: 'skip', ...options });
      return [await all(loader), loader.badSamples];
    };
    const wanted = [[[0, 1], [2, 3], [4], [6, 7]], 1];
    expect(await run(0)).toEqual(wanted);
    expect(await run(2)).toEqual(wanted);
    // A batch of nothing is no batch.
    expect(await run(2, { batchSize: 1 })).toEqual([[[0], [1], [2], [3], [4], [6], [7]], 1]);
    expect(await run(0, { batchSize: 1 })).toEqual([[[0], [1], [2], [3], [4], [6], [7]], 1]);
  });

  it.each(['for await', 'for'])('of a whole worker end `%s` with an error, not a hang', async (loop) => {
    const dataset = {
      length: 8,
      getItem: (i: number) => {
        if (i === 3) process.exit(7);
        return i;
      },
    };
    const loader = new DataLoader(dataset, { batchSize: 2, numWorkers: 1 });
    const error = await failure(async () => {
      if (loop === 'for') for (const _ of loader);
      else for await (const _ of loader);
    });
    expect(error.code).toBe('DATA_WORKER');
    expect(error.message).toMatch(/^worker 0 of the dataset ended .*It was to make batch 1 \(samples 2, 3\)$/);
    if (loop === 'for await') expect(error.message).toMatch(/with exit code 7: something called process\.exit/);
  });

  it('that nothing catches in a worker end it, and say so', async () => {
    const dataset = {
      length: 4,
      getItem: (i: number) => {
        setTimeout(() => {
          throw new Error('late trouble');
        }, 0);
        return new Promise((resolve) => setTimeout(resolve, 500, i));
      },
    };
    const error = await failure(() => all(new DataLoader(dataset, { numWorkers: 1 })));
    expect([error.code, error.message]).toEqual([
      'DATA_WORKER',
      expect.stringMatching(/an error that nothing caught: .*late trouble/),
    ]);
  });

  it('to answer in time end the loop, also when the worker cannot be asked to stop', async () => {
    const dataset = {
      length: 2,
      getItem: (i: number) => {
        sleep(60_000);
        return i;
      },
    };
    const error = await failure(() => all(new DataLoader(dataset, { numWorkers: 1, timeout: 0.1 })));
    expect([error.code, error.message]).toEqual([
      'DATA_WORKER',
      expect.stringMatching(
        /^no batch of the dataset came within 0\.1 s from worker 0, which has batch 0 \(samples 0\)/,
      ),
    ]);
  });
});

describe('an end in the middle of an epoch', () => {
  it('leaves no thread and no tensor', async () => {
    const dataset = { length: 400, getItem: (_: number) => ones(64, 64) };
    const visit = async () => {
      for await (const _ of new DataLoader(dataset, { batchSize: 8, numWorkers: 1, prefetchFactor: 3 })) break;
    };
    await visit();
    memory.collect();
    const before = { threads: threads(), bytes: memory.stats().liveBytes, tensors: memory.stats().liveTensors };
    await visit();
    memory.collect();
    expect(threads()).toBeLessThanOrEqual(before.threads);
    expect(memory.stats().liveTensors).toBeLessThan(before.tensors + 5);
    expect(memory.stats().liveBytes).toBeLessThan(before.bytes + 300_000);
    expect(tensorsUnderWay()).toBe(0);
  });

  it('leaves a shuffled loader as one without workers would be', async () => {
    const run = async (numWorkers: number) => {
      const generator = new Generator().manualSeed(5);
      const sampler = new RandomSampler({ length: 80 }, { replacement: true, generator });
      const loader = new DataLoader(new TensorDataset(arange(80)), { batchSize: 10, sampler, generator, numWorkers });
      for await (const _ of loader) break;
      return [await all(loader), generator.getState().tolist()];
    };
    expect(await run(1)).toEqual(await run(0));
  });

  it('keeps persistent workers, which go on with the next epoch', async () => {
    const dataset = {
      length: 6,
      served: 0,
      getItem(i: number): [number, number] {
        this.served += 1;
        return [i, this.served];
      },
    };
    const loader = new DataLoader(dataset, { batchSize: 2, numWorkers: 1, persistentWorkers: true });
    for await (const _ of loader) break;
    const batches = (await all(loader)) as number[][][];
    expect(batches.map(([x]) => x)).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
    expect(batches.flatMap(([, served]) => served!)[0]).toBeGreaterThan(2);
    expect(dataset.served).toBe(0);
    const first = loader[Symbol.iterator]();
    first.next();
    loader[Symbol.iterator]().next();
    expect(() => first.next()).toThrow(/another iteration has begun over the same persistent workers/);
    await loader.close();
  });

  it('comes by itself for an iterator that nobody has any more', async () => {
    const dataset = { length: 40, getItem: (i: number) => i };
    await new Promise((resolve) => setTimeout(resolve, 1_500)); // threads of the tests before have gone
    const before = threads();
    (() => new DataLoader(dataset, { numWorkers: 1 })[Symbol.iterator]().next())();
    expect(threads()).toBeGreaterThan(before);
    for (let i = 0; i < 50 && threads() > before; i++) {
      memory.collect();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(threads()).toBeLessThanOrEqual(before);
  });

  it('can come while a batch is waited for', async () => {
    const dataset = {
      length: 2,
      getItem: async (i: number) => {
        await new Promise((resolve) => setTimeout(resolve, 300));
        return tensor(i);
      },
    };
    const iterator = new DataLoader(dataset, { numWorkers: 1 })[Symbol.asyncIterator]();
    const pending = iterator.next();
    await iterator.return();
    expect(await pending).toEqual({ done: true, value: undefined });
  });
});
