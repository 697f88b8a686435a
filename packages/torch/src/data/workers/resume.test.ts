import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Generator, getRngState, manualSeed, rand, randint, randperm, setRngState, type Tensor } from '../../index.js';
import { deserialize, serialize } from '../../serialize/index.js';
import { DataLoader, type DataLoaderState, getWorkerInfo, IterableDataset, type LoaderOptions } from '../index.js';

interface Saved {
  loader: DataLoaderState;
  rng: Tensor;
}
type Batches = DataLoader<[Tensor, Tensor]>;

const throughFile = (saved: Saved): Saved => deserialize(Buffer.concat([...serialize(saved)])) as unknown as Saved;
const save = (loader: Batches): Saved => throughFile({ loader: loader.stateDict(), rng: getRngState() });

const shown = ([x, y]: [Tensor, Tensor]): unknown => [x.tolist(), y.tolist()];
const draw = (): Tensor => randint(1000, [1]);

class Map {
  constructor(readonly length: number) {}
  getItem(i: number): [number, Tensor] {
    return [i, draw()];
  }
}

/** Shuffled anew each epoch; each worker takes every n-th. */
class Stream extends IterableDataset<[Tensor, Tensor]> {
  constructor(private readonly n: number) {
    super();
  }
  *[Symbol.iterator](): IterableIterator<[Tensor, Tensor]> {
    const { id, numWorkers } = getWorkerInfo() ?? { id: 0, numWorkers: 1 };
    let at = 0;
    for (const i of randperm(this.n)) if (at++ % numWorkers === id) yield [i, draw()];
  }
}

/** Keeps its own place, and counts epochs. */
class Stateful extends IterableDataset<[number, Tensor]> {
  private at = 0;
  private epoch = 0;
  constructor(private readonly n: number) {
    super();
  }
  *[Symbol.iterator](): IterableIterator<[number, Tensor]> {
    const { id, numWorkers } = getWorkerInfo() ?? { id: 0, numWorkers: 1 };
    while (this.at * numWorkers + id < this.n) yield [this.epoch * 100 + this.at++ * numWorkers + id, draw()];
    this.at = 0;
    this.epoch += 1;
  }
  stateDict() {
    return { at: this.at, epoch: this.epoch };
  }
  loadStateDict(state: Record<string, unknown>) {
    this.at = state.at as number;
    this.epoch = state.epoch as number;
  }
}

const kinds = { map: Map, stream: Stream, stateful: Stateful };

interface Setting {
  kind: keyof typeof kinds;
  numWorkers: number;
  n: number;
  batchSize: number;
  shuffle: boolean;
  dropLast: boolean;
  ownGenerator: boolean;
  persistent: boolean;
  /** Batches after which the first epoch is left; null: never. */
  leaveAt: number | null;
  cutAt: number;
}

function make({ kind, numWorkers, n, batchSize, shuffle, dropLast, ownGenerator, persistent }: Setting): Batches {
  const options: LoaderOptions & { batchSize: number } = {
    batchSize,
    dropLast,
    numWorkers,
    generator: ownGenerator ? new Generator().manualSeed(5) : null,
    seeding: 'batch',
    ...(kind === 'map' ? { shuffle } : {}),
    ...(numWorkers > 0 && persistent ? { persistentWorkers: true } : {}),
  };
  return new DataLoader(new kinds[kind](n) as Stream, options) as Batches;
}

/** Batches until the end of epoch number `epochs`, with what a checkpoint would hold after each. */
async function run(loader: Batches, epochs: number, leaveAt: number | null, doesSave: boolean) {
  const seen: unknown[] = [];
  const states: Saved[] = doesSave ? [save(loader)] : [];
  let wasLeft = false;
  for (let epoch = 0; epoch < epochs; epoch++) {
    let given = 0;
    for await (const batch of loader) {
      seen.push(shown(batch));
      rand(3); // as a step with dropout would
      if (doesSave) states.push(save(loader));
      given += 1;
      wasLeft ||= epoch === 0 && given === leaveAt;
      if (epoch === 0 && given === leaveAt) break;
    }
  }
  return { seen, states, wasLeft };
}

const settings = (numWorkers: number, persistent: boolean): fc.Arbitrary<Setting> =>
  fc.record({
    kind: fc.constantFrom('map', 'stream', 'stateful'),
    numWorkers: fc.constant(numWorkers),
    n: fc.integer({ min: 1, max: 20 }),
    batchSize: fc.integer({ min: 1, max: 6 }),
    shuffle: fc.boolean(),
    dropLast: fc.boolean(),
    ownGenerator: fc.boolean(),
    persistent: fc.constant(persistent),
    leaveAt: persistent || numWorkers === 0 ? fc.option(fc.integer({ min: 1, max: 3 })) : fc.constant(null),
    cutAt: fc.double({ min: 0, max: 1, noNaN: true }),
  });

describe('a loader that is resumed at any batch', () => {
  // Workers that are kept, or whose loop is left, end with their loader; starting new ones is slow in tests.
  it.each([
    [0, false, 40],
    [1, false, 15],
    [4, false, 20],
    [1, true, 3],
  ])('goes on as if it had not stopped, with %i workers, persistent %s', async (numWorkers, persistent, numRuns) => {
    await fc.assert(
      fc.asyncProperty(settings(numWorkers, persistent), async (setting) => {
        // Left in the middle, a dataset that keeps its own place goes on from there, wherever the workers had got to.
        fc.pre(setting.leaveAt === null || setting.kind !== 'stateful');
        fc.pre(setting.kind !== 'map' || !setting.dropLast || setting.n >= setting.batchSize);
        manualSeed(17);
        const loader = make(setting);
        const { seen, states, wasLeft } = await run(loader, 2, setting.leaveAt, true);
        await loader.close();

        const cut = Math.round(setting.cutAt * (states.length - 1));
        manualSeed(999);
        rand(5);
        const resumed = make(setting);
        resumed.loadStateDict(states[cut]!.loader);
        setRngState(states[cut]!.rng);
        const rest: unknown[] = [];
        while (rest.length < seen.length - cut) {
          for await (const batch of resumed) {
            rest.push(shown(batch));
            rand(3);
            if (wasLeft && cut + rest.length === setting.leaveAt) break;
          }
        }
        await resumed.close();
        expect(rest.slice(0, seen.length - cut)).toEqual(seen.slice(cut));
      }),
      { numRuns, seed: 7, endOnFailure: true },
    );
  });

  it('goes on with another number of workers where samples have numbers', async () => {
    const setting: Setting = {
      ...{ kind: 'map', n: 11, batchSize: 2, shuffle: true, dropLast: false, ownGenerator: true, persistent: false },
      ...{ leaveAt: null, cutAt: 0, numWorkers: 2 },
    };
    manualSeed(1);
    const { seen, states } = await run(make(setting), 1, null, true);
    for (const numWorkers of [0, 1]) {
      const resumed = make({ ...setting, numWorkers });
      resumed.loadStateDict(states[3]!.loader);
      setRngState(states[3]!.rng);
      expect((await run(resumed, 1, null, false)).seen).toEqual(seen.slice(3));
    }
  });

  it('refuses a stream of another number of workers', async () => {
    const setting: Setting = {
      ...{
        kind: 'stream',
        n: 8,
        batchSize: 2,
        shuffle: false,
        dropLast: false,
        ownGenerator: false,
        persistent: false,
      },
      ...{ leaveAt: null, cutAt: 0, numWorkers: 2 },
    };
    const { states } = await run(make(setting), 1, null, true);
    const other = make({ ...setting, numWorkers: 1 });
    other.loadStateDict(states[1]!.loader);
    expect(() => other[Symbol.asyncIterator]()).toThrow(/taken inside an epoch with 2 worker\(s\).*this loader has 1/);
  });

  it('loses and repeats nothing when batches come as they are completed', async () => {
    const dataset = { length: 40, getItem: (i: number) => [i, i] as [number, number] };
    const options = { batchSize: 2, numWorkers: 3, inOrder: false, shuffle: true, generator: new Generator() };
    const loader = new DataLoader(dataset, options);
    const states: DataLoaderState[] = [];
    const seen: number[] = [];
    for await (const [x] of loader) {
      seen.push(...(x.tolist() as number[]));
      states.push(loader.stateDict());
    }
    for (const cut of [3, 8, 15]) {
      const resumed = new DataLoader(dataset, options);
      resumed.loadStateDict(states[cut - 1]!);
      const rest: number[] = [];
      for await (const [x] of resumed) rest.push(...(x.tolist() as number[]));
      expect([...seen.slice(0, cut * 2), ...rest].sort((a, b) => a - b)).toEqual([...Array(40).keys()]);
    }
  });
});
