import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { arange, empty, Generator, manualSeed, randperm, Tensor } from '../index.js';
import {
  DataLoader,
  DistributedSampler,
  defaultCollate,
  IterableDataset,
  RandomSampler,
  randomSplit,
  SubsetRandomSampler,
  TensorDataset,
  WeightedRandomSampler,
} from './index.js';

// Made by test/fixtures/data/make.py with torch 1.13.1.
interface Fixture {
  loaders: {
    seed: number;
    n: number;
    batchSize: number;
    shuffle: boolean;
    dropLast: boolean;
    ownGenerator: boolean;
    length: number;
    epochs: number[][][];
    next: string;
  }[];
  randomSamplers: {
    n: number;
    numSamples: number | null;
    replacement: boolean;
    ownGenerator: boolean;
    plain: number[][];
    epochs: number[][][];
    next: string;
  }[];
  weighted: {
    weights: number[];
    count: number;
    replacement: boolean;
    ownGenerator: boolean;
    plain: number[][];
    next: string;
  }[];
  subsets: { indices: number[]; ownGenerator: boolean; plain: number[][]; next: string }[];
  distributed: {
    n: number;
    replicas: number;
    rank: number;
    shuffle: boolean;
    dropLast: boolean;
    seed: number;
    length: number;
    orders: number[][];
  }[];
  splits: { n: number; lengths: number[]; ownGenerator: boolean; parts: number[][]; next: string }[];
  streams: { n: number; batchSize: number; dropLast: boolean; epochs: number[][][]; next: string }[];
  earlyStop: { seen: number[][]; next: string };
  collate: { batch: unknown[]; collated: unknown }[];
}

const path = new URL('../../test/fixtures/data/loaders.json', import.meta.url);
const fixture = JSON.parse(readFileSync(path, 'utf8')) as Fixture;

/** What the default generator gives next: equal only if just as much was drawn before. */
const nextDefault = (): string => String(empty([], { dtype: 'int64' }).random_().item({ bigint: true }));

const epochsOf = (loader: Iterable<Tensor[]>, count: number) =>
  Array.from({ length: count }, () => Array.from(loader, (batch) => batch[0]!.tolist()));

const range = (n: number) => ({ length: n, getItem: (index: number) => index });

describe('draws as in Python', () => {
  it.each(fixture.loaders)(
    'loader of $n by $batchSize, shuffle $shuffle, dropLast $dropLast, own generator $ownGenerator, seed $seed',
    (wanted) => {
      manualSeed(wanted.seed);
      const generator = wanted.ownGenerator ? new Generator().manualSeed(wanted.seed + 1) : null;
      const { batchSize, shuffle, dropLast } = wanted;
      const loader = new DataLoader(new TensorDataset(arange(wanted.n)), { batchSize, shuffle, dropLast, generator });
      expect(loader.length).toBe(wanted.length);
      expect(epochsOf(loader, 3)).toEqual(wanted.epochs);
      expect(nextDefault()).toBe(wanted.next);
    },
  );

  it.each(fixture.randomSamplers)(
    'RandomSampler of $n, numSamples $numSamples, replacement $replacement, own generator $ownGenerator',
    (wanted) => {
      manualSeed(7);
      const generator = wanted.ownGenerator ? new Generator().manualSeed(8) : null;
      const sampler = new RandomSampler(range(wanted.n), {
        replacement: wanted.replacement,
        generator,
        ...(wanted.numSamples === null ? {} : { numSamples: wanted.numSamples }),
      });
      const loader = new DataLoader(new TensorDataset(arange(wanted.n)), { batchSize: 6, sampler });
      expect([[...sampler], [...sampler]]).toEqual(wanted.plain);
      expect(epochsOf(loader, 2)).toEqual(wanted.epochs);
      expect(nextDefault()).toBe(wanted.next);
    },
  );

  it.each(fixture.weighted)(
    'WeightedRandomSampler of $count, replacement $replacement, own generator $ownGenerator',
    (wanted) => {
      manualSeed(3);
      const generator = wanted.ownGenerator ? new Generator().manualSeed(4) : null;
      const sampler = new WeightedRandomSampler(wanted.weights, wanted.count, {
        replacement: wanted.replacement,
        generator,
      });
      expect([[...sampler], [...sampler]]).toEqual(wanted.plain);
      expect(nextDefault()).toBe(wanted.next);
    },
  );

  it.each(fixture.subsets)('SubsetRandomSampler of $indices, own generator $ownGenerator', (wanted) => {
    manualSeed(5);
    const sampler = new SubsetRandomSampler(wanted.indices, {
      generator: wanted.ownGenerator ? new Generator().manualSeed(6) : null,
    });
    expect([[...sampler], [...sampler]]).toEqual(wanted.plain);
    expect(nextDefault()).toBe(wanted.next);
  });

  it('DistributedSampler gives every rank the same samples in every epoch', () => {
    for (const wanted of fixture.distributed) {
      const { replicas: numReplicas, rank, shuffle, seed, dropLast } = wanted;
      const sampler = new DistributedSampler(range(wanted.n), { numReplicas, rank, shuffle, seed, dropLast });
      expect(sampler.length).toBe(wanted.length);
      const orders = [0, 1, 5].map((epoch) => {
        sampler.setEpoch(epoch);
        return [...sampler];
      });
      expect(orders, JSON.stringify(wanted)).toEqual(wanted.orders);
    }
  });

  it.each(fixture.splits)('randomSplit of $n into $lengths, own generator $ownGenerator', (wanted) => {
    manualSeed(11);
    const options = wanted.ownGenerator ? { generator: new Generator().manualSeed(12) } : undefined;
    const parts = randomSplit(range(wanted.n), wanted.lengths, options);
    expect(parts.map((part) => part.indices)).toEqual(wanted.parts);
    expect(nextDefault()).toBe(wanted.next);
  });

  class Stream extends IterableDataset<[number, number]> {
    constructor(private readonly n: number) {
      super();
    }
    *[Symbol.iterator](): IterableIterator<[number, number]> {
      for (const i of randperm(this.n).tolist() as number[]) yield [i, i / 2];
    }
  }

  it.each(fixture.streams)('IterableDataset of $n by $batchSize, dropLast $dropLast', (wanted) => {
    manualSeed(21);
    const { batchSize, dropLast } = wanted;
    expect(epochsOf(new DataLoader(new Stream(wanted.n), { batchSize, dropLast }), 2)).toEqual(wanted.epochs);
    expect(nextDefault()).toBe(wanted.next);
  });

  it('leaving an epoch early, loaders in turn and an unused iterator draw what they draw in Python', () => {
    manualSeed(31);
    const train = new DataLoader(new TensorDataset(arange(10)), { batchSize: 3, shuffle: true });
    const generator = new Generator().manualSeed(1);
    const check = new DataLoader(new TensorDataset(arange(6)), { batchSize: 2, shuffle: true, generator });
    const seen: unknown[] = [];
    for (let epoch = 0; epoch < 3; epoch++) {
      let i = 0;
      for (const [x] of train) {
        seen.push(x.tolist());
        if (i++ === 1) break;
      }
      train[Symbol.iterator]();
      for (const [x] of check) seen.push(x.tolist());
    }
    expect(seen).toEqual(fixture.earlyStop.seen);
    expect(nextDefault()).toBe(fixture.earlyStop.next);
  });
});

describe('collating as in Python', () => {
  const described = (value: unknown): unknown => {
    if (value instanceof Tensor) return { dtype: value.dtype, values: value.tolist() };
    if (Array.isArray(value)) return value.map(described);
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, described(entry)]));
    return value;
  };

  it.each(fixture.collate)('collates $batch', ({ batch, collated }) => {
    expect(described(defaultCollate(batch))).toEqual(collated);
  });
});
