import { arange, stack, type Tensor, zeros } from '@lightning-ts/torch';
import { binaryLabels, countLabels, countPairs, type LabelPair, multiclassLabels, without } from './inputs.js';
import {
  type Average,
  type BinaryScoreOptions,
  checkAverage,
  checkCount,
  checkThreshold,
  isSamplewise,
  type MulticlassScoreOptions,
  type MultilabelScoreOptions,
} from './options.js';
import { binarySamples, multiclassSamples, multilabelSamples } from './sampleCounters.js';
import { agreementOf, type ReadLabels, readLabels, tableOf } from './smallBatch.js';
import { labelCountDiffers, type StatCounter, StatScores, scoresOfCells } from './statScores.js';

/** Up to here a table of all pairs of classes is counted: fewer operations than three counts, and small. */
const largestTable = 32;

/** Counts for one of two classes, laid out as [tn, fp, fn, tp]. */
export function binaryCounter(owner: string, options: BinaryScoreOptions = {}): StatCounter {
  if (isSamplewise(options, owner)) return binarySamples(owner, options);
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
export function multilabelCounter(owner: string, options: MultilabelScoreOptions): StatCounter {
  if (isSamplewise(options, owner)) return multilabelSamples(owner, options);
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
export function multiclassCounter(owner: string, options: MulticlassScoreOptions): StatCounter {
  if (isSamplewise(options, owner)) return multiclassSamples(owner, options);
  const { numClasses, average = 'macro', topK = 1, ignoreIndex = null, validateArgs = true } = options;
  checkCount('numClasses', numClasses, 2, owner);
  checkCount('topK', topK, 1, owner);
  if (topK > numClasses) checkCount('numClasses', undefined, topK, owner);
  checkAverage(average, owner);
  const key = `multiclass:${numClasses}:${topK}:${ignoreIndex}`;
  const labels: LabelsOf = (preds, target) => multiclassLabels(preds, target, numClasses, topK, ignoreIndex);
  const read: ReadSmall = (preds, target) => (topK === 1 ? readLabels(preds, target, numClasses, ignoreIndex) : null);
  if (average === 'micro') return microCounter(`${key}:micro`, numClasses, read, labels, validateArgs);
  const counter =
    numClasses > largestTable
      ? classCounter(key, numClasses, average, labels)
      : tableCounter(key, numClasses, average, read, labels, validateArgs);
  return { ...counter, topK };
}

type LabelsOf = (preds: Tensor, target: Tensor) => LabelPair;
type ReadSmall = (preds: Tensor, target: Tensor) => ReadLabels | null;

function microCounter(
  key: string,
  numClasses: number,
  read: ReadSmall,
  labels: LabelsOf,
  validateArgs: boolean,
): StatCounter {
  return {
    key,
    task: 'multiclass',
    average: 'micro',
    // Wrong and right ones.
    zero: () => zeros([2], { dtype: 'int64' }),
    count(preds, target) {
      const small = read(preds, target);
      if (small !== null) return agreementOf(small);
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
  read: ReadSmall,
  labels: LabelsOf,
  validateArgs: boolean,
): StatCounter {
  return {
    key,
    task: 'multiclass',
    average,
    zero: () => zeros([size * size], { dtype: 'int64' }),
    count(preds, target) {
      const small = read(preds, target);
      if (small !== null) return tableOf(small, size);
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

function flattened({ preds, target }: LabelPair): LabelPair {
  return target.dim() === 1 ? { preds, target } : { preds: preds.flatten(), target: target.flatten() };
}

function checkBinary(labels: Tensor, kept: Tensor | null, what: string): void {
  countLabels(kept === null ? labels : labels.maskedSelect(kept), 2, what);
}
