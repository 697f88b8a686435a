import { arange, stack, type Tensor, zeros } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { binaryLabels, countLabels, countPairs, type LabelPair, multiclassLabels, without } from './inputs.js';
import {
  type Average,
  type BinaryOptions,
  checkAverage,
  checkCount,
  checkThreshold,
  type MulticlassOptions,
  type MultilabelOptions,
  type Task,
} from './options.js';

/** What the scores are worked out from: right positives, positives, positive predictions, and everything. */
interface ScoreParts {
  tp(): Tensor;
  support(): Tensor;
  predicted(): Tensor;
  total(): Tensor;
}

/**
 * How predictions met their targets, 0-d or one number for each class or label. Each is worked out when it is first asked
 * for: most metrics need two of them.
 */
export class StatScores {
  private tpValue: Tensor | undefined;
  private supportValue: Tensor | undefined;
  private predictedValue: Tensor | undefined;
  private totalValue: Tensor | undefined;

  constructor(private readonly parts: ScoreParts) {}

  /** True positives. */
  get tp(): Tensor {
    this.tpValue ??= this.parts.tp();
    return this.tpValue;
  }

  /** Positive targets: tp + fn. */
  get support(): Tensor {
    this.supportValue ??= this.parts.support();
    return this.supportValue;
  }

  /** Positive predictions: tp + fp. */
  get predicted(): Tensor {
    this.predictedValue ??= this.parts.predicted();
    return this.predictedValue;
  }

  /** All predictions: tp + fp + tn + fn. */
  get total(): Tensor {
    this.totalValue ??= this.parts.total();
    return this.totalValue;
  }

  /** True negatives. */
  get tn(): Tensor {
    return this.total.sub(this.support).sub(this.predicted).add(this.tp);
  }
}

/**
 * Counts batches into one tensor, laid out so that a batch takes few operations, and reads the scores out of the sum.
 * Two counters with equal keys count the same inputs alike.
 */
export interface StatCounter {
  readonly key: string;
  readonly task: Task;
  readonly average: Average;
  /** How many of the highest scores count as predicted; 1 but for `topK`. */
  readonly topK?: number;
  zero(): Tensor;
  /** What one batch adds to the counts. */
  count(preds: Tensor, target: Tensor): Tensor;
  scores(counts: Tensor): StatScores;
}

/** Up to here a table of all pairs of classes is counted: fewer operations than three counts, and small. */
const largestTable = 32;

/** Counts for one of two classes, laid out as [tn, fp, fn, tp]. */
export function binaryCounter(owner: string, options: BinaryOptions = {}): StatCounter {
  const { threshold = 0.5, ignoreIndex = null, validateArgs = true } = options;
  checkThreshold(threshold, owner);
  return {
    key: `binary:${threshold}:${ignoreIndex}`,
    task: 'binary',
    average: 'micro',
    zero: () => zeros([4], { dtype: 'int64' }),
    count(preds, target) {
      const given = flattened(binaryLabels(preds, target, threshold));
      const pair = ignoreIndex === null ? given : without(given, ignoreIndex);
      if (validateArgs && pair.preds.dtype === 'int64') countLabels(pair.preds, 2, 'preds');
      return countPairs(pair, 2);
    },
    scores: (counts) => scoresOfCells(counts),
  };
}

/** Counts for any number of labels, `[labels, 4]` with [tn, fp, fn, tp] in each row. */
export function multilabelCounter(owner: string, options: MultilabelOptions): StatCounter {
  const { numLabels, threshold = 0.5, average = 'macro', ignoreIndex = null, validateArgs = true } = options;
  checkCount('numLabels', numLabels, 2, owner);
  checkThreshold(threshold, owner);
  checkAverage(average, owner);
  return {
    key: `multilabel:${numLabels}:${threshold}:${ignoreIndex}`,
    task: 'multilabel',
    average,
    zero: () => zeros([numLabels, 4], { dtype: 'int64' }),
    count(preds, target) {
      const given = binaryLabels(preds, target, threshold);
      if (target.dim() < 2 || target.size(1) !== numLabels) throw labelCountDiffers(target, numLabels);
      // Each label gets four numbers of its own: 4 * label + 2 * target + prediction.
      const labels = arange(0, 4 * numLabels, 4, { device: target.device }).view([
        numLabels,
        ...target.shape.slice(2).fill(1),
      ]);
      const cells = given.target.mul(2).add(given.preds).add(labels).flatten();
      const kept = ignoreIndex === null ? null : given.target.flatten().ne(ignoreIndex);
      if (validateArgs) {
        checkBinary(given.target.flatten(), kept, 'target');
        if (given.preds.dtype === 'int64') checkBinary(given.preds.flatten(), kept, 'preds');
      }
      const counted = kept === null ? cells : cells.maskedSelect(kept);
      return counted.bincount(null, 4 * numLabels).view([numLabels, 4]);
    },
    scores: (counts) => scoresOfCells(counts),
  };
}

/** Counts for one of many classes; the layout depends on the number of classes and on whether classes are told apart. */
export function multiclassCounter(owner: string, options: MulticlassOptions): StatCounter {
  const { numClasses, average = 'macro', topK = 1, ignoreIndex = null, validateArgs = true } = options;
  checkCount('numClasses', numClasses, 2, owner);
  checkCount('topK', topK, 1, owner);
  if (topK > numClasses) checkCount('numClasses', undefined, topK, owner);
  checkAverage(average, owner);
  const key = `multiclass:${numClasses}:${topK}:${ignoreIndex}`;
  const labels: LabelsOf = (preds, target) => multiclassLabels(preds, target, numClasses, topK, ignoreIndex);
  if (average === 'micro') return microCounter(`${key}:micro`, numClasses, labels, validateArgs);
  const counter =
    numClasses > largestTable
      ? classCounter(key, numClasses, average, labels)
      : tableCounter(key, numClasses, average, labels, validateArgs);
  return { ...counter, topK };
}

type LabelsOf = (preds: Tensor, target: Tensor) => LabelPair;

function microCounter(key: string, numClasses: number, labels: LabelsOf, validateArgs: boolean): StatCounter {
  return {
    key,
    task: 'multiclass',
    average: 'micro',
    // Wrong and right ones.
    zero: () => zeros([2], { dtype: 'int64' }),
    count(preds, target) {
      const pair = labels(preds, target);
      if (validateArgs) {
        countLabels(pair.target, numClasses, 'target');
        if (!preds.isFloatingPoint()) countLabels(pair.preds, numClasses, 'preds');
      }
      return pair.preds.eq(pair.target).long().bincount(null, 2);
    },
    scores(counts) {
      const positives = (): Tensor => counts.sum();
      return new StatScores({
        tp: () => counts.select(0, 1),
        support: positives,
        predicted: positives,
        total: () => counts.sum().mul(numClasses),
      });
    },
  };
}

function tableCounter(
  key: string,
  size: number,
  average: Average,
  labels: LabelsOf,
  validateArgs: boolean,
): StatCounter {
  return {
    key,
    task: 'multiclass',
    average,
    zero: () => zeros([size * size], { dtype: 'int64' }),
    count(preds, target) {
      const pair = labels(preds, target);
      const isOwn = preds.isFloatingPoint();
      if (validateArgs && !isOwn) countLabels(pair.preds, size, 'preds');
      try {
        return countPairs(pair, size);
      } finally {
        if (isOwn) pair.preds.dispose();
      }
    },
    scores(counts) {
      const table = counts.view([size, size]);
      return new StatScores({
        tp: () => table.diag(),
        support: () => table.sum(1),
        predicted: () => table.sum(0),
        total: () => counts.sum(),
      });
    },
  };
}

function classCounter(key: string, size: number, average: Average, labels: LabelsOf): StatCounter {
  return {
    key,
    task: 'multiclass',
    average,
    zero: () => zeros([3, size], { dtype: 'float64' }),
    count(preds, target) {
      const pair = labels(preds, target);
      const right = pair.preds.eq(pair.target);
      // Counting checks the labels on the way, so validateArgs has nothing to save here.
      const byTarget = countLabels(pair.target, size, 'target');
      const byPrediction = countLabels(pair.preds, size, 'preds');
      const hits = pair.target.bincount(right, size);
      return stack([hits, byPrediction.double(), byTarget.double()]);
    },
    scores: (counts) =>
      new StatScores({
        tp: () => counts.select(0, 0),
        support: () => counts.select(0, 2),
        predicted: () => counts.select(0, 1),
        total: () => counts.select(0, 2).sum(),
      }),
  };
}

/** Scores of counts whose last dimension is [tn, fp, fn, tp]. */
function scoresOfCells(counts: Tensor): StatScores {
  const cell = (index: number): Tensor => counts.select(-1, index);
  return new StatScores({
    tp: () => cell(3),
    support: () => cell(2).add(cell(3)),
    predicted: () => cell(1).add(cell(3)),
    total: () => counts.sum(-1),
  });
}

function flattened({ preds, target }: LabelPair): LabelPair {
  return target.dim() === 1 ? { preds, target } : { preds: preds.flatten(), target: target.flatten() };
}

function checkBinary(labels: Tensor, kept: Tensor | null, what: string): void {
  countLabels(kept === null ? labels : labels.maskedSelect(kept), 2, what);
}

function labelCountDiffers(target: Tensor, numLabels: number): MetricError {
  return new MetricError(
    'SHAPE_MISMATCH',
    `target has the shape [${target.shape}], but numLabels is ${numLabels}. Give [N, labels, ...].`,
  );
}
