import { type Tensor, tensor, zeros } from '@lightning-ts/torch';
import { checkCount } from '../classification/options.js';
import { MetricError } from '../errors.js';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { countRuns, largestCounts, sharedRuns } from './nGrams.js';
import { type References, type Sentences, sentenceReferences, words } from './sentences.js';
import { type BleuTokenizer, bleuTokenizer } from './tokenizers.js';

export interface BLEUScoreOptions {
  /** The longest runs of words that are compared. Default 4. */
  readonly nGram?: number;
  /** Whether one is added to the counts of runs longer than one word (Lin, Och 2004). Default false. */
  readonly smooth?: boolean;
  /** What each length counts, `nGram` numbers; default all the same. */
  readonly weights?: readonly number[];
}

export interface SacreBLEUScoreOptions extends BLEUScoreOptions {
  /** How sentences become words; default `13a`, the one of the shared tasks. */
  readonly tokenize?: BleuTokenizer;
  /** Default false. */
  readonly lowercase?: boolean;
}

type BleuRecipe = Recipe<Tensor, Sentences, References>;

function recipe(owner: string, options: BLEUScoreOptions, split: (text: string) => string[], key: string): BleuRecipe {
  const { nGram = 4, smooth = false } = options;
  checkCount('nGram', nGram, 1, owner);
  const weights = options.weights ?? Array.from({ length: nGram }, () => 1 / nGram);
  if (weights.length !== nGram)
    throw new MetricError(
      'OPTION_INVALID',
      `${owner}: ${weights.length} weights came for nGram ${nGram}. Give one for each length.`,
    );
  const lengths = Array.from({ length: nGram }, (_, i) => i + 1);
  return {
    key: `${key}:${nGram}`,
    higherIsBetter: true,
    // Row 0: runs that are right, by length. Row 1: all runs of the predictions. The last column: words predicted, and of the targets.
    states: [{ name: 'counts', zero: () => zeros([2, nGram + 1], { dtype: 'float64' }) }],
    count(preds, target) {
      const right = lengths.map(() => 0);
      const all = lengths.map(() => 0);
      let predicted = 0;
      let wanted = 0;
      for (const [sentence, references] of sentenceReferences(owner, preds, target)) {
        const pred = split(sentence);
        const truths = references.map(split);
        predicted += pred.length;
        wanted += nearestLength(pred.length, truths);
        for (const [i, size] of lengths.entries()) {
          const found = countRuns(pred, size);
          right[i] = right[i]! + sharedRuns(found, largestCounts(truths.map((one) => countRuns(one, size))));
          all[i] = all[i]! + Math.max(0, pred.length - size + 1);
        }
      }
      return [
        tensor(
          [
            [...right, predicted],
            [...all, wanted],
          ],
          { dtype: 'float64' },
        ),
      ];
    },
    value: ([counts]) => valueOfCounts(counts!, nGram, smooth, weights),
  };
}

/** The length of the reference that is nearest in length, the first of equals. */
function nearestLength(length: number, references: readonly string[][]): number {
  let best = references[0]!.length;
  for (const { length: other } of references) if (Math.abs(other - length) < Math.abs(best - length)) best = other;
  return best;
}

function valueOfCounts(counts: Tensor, nGram: number, smooth: boolean, weights: readonly number[]): Tensor {
  const right = counts.select(0, 0).narrow(0, 0, nGram);
  if (right.min().item() === 0) return tensor(0, { dtype: 'float32' });
  // Runs of one word are never smoothed.
  const added = tensor(
    Array.from({ length: nGram }, (_, i) => (smooth && i > 0 ? 1 : 0)),
    { dtype: 'float64' },
  );
  const precision = right.add(added).div(counts.select(0, 1).narrow(0, 0, nGram).add(added));
  const mean = precision
    .log()
    .mul(tensor([...weights], { dtype: 'float64' }))
    .sum();
  const [predicted, wanted] = counts.select(1, nGram).unbind(0) as [Tensor, Tensor];
  // Predictions that are too short pay for it.
  const brevity = wanted.div(predicted).rsub(1).clampMax(0);
  return mean.add(brevity).exp().float();
}

const plain = (options: BLEUScoreOptions = {}): BleuRecipe => recipe('BLEUScore', options, words, 'bleu');

function sacre({ tokenize = '13a', lowercase = false, ...options }: SacreBLEUScoreOptions = {}): BleuRecipe {
  const split = bleuTokenizer('SacreBLEUScore', tokenize, lowercase);
  return recipe('SacreBLEUScore', options, split, `sacreBleu:${tokenize}:${lowercase}`);
}

/**
 * How much of the runs of words of the predictions is in one of their references, from 0 to 1 (Papineni and others 2002).
 * Words are what lies between white space.
 *
 * `update(preds, target)`: sentences, and for each one reference or several.
 */
export class BLEUScore extends RecipeMetric<Tensor, Sentences, References> {
  constructor(options?: BLEUScoreOptions) {
    super(plain(options));
  }
}

/** BLEU with the tokenizers of the shared tasks (Post 2018), so that scores of different papers compare. */
export class SacreBLEUScore extends RecipeMetric<Tensor, Sentences, References> {
  constructor(options?: SacreBLEUScoreOptions) {
    super(sacre(options));
  }
}

export const bleuScore = (preds: Sentences, target: References, options?: BLEUScoreOptions): Tensor =>
  valueOf(plain(options), preds, target);
export const sacreBleuScore = (preds: Sentences, target: References, options?: SacreBLEUScoreOptions): Tensor =>
  valueOf(sacre(options), preds, target);
