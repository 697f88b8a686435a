import { type Tensor, tensor } from '@lightning-ts/torch';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Average, averaged, countsByClass, type Score } from '../../test/slowScores.js';
import type { MetricError } from '../errors.js';
import type { RecipeMetric } from '../recipe.js';
import {
  Accuracy,
  accuracy,
  BinaryAccuracy,
  MulticlassAccuracy,
  MultilabelAccuracy,
  multiclassAccuracy,
} from './accuracy.js';
import { BinaryF1Score, F1Score, FBetaScore, f1Score, MulticlassFBetaScore, MultilabelFBetaScore } from './fBeta.js';
import { BinaryPrecision, MulticlassPrecision, MultilabelPrecision, Precision } from './precision.js';
import { BinaryRecall, MulticlassRecall, MultilabelRecall, Recall } from './recall.js';
import { BinarySpecificity, MulticlassSpecificity, MultilabelSpecificity } from './specificity.js';

const labels = (values: readonly number[]): Tensor => tensor([...values], { dtype: 'int64' });
const listOf = (value: Tensor): unknown => value.tolist();

function expectClose(actual: unknown, expected: number | number[]): void {
  const flat = (value: unknown): number[] => (Array.isArray(value) ? value.flatMap(flat) : [Number(value)]);
  const [ours, theirs] = [flat(actual), flat(expected)];
  expect(ours.length).toBe(theirs.length);
  for (const [index, value] of ours.entries()) expect(value).toBeCloseTo(theirs[index]!, 5);
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as MetricError).code;
  }
  return 'none';
}

const averages = fc.constantFrom<Average>('micro', 'macro', 'weighted', 'none');
/** Batches of (prediction, target) for a number of classes: small numbers use a table of pairs, larger ones counts by class. */
const multiclassCase = fc.constantFrom(2, 3, 10, 40).chain((classes) =>
  fc.record({
    classes: fc.constant(classes),
    batches: fc.array(fc.array(fc.tuple(fc.nat(classes - 1), fc.nat(classes - 1)), { maxLength: 12 }), {
      minLength: 1,
      maxLength: 4,
    }),
    average: averages,
  }),
);
const multiclassMetrics: [Score, (options: { numClasses: number; average: Average }) => RecipeMetric<Tensor>][] = [
  ['accuracy', (options) => new MulticlassAccuracy(options)],
  ['precision', (options) => new MulticlassPrecision(options)],
  ['recall', (options) => new MulticlassRecall(options)],
  ['specificity', (options) => new MulticlassSpecificity(options)],
  [{ beta: 1 }, (options) => new MulticlassFBetaScore(options)],
  [{ beta: 0.5 }, (options) => new MulticlassFBetaScore({ ...options, beta: 0.5 })],
];
const multilabelMetrics: [Score, (options: { numLabels: number; average: Average }) => RecipeMetric<Tensor>][] = [
  ['accuracy', (options) => new MultilabelAccuracy(options)],
  ['precision', (options) => new MultilabelPrecision(options)],
  ['recall', (options) => new MultilabelRecall(options)],
  ['specificity', (options) => new MultilabelSpecificity(options)],
  [{ beta: 2 }, (options) => new MultilabelFBetaScore({ ...options, beta: 2 })],
];

describe('multiclass scores', () => {
  it.each(multiclassMetrics)('%j: over batches and batch by batch what counting by hand gives', (score, make) => {
    fc.assert(
      fc.property(multiclassCase, ({ classes, batches, average }) => {
        const metric = make({ numClasses: classes, average });
        for (const batch of batches) {
          const [preds, target] = [batch.map(([pred]) => pred), batch.map(([, truth]) => truth)];
          const expected = averaged(countsByClass(preds, target, classes), score, average, true);
          expectClose(listOf(metric.forward(labels(preds), labels(target))), expected);
        }
        const all = batches.flat();
        const counts = countsByClass(
          all.map(([pred]) => pred),
          all.map(([, truth]) => truth),
          classes,
        );
        expectClose(listOf(metric.compute()), averaged(counts, score, average, true));
        expect(metric.updateCount).toBe(batches.length);
      }),
      { numRuns: 40 },
    );
  });

  it('leaves ignoreIndex out, inside and outside the classes', () => {
    const preds = labels([0, 1, 2, 2, 1]);
    for (const ignoreIndex of [-1, 2]) {
      const target = labels([0, ignoreIndex, 1, 0, 1]);
      const value = multiclassAccuracy(preds, target, { numClasses: 3, average: 'none', ignoreIndex });
      expectClose(
        listOf(value),
        averaged(countsByClass([0, 2, 2, 1], [0, 1, 0, 1], 3), 'accuracy', 'none', true) as number[],
      );
    }
  });

  it('takes the highest score, along dimension 1', () => {
    const scores = tensor([
      [0.1, 0.7, 0.2],
      [3, -1, 2],
      [0, 0, 9],
    ]);
    expect(multiclassAccuracy(scores, labels([1, 2, 2]), { numClasses: 3, average: 'micro' }).item()).toBeCloseTo(
      2 / 3,
      6,
    );
    const images = tensor([
      [
        [1.5, 5],
        [2, 0],
      ],
    ]); // [N, classes, positions]
    expect(multiclassAccuracy(images, tensor([[1, 0]]), { numClasses: 2, average: 'micro' }).item()).toBe(1);
  });

  it('counts a target among the k highest scores as found', () => {
    const scores = tensor([
      [0.5, 0.3, 0.2],
      [0.1, 0.5, 0.4],
      [0.3, 0.4, 0.3],
      [0.6, 0.3, 0.1],
    ]);
    const target = labels([1, 2, 1, 2]);
    const at = (topK: number): number =>
      multiclassAccuracy(scores, target, { numClasses: 3, average: 'micro', topK }).item();
    expect([at(1), at(2), at(3)]).toEqual([0.25, 0.75, 1]);
  });

  it('gives 0 for no data at all', () => {
    expect(multiclassAccuracy(labels([]), labels([]), { numClasses: 3 }).item()).toBe(0);
    expect(multiclassAccuracy(labels([]), labels([]), { numClasses: 3, average: 'micro' }).item()).toBe(0);
  });
});

describe('binary scores', () => {
  const makers: [Score, () => RecipeMetric<Tensor>][] = [
    ['accuracy', () => new BinaryAccuracy()],
    ['precision', () => new BinaryPrecision()],
    ['recall', () => new BinaryRecall()],
    ['specificity', () => new BinarySpecificity()],
    [{ beta: 1 }, () => new BinaryF1Score()],
  ];
  it.each(makers)('%j: what counting by hand gives', (score, make) => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1), fc.nat(1)), { minLength: 1, maxLength: 20 }), (pairs) => {
        const [preds, target] = [pairs.map(([pred]) => pred), pairs.map(([, truth]) => truth)];
        const metric = make();
        metric.update(labels(preds), labels(target));
        const positive = countsByClass(preds, target, 2)[1]!;
        expectClose(metric.compute().item(), averaged([positive], score, 'micro', false));
      }),
      { numRuns: 40 },
    );
  });

  it('counts scores strictly above the threshold, and takes the sigmoid of scores outside [0, 1]', () => {
    const metric = new BinaryAccuracy();
    metric.update(tensor([0.2, 0.7, 0.5]), labels([0, 1, 1]));
    expect(metric.compute().item()).toBeCloseTo(0.6667, 4);
    const logits = new BinaryAccuracy();
    logits.update(tensor([-2, 0.1, 3]), labels([0, 1, 1]));
    expect(logits.compute().item()).toBe(1);
    const strict = new BinaryAccuracy({ threshold: 0.8 });
    strict.update(tensor([0.7, 0.9]), labels([0, 1]));
    expect(strict.compute().item()).toBe(1);
  });

  it('takes boolean predictions and targets', () => {
    const metric = new BinaryAccuracy();
    metric.update(tensor([true, false, true]), tensor([true, true, true]));
    expect(metric.compute().item()).toBeCloseTo(2 / 3, 6);
  });
});

describe('multilabel scores', () => {
  it.each(multilabelMetrics)('%j: what counting by hand gives', (score, make) => {
    const rows = fc.array(fc.array(fc.tuple(fc.nat(1), fc.nat(1)), { minLength: 3, maxLength: 3 }), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(rows, averages, (given, average) => {
        const metric = make({ numLabels: 3, average });
        metric.update(
          tensor(given.map((row) => row.map(([pred]) => pred))),
          tensor(given.map((row) => row.map(([, truth]) => truth))),
        );
        const counts = [0, 1, 2].map(
          (label) =>
            countsByClass(
              given.map((row) => row[label]![0]),
              given.map((row) => row[label]![1]),
              2,
            )[1]!,
        );
        expectClose(listOf(metric.compute()), averaged(counts, score, average, false));
      }),
      { numRuns: 40 },
    );
  });

  it('takes probabilities, further dimensions, and leaves single labels out', () => {
    const preds = tensor([
      [
        [0.9, 0.2],
        [0.4, 0.6],
      ],
    ]); // [1, labels, positions]
    const target = tensor([
      [
        [1, -1],
        [0, 1],
      ],
    ]);
    const metric = new MultilabelAccuracy({ numLabels: 2, average: 'none', ignoreIndex: -1 });
    metric.update(preds, target);
    expect(listOf(metric.compute())).toEqual([1, 1]);
  });
});

describe('choosing by task', () => {
  it('averages micro, unlike the classes for one task', () => {
    const [preds, target] = [labels([0, 1, 2, 0]), labels([0, 2, 2, 0])];
    const macro = new MulticlassAccuracy({ numClasses: 3 });
    const micro = new Accuracy({ task: 'multiclass', numClasses: 3 });
    macro.update(preds, target);
    micro.update(preds, target);
    expect(macro.compute().item()).toBe(0.5);
    expect(micro.compute().item()).toBe(0.75);
    expect(micro).toBeInstanceOf(MulticlassAccuracy);
    expect(accuracy(preds, target, { task: 'multiclass', numClasses: 3 }).item()).toBe(0.75);
    expect(f1Score(preds, target, { task: 'multiclass', numClasses: 3, average: 'macro' }).item()).toBeCloseTo(
      5 / 9,
      6,
    );
    expect(new F1Score({ task: 'binary' })).toBeInstanceOf(BinaryF1Score);
    expect(new FBetaScore({ task: 'multilabel', numLabels: 3, beta: 2 })).toBeInstanceOf(MultilabelFBetaScore);
    expect(new Precision({ task: 'binary' })).toBeInstanceOf(BinaryPrecision);
    expect(new Recall({ task: 'multiclass', numClasses: 4 })).toBeInstanceOf(MulticlassRecall);
  });

  it('says what is missing', () => {
    expect(codeOf(() => new Accuracy({} as never))).toBe('TASK_MISSING');
    expect(codeOf(() => new Accuracy(undefined as never))).toBe('TASK_MISSING');
    expect(codeOf(() => new Accuracy({ task: 'many' as never }))).toBe('TASK_MISSING');
    expect(codeOf(() => new Accuracy({ task: 'multiclass' }))).toBe('OPTION_INVALID');
    expect(codeOf(() => new Accuracy({ task: 'multilabel' }))).toBe('OPTION_INVALID');
  });
});

describe('bad input', () => {
  const metric = (): MulticlassAccuracy => new MulticlassAccuracy({ numClasses: 3 });

  it.each<[string, () => unknown, string]>([
    ['target too large', () => metric().update(labels([0]), labels([3])), 'LABEL_OUT_OF_RANGE'],
    ['target negative', () => metric().update(labels([0]), labels([-1])), 'LABEL_OUT_OF_RANGE'],
    ['prediction too large', () => metric().update(labels([3]), labels([0])), 'LABEL_OUT_OF_RANGE'],
    [
      'many classes',
      () => new MulticlassAccuracy({ numClasses: 50 }).update(labels([50]), labels([0])),
      'LABEL_OUT_OF_RANGE',
    ],
    [
      'micro',
      () => new Accuracy({ task: 'multiclass', numClasses: 3 }).update(labels([0]), labels([5])),
      'LABEL_OUT_OF_RANGE',
    ],
    ['binary', () => new BinaryAccuracy().update(labels([2]), labels([0])), 'LABEL_OUT_OF_RANGE'],
    [
      'multilabel',
      () => new MultilabelAccuracy({ numLabels: 2 }).update(tensor([[0, 1]]), tensor([[0, 2]])),
      'LABEL_OUT_OF_RANGE',
    ],
    ['lengths differ', () => metric().update(labels([0, 1]), labels([0])), 'SHAPE_MISMATCH'],
    ['shapes differ', () => new BinaryAccuracy().update(tensor([[0.5]]), labels([0])), 'SHAPE_MISMATCH'],
    ['scores for other classes', () => metric().update(tensor([[0.5, 0.5]]), labels([0])), 'SHAPE_MISMATCH'],
    ['scores without class dimension', () => metric().update(tensor([0.5]), labels([0])), 'SHAPE_MISMATCH'],
    [
      'other labels',
      () => new MultilabelAccuracy({ numLabels: 3 }).update(tensor([[0, 1]]), tensor([[0, 1]])),
      'SHAPE_MISMATCH',
    ],
    ['float target', () => metric().update(labels([0]), tensor([0.5])), 'DTYPE_INVALID'],
    [
      'topK of labels',
      () => new MulticlassAccuracy({ numClasses: 3, topK: 2 }).update(labels([0]), labels([0])),
      'DTYPE_INVALID',
    ],
    ['topK beyond the classes', () => new MulticlassAccuracy({ numClasses: 3, topK: 4 }), 'OPTION_INVALID'],
    ['one class', () => new MulticlassAccuracy({ numClasses: 1 }), 'OPTION_INVALID'],
    ['average', () => new MulticlassAccuracy({ numClasses: 3, average: 'mean' as never }), 'OPTION_INVALID'],
    ['threshold', () => new BinaryAccuracy({ threshold: 1.5 }), 'OPTION_INVALID'],
    [
      'multidimAverage',
      () => new MulticlassAccuracy({ numClasses: 3, multidimAverage: 'sample' as never }),
      'OPTION_INVALID',
    ],
    [
      'samples of one place',
      () => new BinaryAccuracy({ multidimAverage: 'samplewise' }).update(labels([0]), labels([0])),
      'SHAPE_MISMATCH',
    ],
    [
      'a label in one sample',
      () =>
        new MulticlassAccuracy({ numClasses: 3, multidimAverage: 'samplewise' }).update(
          tensor([[0, 1]]),
          tensor([[0, 3]]),
        ),
      'LABEL_OUT_OF_RANGE',
    ],
    ['beta', () => new MulticlassFBetaScore({ numClasses: 3, beta: 0 }), 'OPTION_INVALID'],
  ])('%s', (_, run, code) => {
    expect(codeOf(run)).toBe(code);
  });

  it('leaves the states as they were', () => {
    const gathering = metric();
    gathering.update(labels([0, 1]), labels([0, 2]));
    const before = gathering.compute().item();
    expect(codeOf(() => gathering.forward(labels([0]), labels([7])))).toBe('LABEL_OUT_OF_RANGE');
    expect(codeOf(() => gathering.update(labels([0]), labels([7])))).toBe('LABEL_OUT_OF_RANGE');
    expect(gathering.compute().item()).toBe(before);
    expect(gathering.updateCount).toBe(1);
  });
});
