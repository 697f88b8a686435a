import { tensor } from '@lightning-ts/torch';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MulticlassAccuracy } from './classification/accuracy.js';
import { MulticlassConfusionMatrix } from './classification/confusionMatrix.js';
import { MulticlassF1Score } from './classification/fBeta.js';
import { MulticlassPrecision } from './classification/precision.js';
import type { Metric } from './metric.js';
import { MetricCollection } from './metricCollection.js';
import { MinMaxMetric } from './wrappers/minMaxMetric.js';
import type { AnyMetric } from './wrappers/wrapperMetric.js';

const make = (): Metric[] => [
  new MulticlassAccuracy({ numClasses: 3 }),
  new MulticlassPrecision({ numClasses: 3 }),
  new MulticlassF1Score({ numClasses: 3, average: 'micro' }),
  new MulticlassConfusionMatrix({ numClasses: 3 }),
];
const plain = (values: Record<string, unknown>): unknown =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, (value as { tolist(): unknown }).tolist()]));

describe('MetricCollection', () => {
  it('gives the same values with shared states as without', () => {
    const batch = fc.array(fc.tuple(fc.nat(2), fc.nat(2)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.array(batch, { minLength: 1, maxLength: 3 }), (batches) => {
        const shared = new MetricCollection(make(), { prefix: 'val_' });
        const alone = new MetricCollection(make(), { prefix: 'val_', computeGroups: false });
        for (const [index, pairs] of batches.entries()) {
          const inputs = [tensor(pairs.map(([pred]) => pred)), tensor(pairs.map(([, truth]) => truth))];
          if (index % 2 === 0) expect(plain(shared.forward(...inputs))).toEqual(plain(alone.forward(...inputs)));
          else for (const collection of [shared, alone]) collection.update(...inputs);
        }
        expect(plain(shared.compute())).toEqual(plain(alone.compute()));
        expect(Object.keys(shared.compute())).toEqual([
          'val_MulticlassAccuracy',
          'val_MulticlassPrecision',
          'val_MulticlassF1Score',
          'val_MulticlassConfusionMatrix',
        ]);
        shared.reset();
        expect(shared.items().map(([, metric]) => metric.updateCount)).toEqual([0, 0, 0, 0]);
      }),
      { numRuns: 30 },
    );
  });

  it('updates a group once', () => {
    let counted = 0;
    class Counting extends MulticlassAccuracy {
      override update(...inputs: Parameters<MulticlassAccuracy['update']>): void {
        counted += 1;
        super.update(...inputs);
      }
    }
    const collection = new MetricCollection({
      first: new Counting({ numClasses: 3 }),
      second: new Counting({ numClasses: 3 }),
    });
    collection.update(tensor([0, 1]), tensor([0, 2]));
    expect(counted).toBe(1);
    expect(collection.items().map(([name, metric]) => [name, metric.updateCount])).toEqual([
      ['first', 1],
      ['second', 1],
    ]);
  });

  it('clones with other names and states of its own', () => {
    const train = new MetricCollection(make(), { prefix: 'train_' });
    train.update(tensor([0, 1]), tensor([0, 1]));
    const val = train.clone({ prefix: 'val_', postfix: '_1' });
    val.update(tensor([0, 1]), tensor([1, 0]));
    expect(Object.keys(val.compute())[0]).toBe('val_MulticlassAccuracy_1');
    expect((train.compute().train_MulticlassAccuracy as { item(): number }).item()).toBe(1);
    expect((val.compute().val_MulticlassAccuracy_1 as { item(): number }).item()).toBe(0.5);
    expect(train.size).toBe(4);
  });

  it('is a module whose metrics are its children', () => {
    const collection = new MetricCollection(make());
    expect(collection.namedChildren().map(([name]) => name)[0]).toBe('MulticlassAccuracy');
    expect([...collection.stateDict().keys()]).toEqual([]);
  });

  it('refuses two metrics of one name, and what is no metric', () => {
    expect(() => new MetricCollection([make()[0]!, make()[0]!])).toThrow(/COLLECTION_NAME/);
    expect(() => new MetricCollection({ a: 3 as never })).toThrow(/COLLECTION_NAME/);
  });

  it('takes more metrics later, which start from there', () => {
    const collection = new MetricCollection(new MulticlassAccuracy({ numClasses: 3, average: 'micro' }));
    collection.update(tensor([0, 1]), tensor([0, 2]));
    collection.addMetrics({ late: new MulticlassAccuracy({ numClasses: 3, average: 'micro' }) });
    collection.update(tensor([0, 1]), tensor([0, 1]));
    expect(plain(collection.compute())).toEqual({ MulticlassAccuracy: 0.75, late: 1 });
    expect(() => collection.addMetrics({ more: make()[0]!, late: make()[0]! })).toThrow(/COLLECTION_NAME/);
    expect(collection.size).toBe(2);
  });

  it('takes collections and values that are records apart', () => {
    const inner = () => new MetricCollection([new MulticlassAccuracy({ numClasses: 3 })], { prefix: 'p_' });
    const collection = new MetricCollection(
      {
        first: inner(),
        second: inner(),
        low: new MinMaxMetric(new MulticlassAccuracy({ numClasses: 3 }) as AnyMetric),
        high: new MinMaxMetric(new MulticlassAccuracy({ numClasses: 3 }) as AnyMetric),
      },
      { prefix: 'val/' },
    );
    collection.update(tensor([0, 1]), tensor([0, 1]));
    expect(Object.keys(collection.compute())).toEqual([
      'val/first_p_MulticlassAccuracy',
      'val/second_p_MulticlassAccuracy',
      ...['low', 'high'].flatMap((name) => ['raw', 'max', 'min'].map((key) => `val/${name}_${key}`)),
    ]);
  });

  it('keeps all states when an update fails', () => {
    const collection = new MetricCollection(make());
    collection.update(tensor([0, 1]), tensor([0, 1]));
    const before = plain(collection.compute());
    expect(() => collection.forward(tensor([0]), tensor([9]))).toThrow(/LABEL_OUT_OF_RANGE/);
    expect(plain(collection.compute())).toEqual(before);
  });
});
