import { LightningError } from '../errors.js';
import { nearestNames } from '../nearestNames.js';
import type { FitResult } from '../trainer/fitResult.js';
import type { Fold } from './fold.js';
import {
  type Alternative,
  correctedPairedTTest,
  pairedTTest,
  type ScoreSummary,
  summarizeScores,
  type TTestResult,
  type WilcoxonResult,
  wilcoxonSignedRank,
} from './pairedTests.js';
import { comparisonText, resultTable } from './resultTable.js';

/** What came of one fold. */
export interface FoldResult {
  readonly fold: Fold;
  /** What was logged while the held-out samples were evaluated. */
  readonly metrics: Readonly<Record<string, number>>;
  /** How training ended. */
  readonly fit: FitResult;
  /** Time for training and evaluation. */
  readonly seconds: number;
}

/** One metric over all folds. */
export interface MetricSummary extends ScoreSummary {
  /** Its value in each fold. */
  readonly values: readonly number[];
}

export interface CompareOptions {
  /**
   * `'corrected'`: t-test that allows for training data the folds share (default); `'t'`: the plain one; `'wilcoxon'`: by signed
   * ranks.
   */
  readonly test?: 'corrected' | 't' | 'wilcoxon';
  /** That this model's metric is different, larger (`greater`) or smaller (`less`). Default `'two-sided'`. */
  readonly alternative?: Alternative;
}

/** Two models on the same folds. `String(comparison)` says it in a sentence. */
export interface Comparison {
  readonly metric: string;
  readonly test: 'corrected' | 't' | 'wilcoxon';
  readonly alternative: Alternative;
  /** Mean of this model's values minus the other's. */
  readonly difference: number;
  /** Where the true difference lies, with the confidence of this result. */
  readonly interval: readonly [low: number, high: number];
  readonly statistic: number;
  readonly pValue: number;
  toString(): string;
}

/** The results of all folds; printed, a table of the metrics with their spread. */
export class CrossValidationResult {
  /** Each metric that every fold has. */
  readonly metrics: Readonly<Record<string, MetricSummary>>;

  /**
   * @param folds in order
   * @param status `'interrupted'` when a signal ended the run before all folds were done
   * @param seed of the first fold; each next one has the next number
   * @param confidence of the intervals
   */
  constructor(
    readonly folds: readonly FoldResult[],
    readonly status: 'finished' | 'interrupted',
    readonly seed: number,
    readonly confidence: number,
  ) {
    const names = Object.keys(folds[0]?.metrics ?? {});
    const everywhere = names.filter((name) => folds.every(({ metrics }) => Object.hasOwn(metrics, name)));
    this.metrics = Object.fromEntries(everywhere.map((name) => [name, this.summarize(name)]));
  }

  /** One metric's summary. @throws LightningError MONITOR_MISSING for a name that not every fold logged */
  metric(name: string): MetricSummary {
    const found = Object.hasOwn(this.metrics, name) ? this.metrics[name] : undefined;
    if (found !== undefined) return found;
    const known = Object.keys(this.metrics);
    const near = nearestNames(name, known).map((candidate) => `'${candidate}'`);
    throw new LightningError(
      'MONITOR_MISSING',
      `The folds have no metric '${name}'. ${near.length > 0 ? `Did you mean ${near.join(' or ')}?` : `They have: ${known.join(', ') || 'none'}.`}`,
    );
  }

  /**
   * Whether this model differs from another one that was run on the same folds.
   *
   * @throws LightningError MONITOR_MISSING, STATISTICS_INPUT unless both have the same folds, at least two
   */
  compare(other: CrossValidationResult, metric: string, options: CompareOptions = {}): Comparison {
    const { alternative = 'two-sided', test = 'corrected' } = options;
    if (!['corrected', 't', 'wilcoxon'].includes(test)) {
      throw new LightningError('OPTION_INVALID', `compare: test is '${test}'. Use 'corrected', 't' or 'wilcoxon'.`);
    }
    const [own, theirs] = [this.metric(metric), other.metric(metric)];
    this.checkSameFolds(other);
    const differences = own.values.map((value, i) => value - theirs.values[i]!);
    const sizes = test === 't' ? {} : this.sizes();
    const { interval, mean } = summarizeScores(differences, { ...sizes, confidence: this.confidence });
    const tests = {
      corrected: (): TTestResult => correctedPairedTTest(own.values, theirs.values, { ...this.sizes(), alternative }),
      t: (): TTestResult => pairedTTest(own.values, theirs.values, { alternative }),
      wilcoxon: (): WilcoxonResult => wilcoxonSignedRank(own.values, theirs.values, { alternative }),
    };
    const { pValue, statistic } = tests[test]();
    const comparison = { metric, test, alternative, difference: mean, interval, statistic, pValue };
    const { confidence } = this;
    return { ...comparison, toString: () => comparisonText(comparison, confidence) };
  }

  /** A table: mean, standard deviation and interval of each metric, and its value in each fold. */
  toString(): string {
    return resultTable(this, process.stdout.columns || 100);
  }

  private summarize(name: string): MetricSummary {
    const values = this.folds.map(({ metrics }) => metrics[name]!);
    return { ...summarizeScores(values, { ...this.sizes(), confidence: this.confidence }), values };
  }

  /** Of an average fold. */
  private sizes(): { readonly trainSize: number; readonly testSize: number } {
    const { folds } = this;
    const average = (size: (fold: Fold) => number): number =>
      folds.reduce((sum, { fold }) => sum + size(fold), 0) / folds.length;
    return {
      trainSize: average(({ trainIndices }) => trainIndices.length),
      testSize: average(({ testIndices }) => testIndices.length),
    };
  }

  private checkSameFolds(other: CrossValidationResult): void {
    const isSame =
      this.folds.length === other.folds.length &&
      this.folds.every(({ fold }, i) => sameNumbers(fold.testIndices, other.folds[i]!.fold.testIndices));
    if (isSame) return;
    throw new LightningError(
      'STATISTICS_INPUT',
      `compare needs two results of the same folds; these have ${this.folds.length} and ${other.folds.length}, or hold out other samples. Split once, and give both calls of crossValidate the same folds.`,
    );
  }
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
