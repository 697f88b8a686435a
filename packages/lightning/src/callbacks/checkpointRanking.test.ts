import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CheckpointRanking } from './checkpointRanking.js';

describe('CheckpointRanking', () => {
  it('keeps the k best, and the earlier of two equals', () => {
    const scores = fc.array(fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constant(Number.NaN)), { maxLength: 20 });
    fc.assert(
      fc.property(
        scores,
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom('min' as const, 'max' as const),
        (given, k, mode) => {
          const ranking = new CheckpointRanking(mode, k);
          for (const [index, score] of given.entries()) if (ranking.accepts(score)) ranking.add(String(index), score);
          const worst = mode === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
          const value = (index: number): number => (Number.isNaN(given[index]!) ? worst : given[index]!);
          // Stable sorting by score leaves the earlier of equals in front.
          const order = given
            .map((_, index) => index)
            .sort((a, b) => (value(a) === value(b) ? a - b : (value(a) - value(b)) * (mode === 'min' ? 1 : -1)));
          const kept = order.slice(0, k).map((index) => value(index));
          expect(
            [...ranking.models.values()].sort((a, b) => (a === b ? 0 : (a - b) * (mode === 'min' ? 1 : -1))),
          ).toEqual(kept);
          expect(ranking.bestScore).toEqual(given.length === 0 ? null : kept[0]);
          if (given.length > 0) expect(value(Number(ranking.bestPath))).toBe(kept[0]);
        },
      ),
    );
  });

  it('keeps all when the limit is -1', () => {
    const ranking = new CheckpointRanking('max', -1);
    for (const score of [1, 3, 2]) {
      expect(ranking.accepts(score)).toBe(true);
      expect(ranking.replaced).toBe(null);
      ranking.add(`m${score}`, score);
    }
    expect([...ranking.models.keys()]).toEqual(['m1', 'm3', 'm2']);
    expect(ranking.bestPath).toBe('m3');
  });

  it('takes equal scores only while there is room', () => {
    const ranking = new CheckpointRanking('min', 1);
    ranking.add('first', 1);
    expect(ranking.accepts(1)).toBe(false);
    expect(ranking.accepts(0.5)).toBe(true);
    expect(ranking.accepts(Number.NaN)).toBe(false);
  });
});
