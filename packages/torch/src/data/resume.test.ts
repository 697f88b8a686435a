import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arange, Generator, getRngState, manualSeed, rand, randperm, setRngState, type Tensor } from '../index.js';
import { deserialize, serialize } from '../serialize/index.js';
import {
  DataLoader,
  type DataLoaderState,
  DistributedSampler,
  IterableDataset,
  RandomSampler,
  type Sampler,
  SubsetRandomSampler,
  TensorDataset,
  WeightedRandomSampler,
} from './index.js';

/** What a checkpoint holds of a run: the loader's state and the default generator's, through a real file's bytes. */
interface Saved {
  loader: DataLoaderState;
  rng: Tensor;
}

const throughFile = (saved: Saved): Saved => {
  const chunks = serialize(saved);
  return deserialize(Buffer.concat([...chunks])) as unknown as Saved;
};

const seed = 17;
const epochs = 3;

type Make = () => DataLoader<Tensor[]>;

/** All batches of three epochs; `visit` is called after each with the number given so far. */
function run(loader: DataLoader<Tensor[]>, totalBatches: number, visit: (given: number) => void = () => {}): unknown[] {
  const seen: unknown[] = [];
  while (seen.length < totalBatches) {
    for (const [x] of loader) {
      seen.push(x!.tolist());
      // Dropout and the like draw from the default generator in between.
      rand(3);
      visit(seen.length);
      if (seen.length === totalBatches) break;
    }
  }
  return seen;
}

/** Cuts the run after `cut` batches, continues in a loader made anew, and returns both parts. */
function runWithCut(make: Make, totalBatches: number, cut: number): unknown[] {
  manualSeed(seed);
  let saved: Saved | null = null;
  const loader = make();
  const first =
    cut === 0
      ? []
      : run(loader, cut, (given) => {
          if (given === cut) saved = throughFile({ loader: loader.stateDict(), rng: getRngState() });
        });
  saved ??= throughFile({ loader: loader.stateDict(), rng: getRngState() });
  manualSeed(999);
  rand(5);
  const resumed = make();
  resumed.loadStateDict(saved.loader);
  setRngState(saved.rng);
  return [...first, ...run(resumed, totalBatches - cut)];
}

function expectSameAtEveryCut(make: Make, batchesInEpoch: number): void {
  const total = batchesInEpoch * epochs;
  manualSeed(seed);
  const whole = run(make(), total);
  for (let cut = 0; cut <= total; cut++)
    expect(runWithCut(make, total, cut), `cut after ${cut} batches`).toEqual(whole);
}

const items = (n: number) => new TensorDataset(arange(n));
const own = () => new Generator().manualSeed(5);

describe('a loader that is resumed', () => {
  it('continues with the very next batch, and its later epochs are as uninterrupted', () => {
    const settings = fc.record({
      n: fc.integer({ min: 1, max: 24 }),
      batchSize: fc.integer({ min: 1, max: 9 }),
      shuffle: fc.boolean(),
      dropLast: fc.boolean(),
      ownGenerator: fc.boolean(),
      cutAt: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(settings, ({ n, batchSize, shuffle, dropLast, ownGenerator, cutAt }) => {
        fc.pre(!dropLast || n >= batchSize);
        const make = () =>
          new DataLoader(items(n), { batchSize, shuffle, dropLast, generator: ownGenerator ? own() : null });
        const total = make().length * epochs;
        manualSeed(seed);
        const whole = run(make(), total);
        expect(runWithCut(make, total, Math.round(cutAt * total))).toEqual(whole);
      }),
      { numRuns: 150 },
    );
  });

  it('does so for every sampler, with a generator of its own or without', () => {
    const samplers: (() => Sampler)[] = [
      () => new RandomSampler(items(10), { replacement: true, numSamples: 70 }),
      () => new RandomSampler(items(10), { replacement: true, numSamples: 70, generator: own() }),
      () => new RandomSampler(items(10), { numSamples: 24 }),
      () => new RandomSampler(items(10), { numSamples: 20, generator: own() }),
      () => new SubsetRandomSampler([1, 3, 5, 7, 9]),
      () => new SubsetRandomSampler([1, 3, 5, 7, 9], { generator: own() }),
      () => new WeightedRandomSampler([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 9),
      () => new WeightedRandomSampler([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 9, { generator: own() }),
      () => new DistributedSampler(items(10), { numReplicas: 3, rank: 1 }),
    ];
    for (const sampler of samplers) {
      const make = () => new DataLoader(items(10), { batchSize: 4, sampler: sampler() });
      expectSameAtEveryCut(make, make().length);
    }
  });

  it('does so when one generator serves the loader and its sampler', () => {
    const make = () => {
      const generator = own();
      const sampler = new RandomSampler(items(6), { generator });
      return new DataLoader(items(6), { batchSize: 2, sampler, generator });
    };
    expectSameAtEveryCut(make, 3);
  });

  it('does so for single samples', () => {
    for (const generator of [own, () => null])
      expectSameAtEveryCut(
        () => new DataLoader(items(5), { batchSize: null, shuffle: true, generator: generator() }),
        5,
      );
  });

  it('does so for a plain generator function as sampler, by iterating it again', () => {
    const sampler = () => ({
      *[Symbol.iterator]() {
        for (const i of randperm(7).tolist() as number[]) yield i;
      },
    });
    expectSameAtEveryCut(() => new DataLoader(items(7), { batchSize: 3, sampler: sampler() }), 3);
  });

  it('does so for a sampler of the user with a generator of its own', () => {
    const sampler = () => ({
      generator: own(),
      length: 7,
      *[Symbol.iterator]() {
        for (const i of randperm(7, { generator: this.generator }).tolist() as number[]) yield i;
      },
    });
    expectSameAtEveryCut(() => new DataLoader(items(7), { batchSize: 3, sampler: sampler() }), 3);
  });

  it('does so for a batch sampler of the user that keeps its own state', () => {
    class Rotating implements Sampler<number[]> {
      private epoch = 0;
      private at = 0;
      readonly length = 4;
      *[Symbol.iterator]() {
        while (this.at < 4) {
          this.at += 1;
          yield [(this.at + this.epoch) % 5, this.epoch];
        }
        this.epoch += 1;
        this.at = 0;
      }
      stateDict() {
        return { epoch: this.epoch, at: this.at };
      }
      loadStateDict(state: { epoch: number; at: number }) {
        this.epoch = state.epoch;
        this.at = state.at;
      }
    }
    expectSameAtEveryCut(() => new DataLoader(items(8), { batchSampler: new Rotating() }), 4);
  });

  it('does so for an IterableDataset, by iterating it again and skipping', () => {
    class Stream extends IterableDataset<[Tensor]> {
      *[Symbol.iterator](): IterableIterator<[Tensor]> {
        for (const i of randperm(9)) yield [i];
      }
    }
    expectSameAtEveryCut(() => new DataLoader(new Stream(), { batchSize: 3 }), 3);
    expectSameAtEveryCut(() => new DataLoader(new Stream(), { batchSize: 4 }), 3);
    expectSameAtEveryCut(() => new DataLoader(new Stream(), { batchSize: 4, dropLast: true }), 2);
  });

  it('does so for an IterableDataset that keeps its own state, without reading what was read', () => {
    let reads = 0;
    class Lines extends IterableDataset<[number]> {
      private at = 0;
      *[Symbol.iterator](): IterableIterator<[number]> {
        while (this.at < 7) {
          reads += 1;
          yield [this.at++];
        }
        this.at = 0;
      }
      stateDict() {
        return { at: this.at };
      }
      loadStateDict(state: Record<string, unknown>) {
        this.at = state.at as number;
      }
    }
    const loader = new DataLoader(new Lines(), { batchSize: 2 });
    const iterator = loader[Symbol.iterator]();
    iterator.next();
    iterator.next();
    reads = 0;
    const resumed = new DataLoader(new Lines(), { batchSize: 2 });
    resumed.loadStateDict(loader.stateDict());
    expect(Array.from(resumed, ([x]) => x.tolist())).toEqual([[4, 5], [6]]);
    expect(reads).toBe(3);
  });

  it('starts a new epoch after a state taken when the loop had been left early', () => {
    const loader = new DataLoader(items(6), { batchSize: 2, shuffle: true, generator: own() });
    for (const _ of loader) break;
    const state = loader.stateDict();
    expect(state.running).toBeNull();
    const rest = Array.from(loader, ([x]) => x.tolist());
    const resumed = new DataLoader(items(6), { batchSize: 2, shuffle: true, generator: new Generator() });
    resumed.loadStateDict(state);
    expect(Array.from(resumed, ([x]) => x.tolist())).toEqual(rest);
  });

  it('leaves the default generator alone', () => {
    const loader = new DataLoader(items(6), { batchSize: 2, sampler: new SubsetRandomSampler([0, 1, 2, 3, 4, 5]) });
    loader[Symbol.iterator]().next();
    const state = loader.stateDict();
    manualSeed(3);
    const before = getRngState();
    const resumed = new DataLoader(items(6), { batchSize: 2, sampler: new SubsetRandomSampler([0, 1, 2, 3, 4, 5]) });
    resumed.loadStateDict(state);
    resumed[Symbol.iterator]().next();
    expect(getRngState().equal(before)).toBe(true);
  });

  it('has a state of constant size, whatever the dataset', () => {
    const loader = new DataLoader(items(100_000), { batchSize: 10, shuffle: true });
    loader[Symbol.iterator]().next();
    expect(JSON.stringify(loader.stateDict()).length).toBeLessThan(300);
  });

  it('gives back the loaded state until it is used', () => {
    const loader = new DataLoader(items(6), { batchSize: 2, shuffle: true });
    loader[Symbol.iterator]().next();
    const state = loader.stateDict();
    const resumed = new DataLoader(items(6), { batchSize: 2, shuffle: true });
    resumed.loadStateDict(state);
    expect(resumed.stateDict()).toEqual(state);
  });

  it('refuses a state taken inside an epoch of another shape', () => {
    const loader = new DataLoader(items(10), { batchSize: 2 });
    loader[Symbol.iterator]().next();
    const other = new DataLoader(items(10), { batchSize: 5 });
    other.loadStateDict(loader.stateDict());
    expect(() => [...other]).toThrow(/batchSize = 2; this loader has 5/);
    expect(() => other.loadStateDict({ model: 1 })).toThrow(/no state of a DataLoader: its keys are model/);
    const generators = new DataLoader(items(10), { batchSize: 2, shuffle: true, generator: own() });
    expect(() => generators.loadStateDict(loader.stateDict())).toThrow(/0 generator\(s\), .* have 1/);
  });

  it('warns when a sampler does not give the same indices again', async () => {
    const warned: string[] = [];
    const listen = (warning: Error & { code?: string }) => void warned.push(warning.code ?? '');
    process.on('warning', listen);
    let passes = 0;
    const sampler = {
      *[Symbol.iterator]() {
        passes += 1;
        for (let i = 0; i < 6; i++) yield (i * passes) % 6;
      },
    };
    const loader = new DataLoader(items(6), { batchSize: 2, sampler });
    loader[Symbol.iterator]().next();
    const resumed = new DataLoader(items(6), { batchSize: 2, sampler });
    resumed.loadStateDict(loader.stateDict());
    expect(Array.from(resumed)).toHaveLength(2);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listen);
    expect(warned).toContain('DATA_SAMPLER_NOT_REPEATABLE');
  });
});
