import { corrcoef, randn, stack, tensor, zeros } from '@lightning-ts/torch';
import { describe, expect, it } from 'vitest';
import {
  CosineSimilarity,
  ExplainedVariance,
  explainedVariance,
  KendallRankCorrCoef,
  KLDivergence,
  logCoshError,
  MeanSquaredError,
  MinkowskiDistance,
  meanAbsoluteError,
  PearsonCorrCoef,
  R2Score,
  SpearmanCorrCoef,
  TweedieDevianceScore,
} from '../index.js';

describe('regression', () => {
  it('keeps the digits of a correlation far from 0, over batches', () => {
    const x = randn([40], { dtype: 'float64' });
    const y = x.add(randn([40], { dtype: 'float64' }).mul(0.2));
    const metric = new PearsonCorrCoef();
    const far = (values: typeof x) => values.add(2 ** 10).float();
    for (const [a, b] of [
      [0, 7],
      [7, 1],
      [8, 32],
    ])
      metric.update(far(x).narrow(0, a!, b!), far(y).narrow(0, a!, b!));
    const exact = corrcoef(stack([far(x).double(), far(y).double()])).tolist() as number[][];
    expect(metric.compute().item()).toBeCloseTo(exact[0]![1]!, 5);
  });

  it('takes empty batches for nothing', () => {
    for (const metric of [new MeanSquaredError(), new PearsonCorrCoef(), new R2Score(), new SpearmanCorrCoef()]) {
      const [x, y] = [tensor([1.5, 2, 4]), tensor([1.5, 3, 3.5])];
      metric.update(x, y);
      const before = metric.compute().item();
      metric.update(zeros([0]), zeros([0]));
      expect(metric.compute().item()).toBeCloseTo(before, 6);
    }
  });

  it('does not overflow for large differences', () => {
    expect(logCoshError(tensor([1000.5]), tensor([0])).item()).toBeCloseTo(1000.5 - Math.LN2, 3);
  });

  it('takes whole numbers and halves', () => {
    expect(meanAbsoluteError(tensor([1, 4]), tensor([2, 2])).item()).toBe(1.5);
    expect(meanAbsoluteError(tensor([1.5, 4]).half(), tensor([2, 2]).half()).item()).toBe(1.25);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['shapes that differ', () => meanAbsoluteError(zeros([3]), zeros([2])), /SHAPE_MISMATCH.*\[3\].*\[2\]/],
    [
      'outputs that are not as many',
      () => new R2Score({ numOutputs: 2 }).update(zeros([4, 3]), zeros([4, 3])),
      /SHAPE_MISMATCH.*numOutputs is 2/,
    ],
    ['three dimensions', () => explainedVariance(zeros([2, 2, 2]), zeros([2, 2, 2])), /SHAPE_MISMATCH/],
    [
      'complex numbers',
      () => meanAbsoluteError(zeros([2], { dtype: 'complex64' }), zeros([2], { dtype: 'complex64' })),
      /DTYPE_INVALID/,
    ],
    ['no outputs', () => new MeanSquaredError({ numOutputs: 0 }), /OPTION_INVALID/],
    [
      'an unknown average of outputs',
      () => new ExplainedVariance({ multioutput: 'mean' as never }),
      /OPTION_INVALID.*'mean'/,
    ],
    ['an unknown reduction', () => new CosineSimilarity({ reduction: 'max' as never }), /OPTION_INVALID/],
    ['an unknown variant', () => new KendallRankCorrCoef({ variant: 'd' as never }), /OPTION_INVALID/],
    ['p below 1', () => new MinkowskiDistance({ p: 0.5 }), /OPTION_INVALID/],
    ['a power without a distribution', () => new TweedieDevianceScore({ power: 0.5 }), /OPTION_INVALID/],
    [
      'values that a distribution has not',
      () => new TweedieDevianceScore({ power: 2 }).update(tensor([1.5]), tensor([0])),
      /VALUE_RANGE/,
    ],
    ['one distribution in place of rows', () => new KLDivergence().update(zeros([3]), zeros([3])), /SHAPE_MISMATCH/],
    [
      'a single sample',
      () => {
        const metric = new R2Score();
        metric.update(tensor([1.5]), tensor([1.5]));
        return metric.compute();
      },
      /NO_DATA/,
    ],
  ])('refuses %s', (_, run, message) => {
    expect(run).toThrow(message);
  });
});
