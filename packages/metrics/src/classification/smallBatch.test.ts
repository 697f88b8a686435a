import { manualSeed, rand, randint, type Tensor, tensor } from '@lightning-ts/torch';
import { describe, expect, it } from 'vitest';
import { MulticlassAccuracy } from './accuracy.js';
import { MulticlassAUROC } from './auroc.js';
import { multiclassConfusionMatrix } from './confusionMatrix.js';

// Targets of int32 are left to the engine, so the same numbers go both ways.
const byEngine = (target: Tensor): Tensor => target.to('int32');

const counted = (preds: Tensor, target: Tensor, ignoreIndex: number | null = null) =>
  multiclassConfusionMatrix(preds, target, { numClasses: 5, ignoreIndex });

describe('a small batch', () => {
  it('is counted as the engine counts it, with ties, NaN and ignored targets', () => {
    manualSeed(1);
    for (let round = 0; round < 20; round += 1) {
      const scores = rand([30, 5]).mul(6).floor().div(4).sub(0.25);
      if (round % 3 === 0)
        scores
          .select(0, round)
          .narrow(0, round % 5, 1)
          .fill_(Number.NaN);
      const target = randint(0, 5, [30]);
      expect(counted(scores, target).tolist()).toEqual(counted(scores, byEngine(target)).tolist());
      expect(counted(scores, target, 2).tolist()).toEqual(counted(scores, byEngine(target), 2).tolist());
      const labels = randint(0, 5, [30]);
      expect(counted(labels, target).tolist()).toEqual(counted(labels, byEngine(target)).tolist());
      for (const average of ['micro', 'macro', 'none'] as const) {
        const value = (wanted: Tensor) => {
          const metric = new MulticlassAccuracy({ numClasses: 5, average });
          return metric.forward(scores, wanted).tolist();
        };
        expect(value(target)).toEqual(value(byEngine(target)));
      }
    }
  });

  it('gives int64 counts', () => {
    expect(counted(tensor([0, 1]), tensor([0, 1])).dtype).toBe('int64');
  });

  it('takes scores outside [0, 1] for logits, as a large one does', () => {
    manualSeed(2);
    const logits = rand([40, 5]).mul(4).sub(2);
    const target = randint(0, 5, [40]);
    const area = (wanted: Tensor) => new MulticlassAUROC({ numClasses: 5 }).forward(logits, wanted).item();
    expect(area(target)).toBe(area(byEngine(target)));
  });

  it('refuses labels out of range, however large', () => {
    const scores = rand([2, 5]);
    for (const label of [5, -1, 2 ** 32, 2 ** 40]) {
      const target = tensor([0, label]);
      expect(() => counted(scores, target)).toThrow(expect.objectContaining({ code: 'LABEL_OUT_OF_RANGE' }));
      expect(() => new MulticlassAUROC({ numClasses: 5 }).update(scores, target)).toThrow(
        expect.objectContaining({ code: 'LABEL_OUT_OF_RANGE' }),
      );
    }
  });
});
