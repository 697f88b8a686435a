import { type DType, manualSeed, rand, type Tensor, tensor } from '@lightning-ts/torch';
import { describe, expect, it } from 'vitest';
import { rankedCounts } from './rankedCounts.js';

/** Positives and negatives at or above each score, one score after the other. */
function slowCounts(preds: Tensor, target: Tensor): number[][] {
  const scores = preds.tolist() as number[];
  const hits = target.tolist() as boolean[];
  const distinct = [...new Set(scores.map((score) => score + 0))].sort((a, b) => b - a);
  const above = (score: number, isHit: boolean) => scores.filter((s, i) => s >= score && hits[i] === isHit).length;
  return [distinct.map((score) => above(score, true)), distinct.map((score) => above(score, false)), distinct];
}

const counts = (preds: Tensor, target: Tensor): number[][] => {
  const { tps, fps, scores } = rankedCounts(preds, target);
  return [tps, fps, scores].map((all) => (all.tolist() as number[]).map((value) => value + 0));
};

describe('rankedCounts', () => {
  it.each<[DType, number]>([
    ['float32', 50],
    ['float32', 3000],
    ['float64', 3000],
    ['float16', 50],
  ])('counts %s scores with ties, signs and both zeros (%i)', (dtype, size) => {
    manualSeed(size);
    const preds = rand([size]).mul(400).sub(200).round().div(16).to(dtype);
    preds.narrow(0, 0, 4).copy_(tensor([0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]));
    const target = rand([size]).lt(0.7);
    expect(counts(preds, target)).toEqual(slowCounts(preds, target));
  });

  it('sorts many scores that are all different', () => {
    manualSeed(3);
    const preds = rand([5000]).sub(0.5);
    const target = rand([5000]).lt(0.1);
    const { scores, tps, fps } = rankedCounts(preds, target);
    const found = scores.tolist() as number[];
    expect(found).toEqual([...(preds.unique().tolist() as number[])].sort((a, b) => b - a));
    expect([tps.max().item(), fps.max().item()]).toEqual([target.sum().item(), 5000 - target.sum().item()]);
  });

  it('ranks NaN above all, each by itself, as the engine does', () => {
    const preds = tensor([0.5, Number.NaN, 0.5, Number.NaN]);
    const target = tensor([true, true, false, false]);
    const [tps, fps, scores] = counts(preds, target);
    expect(scores!.slice(0, 2)).toEqual([Number.NaN, Number.NaN]);
    expect(scores![2]).toBe(0.5);
    expect([tps!.at(-1), fps!.at(-1)]).toEqual([2, 2]);
    expect(tps).toHaveLength(3);
  });
});
