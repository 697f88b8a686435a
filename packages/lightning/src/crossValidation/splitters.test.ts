import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { manualSeed, tensor } from '@lightning-ts/torch';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Fold } from './fold.js';
import { GroupKFold } from './groupKFold.js';
import { KFold } from './kFold.js';
import { RepeatedKFold, RepeatedStratifiedKFold } from './repeatedKFold.js';
import { StratifiedGroupKFold } from './stratifiedGroupKFold.js';
import { StratifiedKFold } from './stratifiedKFold.js';
import { TimeSeriesSplit } from './timeSeriesSplit.js';

interface Recorded {
  samples: number;
  nSplits: number;
  labels: number[];
  groups: number[];
  tests: number[][];
  shuffledClassCounts: number[][];
}
interface RecordedSeries {
  samples: number;
  options: { n_splits: number; gap?: number; test_size?: number; max_train_size?: number };
  folds: [number[], number[]][];
}
const recorded = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../test/fixtures/crossValidation.json'), 'utf8'),
) as Record<'kFold' | 'stratified' | 'grouped' | 'stratifiedGrouped', Recorded[]> & { timeSeries: RecordedSeries[] };

const testsOf = (folds: readonly Fold[]) => folds.map(({ testIndices }) => testIndices);
const sizesOf = (folds: readonly Fold[]) => folds.map(({ testIndices }) => testIndices.length);
const classCounts = (folds: readonly Fold[], labels: readonly number[]) =>
  folds.map(({ testIndices }) => {
    const counts = new Array<number>(Math.max(...labels) + 1).fill(0);
    for (const sample of testIndices) counts[labels[sample]!]! += 1;
    return counts;
  });
const sizesOfClass = (folds: readonly Fold[], labels: readonly number[], code: number) =>
  folds.map(({ testIndices }) => testIndices.filter((sample) => labels[sample] === code).length);
const below = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Every sample is held out once, and trained on in all other folds. */
function expectPartition(folds: readonly Fold[], count: number): void {
  expect(
    testsOf(folds)
      .flat()
      .sort((a, b) => a - b),
  ).toEqual(below(count));
  for (const { testIndices, trainIndices } of folds)
    expect([...trainIndices, ...testIndices].sort((a, b) => a - b)).toEqual(below(count));
}

describe('the folds of scikit-learn', () => {
  it.each(recorded.kFold)('KFold: $nSplits of $samples samples', ({ nSplits, samples, tests }) => {
    const folds = new KFold({ nSplits }).split(samples);
    expect(testsOf(folds)).toEqual(tests);
    expectPartition(folds, samples);
    expect(sizesOf(new KFold({ nSplits, shuffle: true, seed: 1 }).split(samples))).toEqual(
      tests.map((test) => test.length),
    );
  });

  it.each(recorded.stratified)('StratifiedKFold: $nSplits', ({ labels, nSplits, shuffledClassCounts, tests }) => {
    expect(testsOf(new StratifiedKFold({ nSplits }).split(labels, { labels }))).toEqual(tests);
    const shuffled = new StratifiedKFold({ nSplits, shuffle: true, seed: 3 }).split(labels, { labels });
    expect(classCounts(shuffled, labels)).toEqual(shuffledClassCounts);
    expect(testsOf(shuffled)).not.toEqual(tests);
    expectPartition(shuffled, labels.length);
  });

  it.each(recorded.grouped)('GroupKFold: $nSplits', ({ groups, nSplits, tests }) => {
    expect(testsOf(new GroupKFold({ nSplits }).split(groups.length, { groups }))).toEqual(tests);
  });

  it.each(recorded.stratifiedGrouped)('StratifiedGroupKFold: $nSplits', ({ groups, labels, nSplits, tests }) => {
    expect(testsOf(new StratifiedGroupKFold({ nSplits }).split(labels, { labels, groups }))).toEqual(tests);
  });

  it.each(recorded.timeSeries)('TimeSeriesSplit: $options', ({ folds, options, samples }) => {
    const { gap = 0, max_train_size: maxTrainSize = null, n_splits: nSplits, test_size: testSize = null } = options;
    const found = new TimeSeriesSplit({ nSplits, gap, testSize, maxTrainSize }).split(samples);
    expect(found.map(({ testIndices, trainIndices }) => [trainIndices, testIndices])).toEqual(folds);
  });
});

describe('shuffled folds', () => {
  it('come back with the seed, at every call, and without one with the seed of everything', () => {
    const seeded = new KFold({ nSplits: 3, shuffle: true, seed: 5 });
    expect(seeded.split(30)).toEqual(seeded.split(30));
    expect(seeded.split(30)).not.toEqual(new KFold({ nSplits: 3, shuffle: true, seed: 6 }).split(30));
    const free = new KFold({ nSplits: 3, shuffle: true });
    const draw = () => {
      manualSeed(11);
      return [free.split(30), free.split(30)];
    };
    const [first, second] = draw();
    expect(first).not.toEqual(second);
    expect(draw()).toEqual([first, second]);
  });

  it('are anew in each repetition, and numbered through', () => {
    const repeated = new RepeatedKFold({ nSplits: 4, nRepeats: 3, seed: 2 });
    const folds = repeated.split(22);
    expect(folds.map(({ index }) => index)).toEqual(below(12));
    for (let repeat = 0; repeat < 3; repeat += 1) expectPartition(folds.slice(4 * repeat, 4 * repeat + 4), 22);
    expect(testsOf(folds.slice(0, 4))).not.toEqual(testsOf(folds.slice(4, 8)));
    expect(repeated.split(22)).toEqual(folds);
    const labels = below(40).map((i) => (i % 4 === 0 ? 'rare' : 'common'));
    const stratified = new RepeatedStratifiedKFold({ nSplits: 5, nRepeats: 2, seed: 2 }).split(labels, { labels });
    for (const { testIndices } of stratified) expect(testIndices.filter((i) => labels[i] === 'rare')).toHaveLength(2);
  });

  it('keep groups whole and classes even, whatever they are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ label: fc.integer({ min: 0, max: 2 }), group: fc.integer({ min: 0, max: 9 }) }), {
          minLength: 30,
          maxLength: 80,
        }),
        fc.integer({ min: 2, max: 4 }),
        fc.integer({ min: 0, max: 1000 }),
        (samples, nSplits, seed) => {
          const labels = samples.map(({ label }) => label);
          const groups = samples.map(({ group }) => group);
          fc.pre(new Set(groups).size >= nSplits);
          const options = { nSplits, shuffle: true, seed };
          const grouped = [
            new GroupKFold({ nSplits }).split(samples, { groups }),
            new StratifiedGroupKFold(options).split(samples, { labels, groups }),
          ];
          for (const folds of grouped) {
            expectPartition(folds, samples.length);
            for (const { testIndices, trainIndices } of folds) {
              const held = new Set(testIndices.map((i) => groups[i]));
              expect(trainIndices.some((i) => held.has(groups[i]))).toBe(false);
            }
          }
          const stratified = new StratifiedKFold(options).split(samples, { labels });
          expectPartition(stratified, samples.length);
          const sizes = [sizesOf(stratified), ...[0, 1, 2].map((code) => sizesOfClass(stratified, labels, code))];
          for (const perFold of sizes) expect(Math.max(...perFold) - Math.min(...perFold)).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('what is split', () => {
  it('may be a number, a dataset, an array or a tensor, and labels a tensor or words', () => {
    const expected = testsOf(new KFold({ nSplits: 2 }).split(4));
    expect(testsOf(new KFold({ nSplits: 2 }).split({ length: 4 }))).toEqual(expected);
    expect(testsOf(new KFold({ nSplits: 2 }).split(tensor([[1], [2], [3], [4]])))).toEqual(expected);
    const byTensor = new StratifiedKFold({ nSplits: 2 }).split(4, { labels: tensor([1, 0, 1, 0]) });
    expect(byTensor).toEqual(new StratifiedKFold({ nSplits: 2 }).split(4, { labels: ['b', 'a', 'b', 'a'] }));
    expect(testsOf(byTensor)).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['one fold', () => new KFold({ nSplits: 1 }), /OPTION_INVALID.*nSplits is 1.*from 2 up/],
    ['a misspelt option', () => new KFold({ nsplits: 3 } as never), /OPTION_UNKNOWN.*'nSplits'/],
    ['a seed without shuffle', () => new StratifiedKFold({ seed: 1 }), /OPTION_CONFLICT.*shuffle: true/],
    ['no repetitions', () => new RepeatedKFold({ nRepeats: 0 }), /OPTION_INVALID.*nRepeats/],
    ['a negative gap', () => new TimeSeriesSplit({ gap: -1 }), /OPTION_INVALID.*gap/],
    ['more folds than samples', () => new KFold({ nSplits: 5 }).split(4), /FOLDS_INVALID.*only 4 samples/],
    ['no samples', () => new KFold().split([]), /FOLDS_INVALID.*0 samples/],
    ['nothing to count', () => new KFold().split({} as never), /FOLDS_INVALID.*the number of samples/],
    ['no labels', () => new StratifiedKFold().split(4, {} as never), /FOLDS_INVALID.*needs labels.*undefined/],
    [
      'labels of several columns',
      () => new StratifiedKFold().split(2, { labels: tensor([[1], [0]]) }),
      /FOLDS_INVALID.*shape \[2, 1\]/,
    ],
    ['too few labels', () => new StratifiedKFold().split(4, { labels: [1] }), /FOLDS_INVALID.*1 labels for 4 samples/],
    [
      'classes smaller than the folds',
      () => new StratifiedKFold({ nSplits: 3 }).split(4, { labels: [0, 1, 0, 1] }),
      /FOLDS_INVALID.*largest class has only 2/,
    ],
    ['no groups', () => new GroupKFold().split(4, {} as never), /FOLDS_INVALID.*needs groups/],
    [
      'more folds than groups',
      () => new GroupKFold({ nSplits: 3 }).split(4, { groups: [1, 1, 2, 2] }),
      /FOLDS_INVALID.*only 2 groups/,
    ],
    [
      'more folds than mixed groups',
      () =>
        new StratifiedGroupKFold({ nSplits: 3 }).split(6, { labels: [0, 0, 0, 1, 1, 1], groups: [1, 1, 1, 1, 2, 2] }),
      /FOLDS_INVALID.*only 2 groups/,
    ],
    ['too short a series', () => new TimeSeriesSplit({ nSplits: 5 }).split(5), /FOLDS_INVALID.*too few for 5 folds/],
  ])('%s is refused', (_, act, message) => {
    expect(act).toThrow(message);
  });

  it('warns of a class that some folds will lack', () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    new StratifiedKFold({ nSplits: 3 }).split(5, { labels: [0, 0, 0, 0, 1] });
    expect(warned.mock.calls.flat().map(String).join(' ')).toMatch(/smallest class has 1 sample,/);
    warned.mockRestore();
  });
});
