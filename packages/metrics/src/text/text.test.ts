import { tensor, zeros } from '@lightning-ts/torch';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BLEUScore,
  bleuScore,
  editDistance,
  Perplexity,
  ROUGEScore,
  rougeScore,
  SacreBLEUScore,
  wordErrorRate,
} from '../index.js';
import { distanceBetween } from './editDistance.js';

/** Straight from the definition. */
function slowDistance(a: readonly string[], b: readonly string[], substitution: number): number {
  if (a.length === 0 || b.length === 0) return a.length + b.length;
  return Math.min(
    slowDistance(a.slice(1), b, substitution) + 1,
    slowDistance(a, b.slice(1), substitution) + 1,
    slowDistance(a.slice(1), b.slice(1), substitution) + (a[0] === b[0] ? 0 : substitution),
  );
}

describe('text', () => {
  it('finds the shortest way from one row of words to another', () => {
    const row = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 5 });
    fc.assert(
      fc.property(row, row, fc.integer({ min: 0, max: 3 }), (a, b, cost) => {
        expect(distanceBetween(a, b, cost)).toBe(slowDistance(a, b, cost));
      }),
      { numRuns: 60 },
    );
  });

  it('counts code points', () => {
    expect(editDistance('a👍b', 'ab').item()).toBe(1);
  });

  it('takes the references of a single sentence in one list', () => {
    const options = { nGram: 2 };
    const apart = bleuScore(['a b c'], [['a b d', 'b c']], options).item();
    expect(bleuScore('a b c', ['a b d', 'b c'], options).item()).toBe(apart);
    expect(apart).toBeGreaterThan(0);
  });

  it('lets a tokenizer stem', () => {
    const stem = (text: string) => text.split(' ').map((word) => word.replace(/ing$|s$/, ''));
    const score = (tokenizer?: (text: string) => string[]) =>
      rougeScore('dogs running', 'dog runn', {
        rougeKeys: 'rouge1',
        ...(tokenizer ? { tokenizer } : {}),
      }).rouge1_recall!.item();
    expect([score(), score(stem)]).toEqual([0, 1]);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['lists of different lengths', () => wordErrorRate(['a', 'b'], ['a']), /SHAPE_MISMATCH.*2 predictions.*1 target/],
    ['what is no text', () => wordErrorRate([3 as never], ['a']), /DTYPE_INVALID/],
    ['a sentence without reference', () => bleuScore(['a'], [[]]), /SHAPE_MISMATCH.*sentence 0/],
    ['weights that are not as many', () => new BLEUScore({ nGram: 2, weights: [1] }), /OPTION_INVALID/],
    ['an unknown tokenizer', () => new SacreBLEUScore({ tokenize: 'zh' as never }), /OPTION_INVALID.*13a/],
    ['an unknown key', () => new ROUGEScore({ rougeKeys: 'rouge0' as never }), /OPTION_INVALID/],
    ['no key', () => new ROUGEScore({ rougeKeys: [] }), /OPTION_INVALID/],
    ['logits without rows', () => new Perplexity().update(zeros([2, 3]), tensor([[1, 2]])), /SHAPE_MISMATCH/],
    [
      'a token beyond the vocabulary',
      () => new Perplexity().update(zeros([1, 2, 3]), tensor([[1, 3]])),
      /LABEL_OUT_OF_RANGE/,
    ],
    [
      'a label that is to be ignored and was not named',
      () => new Perplexity().update(zeros([1, 2, 3]), tensor([[1, -100]])),
      /LABEL_OUT_OF_RANGE/,
    ],
  ])('refuses %s', (_, run, message) => {
    expect(run).toThrow(message);
  });
});
