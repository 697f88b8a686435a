import { type Tensor, tensor } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { checkChoice } from '../regression/inputs.js';
import { sharedSubsequence, unionOfSubsequences } from './longestCommon.js';
import { countRuns, sharedRuns } from './nGrams.js';
import { type References, type Sentences, sentenceReferences } from './sentences.js';

/** Runs of so many words, the longest common subsequence, or that by sentences. */
export type RougeKey = `rouge${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9}` | 'rougeL' | 'rougeLsum';

export interface ROUGEScoreOptions {
  /** Default `rouge1`, `rouge2`, `rougeL` and `rougeLsum`. */
  readonly rougeKeys?: RougeKey | readonly RougeKey[];
  /** Of several references: the one that is best by the first key (default), or the average. */
  readonly accumulate?: 'best' | 'avg';
  /** Cleans a text; default lower case with a space for all but a to z and digits. */
  readonly normalizer?: (text: string) => string;
  /** Cuts a cleaned text into words; default at white space. A place for a stemmer. */
  readonly tokenizer?: (text: string) => readonly string[];
  /** Cuts a text into the sentences of `rougeLsum`; default at line ends. */
  readonly sentences?: (text: string) => readonly string[];
}

/** By name, such as `rouge1_fmeasure`, `rouge1_precision` and `rouge1_recall`: 0-d each. */
export type RougeScores = Record<string, Tensor>;

/** F-measure, precision and recall. */
type Score = readonly [fmeasure: number, precision: number, recall: number];
const measures = ['fmeasure', 'precision', 'recall'];
const nothing: Score = [0, 0, 0];
const owner = 'ROUGEScore';
const allKeys = [...Array.from({ length: 9 }, (_, i) => `rouge${i + 1}`), 'rougeL', 'rougeLsum'];
const usualKeys: readonly RougeKey[] = ['rouge1', 'rouge2', 'rougeL', 'rougeLsum'];

interface Reading {
  readonly tokens: readonly string[];
  readonly sentences: readonly (readonly string[])[];
}

function scoreOf(hits: number, predicted: number, wanted: number): Score {
  if (predicted === 0 || wanted === 0 || hits === 0) return nothing;
  const precision = hits / predicted;
  const recall = hits / wanted;
  return [(2 * precision * recall) / (precision + recall), precision, recall];
}

function scoreByKey(key: RougeKey, pred: Reading, target: Reading): Score {
  if (key === 'rougeL') {
    const shared = sharedSubsequence(pred.tokens, target.tokens).length;
    return scoreOf(shared, pred.tokens.length, target.tokens.length);
  }
  if (key === 'rougeLsum') return scoreBySentences(pred.sentences, target.sentences);
  const size = Number(key.slice('rouge'.length));
  const hits = sharedRuns(countRuns(pred.tokens, size), countRuns(target.tokens, size));
  const runs = ({ tokens }: Reading): number => Math.max(0, tokens.length - size + 1);
  return scoreOf(hits, runs(pred), runs(target));
}

/** A word counts as often as it occurs on both sides. */
function scoreBySentences(pred: readonly (readonly string[])[], target: readonly (readonly string[])[]): Score {
  const left = [countRuns(pred.flat(), 1), countRuns(target.flat(), 1)];
  let hits = 0;
  for (const sentence of target) {
    for (const word of unionOfSubsequences(pred, sentence)) {
      if (left.some((counts) => (counts.get(word) ?? 0) === 0)) continue;
      hits += 1;
      for (const counts of left) counts.set(word, counts.get(word)! - 1);
    }
  }
  return scoreOf(hits, pred.flat().length, target.flat().length);
}

function recipe(options: ROUGEScoreOptions = {}): Recipe<RougeScores, Sentences, References> {
  const {
    rougeKeys = usualKeys,
    accumulate = 'best',
    normalizer = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, ' '),
    tokenizer = (text) => text.split(/\s+/u),
    sentences = (text) => text.split('\n'),
  } = options;
  const keys = typeof rougeKeys === 'string' ? [rougeKeys] : [...rougeKeys];
  for (const key of keys) checkChoice(owner, 'rougeKeys', key, allKeys);
  if (keys.length === 0) throw new MetricError('OPTION_INVALID', `${owner}: rougeKeys is empty. Name one or more.`);
  checkChoice(owner, 'accumulate', accumulate, ['best', 'avg']);
  const tokens = (text: string): string[] => tokenizer(normalizer(text)).filter((word) => word.length > 0);
  const read = (text: string): Reading => ({
    tokens: tokens(text),
    sentences: keys.includes('rougeLsum') ? sentences(text).map(tokens) : [],
  });
  const scoresOf = (pred: Reading, references: readonly Reading[]): readonly Score[] => {
    const all = references.map((target) => keys.map((key) => scoreByKey(key, pred, target)));
    if (accumulate === 'best') return all.reduce((best, one) => (one[0]![0] > best[0]![0] ? one : best));
    return keys.map((_, k) => meanScore(all.map((one) => one[k]!)));
  };
  const isPlain =
    options.normalizer === undefined && options.tokenizer === undefined && options.sentences === undefined;
  return {
    // What functions do cannot be compared.
    key: isPlain ? `rouge:${keys.join()}:${accumulate}` : null,
    higherIsBetter: true,
    states: [{ name: 'scores', zero: null }],
    count(preds, target) {
      const rows = sentenceReferences(owner, preds, target).map(([pred, references]) =>
        scoresOf(read(pred), references.map(read)).flat(),
      );
      return [tensor(rows.flat(), { dtype: 'float32' }).view([rows.length, 3 * keys.length])];
    },
    value([scores]) {
      const means = scores!.mean(0).unbind(0);
      const names = keys.flatMap((key) => measures.map((measure) => `${key}_${measure}`));
      return Object.fromEntries(names.map((name, i) => [name, means[i]!]));
    },
  };
}

const meanScore = (scores: readonly Score[]): Score =>
  nothing.map((_, part) => scores.reduce((sum, score) => sum + score[part]!, 0) / scores.length) as unknown as Score;

/**
 * How much of the words of the references the predictions have, and the other way round (Lin 2004): precision, recall and
 * their harmonic mean by key, averaged over sentences.
 *
 * `update(preds, target)`: texts, and for each one reference or several. There is no stemmer; `tokenizer` may be one.
 */
export class ROUGEScore extends RecipeMetric<RougeScores, Sentences, References> {
  constructor(options?: ROUGEScoreOptions) {
    super(recipe(options));
  }
}

export const rougeScore = (preds: Sentences, target: References, options?: ROUGEScoreOptions): RougeScores =>
  valueOf(recipe(options), preds, target);
