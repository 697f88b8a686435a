import { cat, manualSeed, memory, rand, randint, randn, Tensor } from '@lightning-ts/torch';
import { describe, expect, test } from 'vitest';
import * as metrics from '../src/index.js';
import { type AnyMetric, Metric } from '../src/index.js';

type Inputs = readonly unknown[];
interface Kind {
  inputs: () => Inputs;
  options?: object;
}

const scores = (...shape: number[]) => rand(shape);
const labels = (classes: number, ...shape: number[]) => randint(0, classes, shape);
const boxes = () => {
  const corner = rand([3, 2]).mul(50);
  return cat([corner, corner.add(rand([3, 2]).mul(20)).add(1)], 1);
};
const image = () => ({ boxes: boxes(), labels: labels(2, 3), scores: rand([3]) });

const values: Kind = { inputs: () => [randn([6]), randn([6])] };
const single: Kind = { inputs: () => [randn([4])] };
const text: Kind = {
  inputs: () => [
    ['a small cat', 'one two'],
    ['a large cat', 'one two three'],
  ],
};
const references: Kind = {
  inputs: () => [
    ['the cat is on the mat', 'a dog ran off home'],
    [['the cat is on a mat'], ['a dog ran off', 'dogs ran']],
  ],
};
const sounds: Kind = { inputs: () => [randn([2, 60]), randn([2, 60])] };
const images: Kind = { inputs: () => [scores(2, 1, 48, 48), scores(2, 1, 48, 48)], options: { dataRange: 1 } };
const detections: Kind = {
  inputs: () => [
    [image(), image()],
    [image(), image()],
  ],
};

const kinds: Record<string, Kind> = {
  CatMetric: single,
  MaxMetric: single,
  MeanMetric: single,
  MinMetric: single,
  SumMetric: single,
  RunningMean: single,
  RunningSum: single,
  BLEUScore: references,
  SacreBLEUScore: references,
  ROUGEScore: references,
  CharErrorRate: text,
  EditDistance: text,
  MatchErrorRate: text,
  WordErrorRate: text,
  WordInfoLost: text,
  WordInfoPreserved: text,
  Perplexity: { inputs: () => [randn([2, 3, 5]), labels(5, 2, 3)] },
  PeakSignalNoiseRatio: images,
  StructuralSimilarityIndexMeasure: images,
  MultiScaleStructuralSimilarityIndexMeasure: { ...images, options: { dataRange: 1, betas: [0.4, 0.6] } },
  TotalVariation: { inputs: () => [scores(2, 1, 8, 8)] },
  SignalNoiseRatio: sounds,
  ScaleInvariantSignalNoiseRatio: sounds,
  ScaleInvariantSignalDistortionRatio: sounds,
  SignalDistortionRatio: { ...sounds, options: { filterLength: 8 } },
  MeanAveragePrecision: detections,
  IntersectionOverUnion: { ...detections, options: { respectLabels: false } },
  GeneralizedIntersectionOverUnion: { ...detections, options: { respectLabels: false } },
  CosineSimilarity: { inputs: () => [randn([4, 3]), randn([4, 3])] },
  KLDivergence: { inputs: () => [scores(4, 3).add(0.1), scores(4, 3).add(0.1)] },
  MeanSquaredLogError: { inputs: () => [scores(6), scores(6)] },
  MinkowskiDistance: { ...values, options: { p: 3 } },
};

const wrapped: Record<string, () => AnyMetric> = {
  BootStrapper: () => new metrics.BootStrapper(new metrics.MeanSquaredError() as AnyMetric, { numBootstraps: 2 }),
  MinMaxMetric: () => new metrics.MinMaxMetric(new metrics.MeanSquaredError() as AnyMetric),
  MultioutputWrapper: () => new metrics.MultioutputWrapper(new metrics.MeanSquaredError() as AnyMetric, 2) as AnyMetric,
  ClasswiseWrapper: () =>
    new metrics.ClasswiseWrapper(new metrics.MulticlassAccuracy({ numClasses: 3, average: 'none' }) as AnyMetric),
  Running: () => new metrics.Running(new metrics.MeanSquaredError() as AnyMetric, 3),
};
const wrappedInputs: Record<string, () => Inputs> = {
  MultioutputWrapper: () => [randn([5, 2]), randn([5, 2])],
  ClasswiseWrapper: () => [scores(6, 3), labels(3, 6)],
};

/** What is over the last updates, or remembers values beyond a reset, is not a sum of its parts. */
const notAdditive = new Set(['BootStrapper', 'MinMaxMetric', 'Running', 'RunningMean', 'RunningSum']);

function kindOf(name: string): Kind | null {
  if (kinds[name] !== undefined) return kinds[name];
  if (name.startsWith('Binary')) return { inputs: () => [scores(8), labels(2, 8)] };
  if (name === 'MulticlassExactMatch')
    return { inputs: () => [labels(3, 8, 2), labels(3, 8, 2)], options: { numClasses: 3 } };
  if (name.startsWith('Multiclass')) return { inputs: () => [scores(8, 3), labels(3, 8)], options: { numClasses: 3 } };
  if (name.startsWith('Multilabel'))
    return { inputs: () => [scores(8, 3), labels(2, 8, 3)], options: { numLabels: 3 } };
  return null;
}

interface Subject {
  name: string;
  make: () => AnyMetric;
  inputs: () => Inputs;
}

type MetricClass = new (options?: object) => AnyMetric;
const isMetricClass = (value: unknown): boolean =>
  typeof value === 'function' && (value as { prototype: unknown }).prototype instanceof Metric;
// The distance takes two kinds of batches, so it has a test of its own.
const apart = new Set(['WrapperMetric', 'FrechetInceptionDistance']);
const subjects: Subject[] = Object.entries(metrics).flatMap(([name, value]): Subject[] => {
  if (!isMetricClass(value) || apart.has(name)) return [];
  const MadeFrom = value as MetricClass;
  if (wrapped[name] !== undefined) return [{ name, make: wrapped[name], inputs: wrappedInputs[name] ?? values.inputs }];
  const { inputs, options } = kindOf(name) ?? values;
  return [{ name, make: () => (options === undefined ? new MadeFrom() : new MadeFrom(options)), inputs }];
});

function plain(value: unknown): unknown {
  if (value instanceof Tensor) return value.tolist();
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
  return value;
}

function expectClose(found: unknown, expected: unknown, path: string): void {
  if (Array.isArray(expected) || (expected !== null && typeof expected === 'object')) {
    expect(Object.keys(found as object), path).toEqual(Object.keys(expected));
    for (const [name, part] of Object.entries(expected)) expectClose((found as never)[name], part, `${path}.${name}`);
  } else if (typeof expected === 'number' && Number.isFinite(expected)) expect(found, path).toBeCloseTo(expected, 3);
  else expect(found, path).toEqual(expected);
}

const batchesOf = ({ inputs }: Subject) => {
  manualSeed(3);
  return [inputs(), inputs(), inputs()];
};

test('all kinds of metrics are here', () => {
  expect(subjects.length).toBeGreaterThan(90);
});

describe.each(subjects)('$name', (subject) => {
  const { name, make } = subject;

  test('forward, update and compute agree; reset starts anew; a clone goes its own way', () => {
    const batches = batchesOf(subject);
    const [metric, byForward] = [make(), make()];
    for (const batch of batches) metric.update(...batch);
    const alone = batches.map((batch) => {
      const one = make();
      one.update(...batch);
      return plain(one.compute());
    });
    const forwarded = batches.map((batch) => plain((byForward.forward as (...all: unknown[]) => unknown)(...batch)));
    if (!notAdditive.has(name)) {
      for (const [i, value] of forwarded.entries()) expectClose(value, alone[i], `${name} batch ${i}`);
      expectClose(plain(byForward.compute()), plain(metric.compute()), name);
    }
    expect([metric.updateCount, byForward.updateCount]).toEqual([3, 3]);
    const before = plain(metric.compute());
    const copy = metric.clone();
    copy.update(...batches[0]!);
    expect(plain(metric.compute())).toEqual(before);
    expect(copy).toBeInstanceOf(metric.constructor);
    metric.reset();
    expect(metric.updateCount).toBe(0);
    metric.update(...batches[0]!);
    if (!notAdditive.has(name)) expectClose(plain(metric.compute()), alone[0], `${name} after reset`);
  });

  test('two that are merged give the value of the whole, and a state dict restores sums', () => {
    const batches = batchesOf(subject);
    const [first, second, whole] = [make(), make(), make()];
    first.update(...batches[0]!);
    for (const batch of batches.slice(1)) second.update(...batch);
    for (const batch of batches) whole.update(...batch);
    first.mergeState(second);
    expect(first.updateCount).toBe(3);
    if (!notAdditive.has(name)) expectClose(plain(first.compute()), plain(whole.compute()), name);
    expect([...whole.stateDict().keys()]).toEqual([]);
    whole.persistent();
    const hasLists = whole
      .modules()
      .some((one) => one instanceof Metric && [...one.takeStates().values()].some(Array.isArray));
    const copy = make();
    copy.persistent();
    copy.loadStateDict(whole.stateDict());
    if (hasLists || name.startsWith('Running')) return;
    expectClose(plain(copy.compute()), plain(whole.compute()), `${name} loaded`);
    copy.update(...batches[0]!);
    whole.update(...batches[0]!);
    if (!notAdditive.has(name))
      expectClose(plain(copy.compute()), plain(whole.compute()), `${name} loaded and updated`);
  });

  test('holds no tensors but its states over many updates', () => {
    const [batch] = batchesOf(subject);
    const metric = make();
    const rounds = name.includes('StructuralSimilarity') || name === 'MeanAveragePrecision' ? 10 : 40;
    const round = () => {
      for (let i = 0; i < 5; i += 1) metric.update(...batch!);
      metric.compute();
      metric.reset();
    };
    const live = () => {
      globalThis.gc?.();
      memory.collect();
      return memory.stats().liveTensors;
    };
    round();
    const before = live();
    for (let i = 0; i < rounds; i += 1) round();
    expect(live()).toBeLessThanOrEqual(before + 4);
  });
});
