import { describe } from '../describe.js';
import { LightningError } from '../errors.js';
import { normalTail, studentTCdf, studentTInterval, twoSided } from './studentT.js';

/** What is tested: that the first is different, larger (`greater`), or smaller (`less`). */
export type Alternative = 'two-sided' | 'greater' | 'less';

export interface PairedTestOptions {
  /** Default `'two-sided'`. */
  readonly alternative?: Alternative;
}

export interface TTestResult {
  /** t. NaN when no pair differs. */
  readonly statistic: number;
  /** The chance of such a difference, or a larger one, if there were none in truth. NaN when no pair differs. */
  readonly pValue: number;
  readonly degreesOfFreedom: number;
  /** Mean of first minus second. */
  readonly meanDifference: number;
  readonly standardError: number;
}

export interface WilcoxonResult {
  /** Two-sided: the smaller sum of ranks; otherwise the sum of the positive differences' ranks. NaN when no pair differs. */
  readonly statistic: number;
  readonly pValue: number;
  /** Whether the chance was counted or taken from the normal distribution. */
  readonly method: 'exact' | 'normal';
}

/** Sizes of the parts of which each pair of scores comes. */
export interface FoldSizes {
  readonly trainSize: number;
  readonly testSize: number;
}

/**
 * Student's t-test on pairs: two models' scores on the same folds. Folds share training data, so it calls too many differences
 * real; {@link correctedPairedTTest} makes up for that.
 *
 * @throws LightningError STATISTICS_INPUT for lists of different lengths or fewer than 2 pairs
 */
export function pairedTTest(
  first: readonly number[],
  second: readonly number[],
  options: PairedTestOptions = {},
): TTestResult {
  return tTest('pairedTTest', first, second, (variance, count) => variance / count, options);
}

/**
 * The t-test for resampled scores of Nadeau and Bengio (2003): the variance is counted as `1 / n + testSize / trainSize` times
 * that of one score, since folds share training data.
 *
 * @throws LightningError STATISTICS_INPUT for lists of different lengths, fewer than 2 pairs, or a part without samples
 */
export function correctedPairedTTest(
  first: readonly number[],
  second: readonly number[],
  options: PairedTestOptions & FoldSizes,
): TTestResult {
  const share = testShare('correctedPairedTTest', options);
  return tTest('correctedPairedTTest', first, second, (variance, count) => variance * (1 / count + share), options);
}

/**
 * The test by signed ranks of Wilcoxon, which asks only that differences be symmetric. Pairs that do not differ are left out.
 * Up to 50 pairs the chance is counted exactly, ties included; from there on it is the normal distribution's.
 *
 * @throws LightningError STATISTICS_INPUT for lists of different lengths or none
 */
export function wilcoxonSignedRank(
  first: readonly number[],
  second: readonly number[],
  options: PairedTestOptions = {},
): WilcoxonResult {
  const { alternative = 'two-sided' } = options;
  checkAlternative('wilcoxonSignedRank', alternative);
  const differences = differencesOf('wilcoxonSignedRank', first, second, 1).filter((value) => value !== 0);
  const method = differences.length <= 50 ? 'exact' : 'normal';
  if (differences.length === 0) return { statistic: Number.NaN, pValue: Number.NaN, method };
  const ranks = averageRanks(differences.map(Math.abs));
  const positive = ranks.reduce((sum, rank, i) => (differences[i]! > 0 ? sum + rank : sum), 0);
  const total = ranks.reduce((sum, rank) => sum + rank, 0);
  const statistic = alternative === 'two-sided' ? Math.min(positive, total - positive) : positive;
  const tails = method === 'exact' ? exactTails(ranks, positive) : normalTails(ranks, positive);
  const pValue =
    alternative === 'two-sided'
      ? Math.min(1, 2 * Math.min(tails.less, tails.greater))
      : tails[alternative === 'less' ? 'less' : 'greater'];
  return { statistic, pValue, method };
}

/** Mean, spread and interval of scores. */
export interface ScoreSummary {
  readonly mean: number;
  /** Standard deviation of one score (divided by n - 1); 0 for a single one. */
  readonly std: number;
  /** Where the true mean lies with the given confidence; NaN for a single score. */
  readonly interval: readonly [low: number, high: number];
}

/**
 * Mean, standard deviation and interval by Student's t. With the sizes of the folds' parts the interval allows for shared
 * training data as {@link correctedPairedTTest} does; without them it takes scores as independent, and is narrower.
 *
 * @param options `confidence`: default 0.95
 */
export function summarizeScores(
  scores: readonly number[],
  options: Partial<FoldSizes> & { readonly confidence?: number } = {},
): ScoreSummary {
  const { confidence = 0.95, testSize, trainSize } = options;
  checkConfidence('summarizeScores', confidence);
  const share =
    testSize === undefined || trainSize === undefined ? 0 : testShare('summarizeScores', { testSize, trainSize });
  const mean = meanOf(scores);
  if (scores.length < 2) return { mean, std: 0, interval: [Number.NaN, Number.NaN] };
  const variance = varianceOf(scores, mean);
  const half = studentTInterval(confidence, scores.length - 1) * Math.sqrt(variance * (1 / scores.length + share));
  return { mean, std: Math.sqrt(variance), interval: [mean - half, mean + half] };
}

/** @throws LightningError OPTION_INVALID unless it is between 0 and 1 */
export function checkConfidence(owner: string, confidence: unknown): void {
  if (typeof confidence === 'number' && confidence > 0 && confidence < 1) return;
  throw new LightningError(
    'OPTION_INVALID',
    `${owner}: confidence is ${describe(confidence)}. Use a number between 0 and 1, such as 0.95.`,
  );
}

function tTest(
  owner: string,
  first: readonly number[],
  second: readonly number[],
  varianceOfMean: (variance: number, count: number) => number,
  { alternative = 'two-sided' }: PairedTestOptions,
): TTestResult {
  checkAlternative(owner, alternative);
  const differences = differencesOf(owner, first, second, 2);
  const meanDifference = meanOf(differences);
  const standardError = Math.sqrt(varianceOfMean(varianceOf(differences, meanDifference), differences.length));
  const statistic = meanDifference / standardError;
  const degreesOfFreedom = differences.length - 1;
  const pValue =
    alternative === 'two-sided'
      ? twoSided(statistic, degreesOfFreedom)
      : studentTCdf(alternative === 'less' ? statistic : -statistic, degreesOfFreedom);
  return { statistic, pValue, degreesOfFreedom, meanDifference, standardError };
}

function differencesOf(owner: string, first: readonly number[], second: readonly number[], least: number): number[] {
  if (first.length !== second.length || first.length < least) {
    throw new LightningError(
      'STATISTICS_INPUT',
      `${owner} compares pairs: it needs two lists of one length, with at least ${least} ${least === 1 ? 'score' : 'scores'} each; got ${first.length} and ${second.length}.`,
    );
  }
  return first.map((value, i) => value - second[i]!);
}

function checkAlternative(owner: string, alternative: unknown): void {
  if (['two-sided', 'greater', 'less'].includes(alternative as string)) return;
  throw new LightningError(
    'OPTION_INVALID',
    `${owner}: alternative is ${describe(alternative)}. Use 'two-sided', 'greater' or 'less'.`,
  );
}

function testShare(owner: string, { testSize, trainSize }: FoldSizes): number {
  if (testSize > 0 && trainSize > 0) return testSize / trainSize;
  throw new LightningError(
    'STATISTICS_INPUT',
    `${owner}: trainSize is ${describe(trainSize)} and testSize ${describe(testSize)}. Give how many samples a fold trains on, and how many it holds out.`,
  );
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function varianceOf(values: readonly number[], mean: number): number {
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
}

/** Ranks from 1; equal values share the mean of theirs. */
function averageRanks(values: readonly number[]): number[] {
  const order = [...values.keys()].sort((a, b) => values[a]! - values[b]!);
  const ranks = new Array<number>(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end += 1;
    for (let place = start; place < end; place += 1) ranks[order[place]!] = (start + 1 + end) / 2;
    start = end;
  }
  return ranks;
}

/** The chances of a rank sum at most, and at least, as large, over all ways to give the differences their signs. */
function exactTails(ranks: readonly number[], positive: number): { less: number; greater: number } {
  // Shared ranks are halves, so sums are counted in halves.
  const steps = ranks.map((rank) => Math.round(2 * rank));
  const total = steps.reduce((sum, step) => sum + step, 0);
  const chances = new Float64Array(total + 1);
  chances[0] = 1;
  for (const step of steps) {
    for (let sum = total; sum >= 0; sum -= 1)
      chances[sum] = (chances[sum]! + (sum >= step ? chances[sum - step]! : 0)) / 2;
  }
  const observed = Math.round(2 * positive);
  const sumOf = (from: number, to: number): number =>
    chances.subarray(from, to).reduce((sum, chance) => sum + chance, 0);
  return { less: sumOf(0, observed + 1), greater: sumOf(observed, total + 1) };
}

function normalTails(ranks: readonly number[], positive: number): { less: number; greater: number } {
  const count = ranks.length;
  const ties = new Map<number, number>();
  for (const rank of ranks) ties.set(rank, (ties.get(rank) ?? 0) + 1);
  const correction = [...ties.values()].reduce((sum, size) => sum + (size ** 3 - size) / 2, 0);
  const deviation = Math.sqrt((count * (count + 1) * (2 * count + 1) - correction) / 24);
  const z = (positive - (count * (count + 1)) / 4) / deviation;
  return { less: normalTail(-z), greater: normalTail(z) };
}
