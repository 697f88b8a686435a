import { type Tensor, tensor } from '@lightning-ts/torch';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { distanceBetween } from './editDistance.js';
import { characters, type Sentences, sentencePairs, words } from './sentences.js';

/** A recipe of sums over pairs of sentences, each in float64, which counts exactly. */
function sumRecipe(
  key: string,
  names: readonly string[],
  higherIsBetter: boolean,
  split: (text: string) => string[],
  add: (pred: string[], target: string[]) => number[],
  value: (sums: Tensor[]) => Tensor,
): Recipe<Tensor, Sentences> {
  return {
    key,
    higherIsBetter,
    states: names.map((name) => ({ name, zero: () => tensor(0, { dtype: 'float64' }) })),
    count(preds, target) {
      const sums = names.map(() => 0);
      for (const [pred, truth] of sentencePairs(key, preds, target))
        for (const [i, part] of add(split(pred), split(truth)).entries()) sums[i] = sums[i]! + part;
      return sums.map((sum) => tensor(sum, { dtype: 'float64' }));
    },
    value: (sums) => value([...sums]).float(),
  };
}

const ratio = ([errors, total]: Tensor[]): Tensor => errors!.div(total!);
const perTarget = (pred: string[], target: string[]): number[] => [distanceBetween(pred, target), target.length];

const wer = sumRecipe('WordErrorRate', ['errors', 'total'], false, words, perTarget, ratio);
const cer = sumRecipe('CharErrorRate', ['errors', 'total'], false, characters, perTarget, ratio);
const mer = sumRecipe(
  'MatchErrorRate',
  ['errors', 'total'],
  false,
  words,
  (pred, target) => [distanceBetween(pred, target), Math.max(pred.length, target.length)],
  ratio,
);

/** The hits, and all words on either side. */
const hits = (pred: string[], target: string[]): number[] => [
  Math.max(pred.length, target.length) - distanceBetween(pred, target),
  target.length,
  pred.length,
];
const preserved = ([right, target, pred]: Tensor[]): Tensor => right!.div(target!).mul(right!.div(pred!));
const sums = ['hits', 'targetTotal', 'predsTotal'];
const wip = sumRecipe('WordInfoPreserved', sums, true, words, hits, preserved);
const wil = sumRecipe('WordInfoLost', sums, false, words, hits, (all) => preserved(all).rsub(1));

/** Words inserted, deleted or changed, over the words of the targets; above 1 where more is wrong than there is. */
export class WordErrorRate extends RecipeMetric<Tensor, Sentences> {
  constructor() {
    super(wer);
  }
}

/** Characters inserted, deleted or changed, over the characters of the targets. */
export class CharErrorRate extends RecipeMetric<Tensor, Sentences> {
  constructor() {
    super(cer);
  }
}

/** Words inserted, deleted or changed, over the words of the longer sentence of each pair: from 0 to 1. */
export class MatchErrorRate extends RecipeMetric<Tensor, Sentences> {
  constructor() {
    super(mer);
  }
}

/** The part of the targets' information that got lost: 1 - (right words)² / (words of the targets × words predicted). */
export class WordInfoLost extends RecipeMetric<Tensor, Sentences> {
  constructor() {
    super(wil);
  }
}

/** The part of the targets' information that was kept: (right words)² / (words of the targets × words predicted). */
export class WordInfoPreserved extends RecipeMetric<Tensor, Sentences> {
  constructor() {
    super(wip);
  }
}

type TextScore = (preds: Sentences, target: Sentences) => Tensor;
export const wordErrorRate: TextScore = (preds, target) => valueOf(wer, preds, target);
export const charErrorRate: TextScore = (preds, target) => valueOf(cer, preds, target);
export const matchErrorRate: TextScore = (preds, target) => valueOf(mer, preds, target);
export const wordInfoLost: TextScore = (preds, target) => valueOf(wil, preds, target);
export const wordInfoPreserved: TextScore = (preds, target) => valueOf(wip, preds, target);
