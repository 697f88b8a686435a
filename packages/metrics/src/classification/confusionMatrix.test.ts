import { tensor } from '@lightning-ts/torch';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ConfusionMatrix,
  confusionMatrix,
  MulticlassConfusionMatrix,
  MultilabelConfusionMatrix,
} from './confusionMatrix.js';

describe('ConfusionMatrix', () => {
  it('counts targets in rows and predictions in columns', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.tuple(fc.nat(3), fc.nat(3)), { minLength: 1 }), { minLength: 1, maxLength: 3 }),
        (batches) => {
          const metric = new MulticlassConfusionMatrix({ numClasses: 4 });
          const expected = Array.from({ length: 4 }, () => [0, 0, 0, 0]);
          for (const batch of batches) {
            metric.update(tensor(batch.map(([pred]) => pred)), tensor(batch.map(([, truth]) => truth)));
            for (const [pred, truth] of batch) expected[truth]![pred]! += 1;
          }
          expect(metric.compute().tolist()).toEqual(expected);
        },
      ),
    );
  });

  it('divides by rows, columns or everything, and leaves empty ones 0', () => {
    const [preds, target] = [tensor([0, 1, 1, 1]), tensor([0, 0, 1, 1])];
    const of = (normalize: 'true' | 'pred' | 'all') =>
      confusionMatrix(preds, target, { task: 'multiclass', numClasses: 3, normalize }).tolist();
    expect(of('true')).toEqual([
      [0.5, 0.5, 0],
      [0, 1, 0],
      [0, 0, 0],
    ]);
    expect(of('pred')).toEqual([
      [1, Math.fround(1 / 3), 0],
      [0, Math.fround(2 / 3), 0],
      [0, 0, 0],
    ]);
    expect(of('all')).toEqual([
      [0.25, 0.25, 0],
      [0, 0.5, 0],
      [0, 0, 0],
    ]);
  });

  it('does the other tasks too', () => {
    const binary = new ConfusionMatrix({ task: 'binary' });
    binary.update(tensor([0.9, 0.1, 0.8]), tensor([1, 1, 0]));
    expect(binary.compute().tolist()).toEqual([
      [0, 1],
      [1, 1],
    ]);
    const labels = new MultilabelConfusionMatrix({ numLabels: 2 });
    labels.update(
      tensor([
        [1, 0],
        [1, 1],
      ]),
      tensor([
        [1, 1],
        [0, 1],
      ]),
    );
    expect(labels.compute().tolist()).toEqual([
      [
        [0, 1],
        [0, 1],
      ],
      [
        [0, 0],
        [1, 1],
      ],
    ]);
  });

  it('refuses what it does not know', () => {
    expect(() => new ConfusionMatrix({ task: 'binary', normalize: 'rows' as never })).toThrow(/OPTION_INVALID/);
    expect(() => new MulticlassConfusionMatrix({ numClasses: 2 }).update(tensor([0]), tensor([2]))).toThrow(
      /LABEL_OUT_OF_RANGE/,
    );
  });
});
