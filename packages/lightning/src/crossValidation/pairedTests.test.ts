import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type Alternative,
  correctedPairedTTest,
  pairedTTest,
  summarizeScores,
  wilcoxonSignedRank,
} from './pairedTests.js';
import { studentTCdf, studentTInterval, twoSided } from './studentT.js';

interface RecordedTest {
  first: number[];
  second: number[];
  alternative: Alternative;
  statistic: number;
  pValue: number;
}
interface RecordedTTest extends RecordedTest {
  trainSize: number;
  testSize: number;
  correctedStatistic: number;
  correctedPValue: number;
  mean: number;
  std: number;
  interval: [number, number];
}
const recorded = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../test/fixtures/crossValidation.json'), 'utf8'),
) as {
  tTests: RecordedTTest[];
  wilcoxon: (RecordedTest & { method: string })[];
  studentT: { df: number; t: number; cdf: number; twoSided: number }[];
  tIntervals: { df: number; confidence: number; t: number }[];
};

/** Equal to `digits` significant digits. */
function expectClose(found: number, expected: number, digits = 12): void {
  expect(Math.abs(found - expected)).toBeLessThanOrEqual(Math.abs(expected) * 10 ** -digits + 1e-300);
}

describe("Student's t distribution", () => {
  it("has scipy's values", () => {
    for (const { cdf, df, t, twoSided: sides } of recorded.studentT) {
      expectClose(studentTCdf(t, df), cdf);
      expectClose(twoSided(t, df), sides);
    }
    // Quantiles of scipy 1.10 are right to about 8 digits: that of 1 degree of freedom at 0.75 is 1.0000000000133888, not 1.
    for (const { confidence, df, t } of recorded.tIntervals) {
      expectClose(studentTInterval(confidence, df), t, 8);
      expectClose(twoSided(studentTInterval(confidence, df), df), 1 - confidence);
      expectClose(studentTInterval(confidence, 1), Math.tan((Math.PI * confidence) / 2));
    }
  });
});

describe('tests of pairs', () => {
  it.each(recorded.tTests)('t-tests have the values of scipy: $alternative, $statistic', (test) => {
    const { alternative, first, second, testSize, trainSize } = test;
    const plain = pairedTTest(first, second, { alternative });
    expectClose(plain.statistic, test.statistic, 10);
    expectClose(plain.pValue, test.pValue, 10);
    expect(plain.degreesOfFreedom).toBe(first.length - 1);
    const corrected = correctedPairedTTest(first, second, { alternative, testSize, trainSize });
    expectClose(corrected.statistic, test.correctedStatistic, 10);
    expectClose(corrected.pValue, test.correctedPValue, 10);
    expect(Math.abs(corrected.statistic)).toBeLessThan(Math.abs(plain.statistic));
  });

  it('means, deviations and intervals are those of scipy', () => {
    for (const { first, interval, mean, std, testSize, trainSize } of recorded.tTests) {
      const summary = summarizeScores(first);
      expectClose(summary.mean, mean);
      expectClose(summary.std, std);
      expectClose(summary.interval[0], interval[0], 10);
      expectClose(summary.interval[1], interval[1], 10);
      const wider = summarizeScores(first, { trainSize, testSize });
      const factor = Math.sqrt((1 / first.length + testSize / trainSize) * first.length);
      expectClose(wider.interval[1] - mean, (interval[1] - mean) * factor, 9);
    }
    expect(summarizeScores([0.5])).toEqual({ mean: 0.5, std: 0, interval: [Number.NaN, Number.NaN] });
  });

  it.each(recorded.wilcoxon)('Wilcoxon has the values of scipy: $alternative, $statistic, $method', (test) => {
    const found = wilcoxonSignedRank(test.first, test.second, { alternative: test.alternative });
    expect(found.method).toBe(test.method);
    expect(found.statistic).toBe(test.statistic);
    expectClose(found.pValue, test.pValue, 11);
  });

  it('say nothing where no pair differs, and are certain where all differ alike', () => {
    const scores = [0.5, 0.25, 0.75];
    expect(pairedTTest(scores, scores)).toMatchObject({ pValue: Number.NaN, statistic: Number.NaN, meanDifference: 0 });
    expect(wilcoxonSignedRank(scores, scores)).toMatchObject({ pValue: Number.NaN, statistic: Number.NaN });
    const better = scores.map((score) => score + 0.125);
    expect(pairedTTest(better, scores)).toMatchObject({ pValue: 0, statistic: Number.POSITIVE_INFINITY });
  });

  it.each<[string, () => unknown, RegExp]>([
    ['lists of two lengths', () => pairedTTest([1, 2], [1, 2, 3]), /STATISTICS_INPUT.*got 2 and 3/],
    ['a single pair', () => pairedTTest([1], [2]), /STATISTICS_INPUT.*at least 2 scores/],
    ['no pairs', () => wilcoxonSignedRank([], []), /STATISTICS_INPUT.*at least 1 score /],
    ['an alternative', () => pairedTTest([1, 2], [2, 1], { alternative: 'more' as never }), /OPTION_INVALID.*'more'/],
    ['another', () => wilcoxonSignedRank([1], [2], { alternative: 'x' as never }), /OPTION_INVALID.*'greater'/],
    [
      'folds without training samples',
      () => correctedPairedTTest([1, 2], [2, 1], { trainSize: 0, testSize: 1 }),
      /STATISTICS_INPUT.*trainSize is 0/,
    ],
    ['certainty', () => summarizeScores([1, 2], { confidence: 1 }), /OPTION_INVALID.*confidence is 1/],
  ])('%s: refused', (_, act, message) => {
    expect(act).toThrow(message);
  });
});
