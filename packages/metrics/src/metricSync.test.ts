import { cat, randn, type Tensor, tensor } from '@lightning-ts/torch';
import { describe, expect, it } from 'vitest';
import { exchange } from '../test/exchange.js';
import { BinaryAUROC } from './classification/auroc.js';
import { MeanAveragePrecision } from './detection/meanAveragePrecision.js';
import { Metric } from './metric.js';
import { MetricCollection } from './metricCollection.js';
import type { Reduction } from './metricState.js';
import { MeanSquaredError } from './regression/meanSquaredError.js';
import { PearsonCorrCoef } from './regression/pearsonCorrCoef.js';
import { MinMaxMetric } from './wrappers/minMaxMetric.js';
import type { AnyMetric } from './wrappers/wrapperMetric.js';

class Kept extends Metric {
  declare value: Tensor;
  declare parts: Tensor[];
  constructor(reduction: Reduction | null) {
    super();
    this.addState('value', tensor([0, 0], { dtype: 'float32' }), { distReduceFx: reduction });
    this.addState('parts', [], { distReduceFx: reduction === null ? null : 'cat' });
  }
  update(value: Tensor): void {
    this.value = value;
    this.parts = [...this.parts, value, value.unsqueeze(0).expand([2, 2]).gt(1.5)];
  }
  compute(): unknown {
    return [this.value.tolist(), this.parts.map((part) => part.tolist())];
  }
}

const shares = [
  [randn([5]), randn([5])],
  [randn([3]), randn([3])],
  [randn([8]), randn([8])],
] as const;
const whole = (index: 0 | 1) => cat(shares.map((share) => share[index]));

describe('sync', () => {
  it.each<[Reduction | null, unknown]>([
    ['sum', [4, 6]],
    ['mean', [2, 3]],
    ['max', [3, 4]],
    ['min', [1, 2]],
    ['cat', [1, 2, 3, 4]],
    [
      null,
      [
        [1, 2],
        [3, 4],
      ],
    ],
    [(a, b) => a.mul(b), [3, 8]],
  ])('reduces tensors by %s', (reduction, expected) => {
    const values = exchange(2, (group, rank) => {
      const metric = new Kept(reduction);
      metric.processGroup = group;
      metric.update(tensor(rank === 0 ? [1, 2] : [3, 4], { dtype: 'float32' }));
      const value = metric.compute() as [unknown, unknown[]];
      expect(metric.isSynced).toBe(false);
      expect(metric.value.tolist()).toEqual(rank === 0 ? [1, 2] : [3, 4]);
      return value;
    });
    for (const [value, parts] of values) {
      expect(value).toEqual(expected);
      const table = (row: boolean[]) => [row, row];
      expect(parts).toEqual([[1, 2], table([false, true]), [3, 4], table([true, true])]);
    }
  });

  it.each([
    ['sums', () => new MeanSquaredError()],
    ['states that are joined by a function', () => new PearsonCorrCoef()],
    ['lists of different lengths', () => new BinaryAUROC()],
  ])('gives on every rank what one process gives for all data, from %s', (_, make) => {
    const target = (values: Tensor, metric: Metric) => (metric instanceof BinaryAUROC ? values.gt(0).long() : values);
    const values = exchange(3, (group, rank) => {
      const metric = make();
      metric.processGroup = group;
      const [preds, truth] = shares[rank]!;
      // The last rank has two updates, so its lists are longer.
      const cut = rank === 2 ? [3, 5] : [preds.size(0)];
      for (const [i, part] of preds.split(cut).entries()) metric.update(part, target(truth.split(cut)[i]!, metric));
      return metric.compute().item();
    });
    const alone = make();
    alone.update(whole(0), target(whole(1), alone));
    // Scores outside [0, 1] are squashed by batch, which leaves their order as it is.
    for (const value of values) expect(value).toBeCloseTo(alone.compute().item(), 5);
  });

  it('works where one rank has seen nothing', () => {
    const values = exchange(2, (group, rank) => {
      const metric = new BinaryAUROC();
      metric.processGroup = group;
      if (rank === 1) metric.update(tensor([0.1, 0.9, 0.4]), tensor([0, 1, 1]));
      return metric.compute().item();
    });
    expect(values).toEqual([1, 1]);
  });

  it('keeps the images of detections in step', () => {
    const image = (x: number, label: number) => ({ boxes: tensor([[x, 0, x + 10.5, 10]]), labels: tensor([label]) });
    const batch = (rank: number) =>
      [
        rank === 0 ? [image(0, 1), image(5, 2)] : [image(3, 1)],
        rank === 0 ? [image(0, 1), image(20, 2)] : [image(3, 1)],
      ] as const;
    const feed = (metric: MeanAveragePrecision, rank: number) =>
      metric.update(
        batch(rank)[0].map((one) => ({ ...one, scores: tensor([0.5 + rank / 4]) })),
        batch(rank)[1],
      );
    const values = exchange(2, (group, rank) => {
      const metric = new MeanAveragePrecision({ classMetrics: true });
      metric.processGroup = group;
      feed(metric, rank);
      return metric.compute();
    });
    const alone = new MeanAveragePrecision({ classMetrics: true });
    feed(alone, 0);
    feed(alone, 1);
    for (const value of values)
      for (const [name, one] of Object.entries(alone.compute()))
        expect(value[name]!.tolist(), name).toEqual(one.tolist());
  });

  it('gives the value of the own batch from forward unless distSyncOnStep is set', () => {
    for (const distSyncOnStep of [false, true]) {
      const values = exchange(2, (group, rank) => {
        const metric = new MeanSquaredError();
        metric.processGroup = group;
        metric.distSyncOnStep = distSyncOnStep;
        const batch = [tensor([rank + 1.5]), tensor([0.5])] as const;
        return [metric.forward(...batch).item(), metric.compute().item(), metric.updateCount];
      });
      expect(values).toEqual(
        distSyncOnStep
          ? [
              [2.5, 2.5, 1],
              [2.5, 2.5, 1],
            ]
          : [
              [1, 2.5, 1],
              [4, 2.5, 1],
            ],
      );
    }
  });

  it('reaches metrics inside wrappers and collections', () => {
    const values = exchange(2, (group, rank) => {
      const metrics = new MetricCollection({
        range: new MinMaxMetric(new MeanSquaredError() as AnyMetric),
        plain: new MeanSquaredError(),
      });
      metrics.processGroup = group;
      metrics.update(tensor([rank + 1.5]), tensor([0.5]));
      const value = metrics.compute() as Record<string, Tensor>;
      return [value.raw!.item(), value.max!.item(), value.plain!.item()];
    });
    expect(values).toEqual([
      [2.5, 2.5, 2.5],
      [2.5, 2.5, 2.5],
    ]);
  });

  it('leaves this process alone with syncOnCompute off, and can be done by hand', () => {
    const values = exchange(2, (group, rank) => {
      const metric = new MeanSquaredError();
      metric.syncOnCompute = false;
      metric.processGroup = group;
      metric.update(tensor([rank + 1.5]), tensor([0.5]));
      const alone = metric.compute().item();
      metric.sync();
      expect(() => metric.sync()).toThrow(/SYNC_STATE/);
      expect(() => metric.update(tensor([1.5]), tensor([1.5]))).toThrow(/SYNC_STATE/);
      const together = metric.compute().item();
      metric.unsync();
      expect(() => metric.unsync()).toThrow(/SYNC_STATE/);
      return [alone, together, metric.compute().item()];
    });
    expect(values).toEqual([
      [1, 2.5, 1],
      [4, 2.5, 4],
    ]);
  });

  it('keeps the own states when the exchange breaks', () => {
    const metric = new MeanSquaredError();
    metric.update(tensor([1.5]), tensor([0.5]));
    metric.processGroup = {
      worldSize: 2,
      allGather() {
        throw new Error('connection lost');
      },
    };
    expect(() => metric.compute()).toThrow('connection lost');
    metric.processGroup = null;
    expect(metric.compute().item()).toBe(1);
  });
});
