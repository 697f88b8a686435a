import { resetWarnings, tensor } from '@lightning-ts/torch';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { CatMetric, MaxMetric, MeanMetric, MinMetric, type NanStrategy, SumMetric } from './aggregation.js';

const warnings: NodeJS.ErrnoException[] = [];
process.on('warning', (warning) => warnings.push(warning as NodeJS.ErrnoException));

/** The codes of the warnings since the last call; they are delivered with the next turn. */
async function warned(): Promise<(string | undefined)[]> {
  await new Promise((resolve) => setImmediate(resolve));
  return warnings.splice(0).map((warning) => warning.code);
}

beforeEach(async () => {
  await warned();
  resetWarnings();
});

describe('aggregation', () => {
  it('weights means: 1 three times, then 2 and 4', async () => {
    const mean = new MeanMetric();
    expect(mean.compute().item()).toBeNaN();
    expect(await warned()).toEqual(['METRIC_NOT_UPDATED']);
    mean.update(1, 3);
    mean.update(tensor([2, 4]));
    expect(mean.compute().item()).toBeCloseTo(1.8, 6);
  });

  it('gives what plain loops give, number by number or as tensors', () => {
    const item = fc.record({
      value: fc.integer({ min: -50, max: 50 }),
      weight: fc.integer({ min: 1, max: 5 }),
      asTensor: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 20 }), (items) => {
        const metrics = { mean: new MeanMetric(), sum: new SumMetric(), max: new MaxMetric(), min: new MinMetric() };
        for (const { value, weight, asTensor } of items) {
          const given = asTensor ? tensor([value]) : value;
          metrics.mean.update(given, asTensor ? tensor([weight]) : weight);
          for (const name of ['sum', 'max', 'min'] as const) metrics[name].update(given);
        }
        const values = items.map(({ value }) => value);
        const weights = items.reduce((sum, { weight }) => sum + weight, 0);
        const weighted = items.reduce((sum, { value, weight }) => sum + value * weight, 0);
        expect(metrics.mean.compute().item()).toBeCloseTo(weighted / weights, 4);
        expect(metrics.sum.compute().item()).toBe(values.reduce((sum, value) => sum + value, 0));
        expect(metrics.max.compute().item()).toBe(Math.max(...values));
        expect(metrics.min.compute().item()).toBe(Math.min(...values));
      }),
    );
  });

  it('returns the value of the batch from forward', () => {
    const mean = new MeanMetric();
    expect([mean.forward(tensor([1, 3])).item(), mean.forward(6).item(), mean.compute().item()]).toEqual([
      2,
      6,
      Math.fround(10 / 3),
    ]);
    const max = new MaxMetric();
    expect([max.forward(5).item(), max.forward(2).item(), max.compute().item()]).toEqual([5, 2, 5]);
  });

  it.each<[NanStrategy, number[], string[]]>([
    ['warn', [2, 4, 3, 1, 4], ['METRIC_NAN', 'METRIC_NAN', 'METRIC_NAN', 'METRIC_NAN']],
    ['ignore', [2, 4, 3, 1, 4], []],
    [10, [14 / 3, 14, 10, 1, 14], []],
  ])('treats NaN by strategy %s', async (nanStrategy, [mean, sum, max, min], codes) => {
    const metrics = [MeanMetric, SumMetric, MaxMetric, MinMetric].map((Kind) => new Kind({ nanStrategy }));
    for (const metric of metrics) metric.update(tensor([1, Number.NaN, 3]));
    const [first, second, third, fourth] = metrics.map((metric) => metric.compute().item());
    expect(first).toBeCloseTo(mean!, 5);
    expect([second, third, fourth]).toEqual([sum, max, min]);
    expect(await warned()).toEqual(codes);
  });

  it('refuses NaN when told so, and lets it through when told not to look', () => {
    expect(() => new SumMetric({ nanStrategy: 'error' }).update(tensor([1, Number.NaN]))).toThrow(/VALUE_NAN/);
    const sum = new SumMetric({ nanStrategy: 'disable' });
    sum.update(tensor([1, Number.NaN]));
    expect(sum.compute().item()).toBeNaN();
    expect(() => new SumMetric({ nanStrategy: 'drop' as never })).toThrow(/OPTION_INVALID/);
    const weighted = new MeanMetric({ nanStrategy: 'ignore' });
    weighted.update(tensor([1, 2, Number.NaN]), tensor([1, Number.NaN, 1]));
    expect(weighted.compute().item()).toBe(1);
  });

  it('gathers values in order', () => {
    const all = new CatMetric({ nanStrategy: 'ignore' });
    expect(all.compute().tolist()).toEqual([]);
    all.update(1.5);
    all.update(
      tensor([
        [2.5, Number.NaN],
        [3.5, 4.5],
      ]),
    );
    expect(all.compute().tolist()).toEqual([1.5, 2.5, 3.5, 4.5]);
    expect(all.forward(tensor([5.5])).tolist()).toEqual([5.5]);
    expect(all.compute().tolist()).toEqual([1.5, 2.5, 3.5, 4.5, 5.5]);
  });
});
