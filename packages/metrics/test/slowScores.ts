/** Scores worked out by counting in plain loops: what the metrics are checked against. */

export interface Counts {
  tp: number;
  fp: number;
  tn: number;
  fn: number;
}

export type Score = 'accuracy' | 'precision' | 'recall' | 'specificity' | { beta: number };
export type Average = 'micro' | 'macro' | 'weighted' | 'none';

/** One against the rest, for each class. */
export function countsByClass(preds: readonly number[], target: readonly number[], classes: number): Counts[] {
  return Array.from({ length: classes }, (_, label) => {
    const counts: Counts = { tp: 0, fp: 0, tn: 0, fn: 0 };
    for (const [index, truth] of target.entries()) {
      const isPositive = truth === label;
      const isPredicted = preds[index] === label;
      if (isPositive && isPredicted) counts.tp += 1;
      else if (isPredicted) counts.fp += 1;
      else if (isPositive) counts.fn += 1;
      else counts.tn += 1;
    }
    return counts;
  });
}

function divide(a: number, b: number): number {
  return b === 0 ? 0 : a / b;
}

function scoreOf({ tp, fp, tn, fn }: Counts, score: Score, isMulticlass: boolean): number {
  if (score === 'accuracy') return isMulticlass ? divide(tp, tp + fn) : divide(tp + tn, tp + fp + tn + fn);
  if (score === 'precision') return divide(tp, tp + fp);
  if (score === 'recall') return divide(tp, tp + fn);
  if (score === 'specificity') return divide(tn, tn + fp);
  const precision = divide(tp, tp + fp);
  const recall = divide(tp, tp + fn);
  const square = score.beta ** 2;
  return divide((1 + square) * precision * recall, square * precision + recall);
}

export function averaged(
  counts: readonly Counts[],
  score: Score,
  average: Average,
  isMulticlass: boolean,
): number | number[] {
  if (average === 'micro') {
    const sum: Counts = { tp: 0, fp: 0, tn: 0, fn: 0 };
    for (const each of counts) for (const key of ['tp', 'fp', 'tn', 'fn'] as const) sum[key] += each[key];
    return scoreOf(sum, score, isMulticlass);
  }
  const values = counts.map((each) => scoreOf(each, score, isMulticlass));
  if (average === 'none') return values;
  const weights = counts.map(({ tp, fp, fn }) => {
    if (average === 'weighted') return tp + fn;
    return !isMulticlass || tp + fp + fn > 0 ? 1 : 0;
  });
  const total = weights.reduce<number>((sum, weight) => sum + weight, 0);
  return divide(
    values.reduce((sum, value, index) => sum + value * weights[index]!, 0),
    total,
  );
}
