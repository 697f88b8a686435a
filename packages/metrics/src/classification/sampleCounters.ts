import { arange, stack, type Tensor } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { binaryLabels, countLabels, type LabelPair, shapedLabels } from './inputs.js';
import {
  type BinaryOptions,
  checkAverage,
  checkCount,
  checkThreshold,
  type MulticlassOptions,
  type MultilabelOptions,
} from './options.js';
import { labelCountDiffers, type StatCounter, scoresOfCells } from './statScores.js';

// Counters of each sample by itself, for `multidimAverage: 'samplewise'`. A batch gives [tn, fp, fn, tp] in the last
// dimension: [N, 4], or [N, classes, 4].

/** For one of two classes. @throws MetricError SHAPE_MISMATCH for targets of one dimension */
export function binarySamples(owner: string, options: BinaryOptions): StatCounter {
  const { threshold = 0.5, ignoreIndex = null, validateArgs = true } = options;
  checkThreshold(threshold, owner);
  return {
    key: `samples:binary:${threshold}:${ignoreIndex}`,
    task: 'binary',
    average: 'micro',
    zero: null,
    count(preds, target) {
      checkPlaces(owner, target);
      return cellsOf(binaryLabels(preds, target, threshold), [target.size(0)], ignoreIndex, validateArgs);
    },
    scores: scoresOfCells,
  };
}

/** For any number of labels. @throws MetricError SHAPE_MISMATCH for targets of fewer than three dimensions */
export function multilabelSamples(owner: string, options: MultilabelOptions): StatCounter {
  const { numLabels, threshold = 0.5, average = 'macro', ignoreIndex = null, validateArgs = true } = options;
  checkCount('numLabels', numLabels, 2, owner);
  checkThreshold(threshold, owner);
  checkAverage(average, owner);
  return {
    key: `samples:multilabel:${numLabels}:${threshold}:${ignoreIndex}`,
    task: 'multilabel',
    average,
    zero: null,
    count(preds, target) {
      if (target.dim() < 2 || target.size(1) !== numLabels) throw labelCountDiffers(target, numLabels);
      checkPlaces(owner, target, 3);
      return cellsOf(binaryLabels(preds, target, threshold), [target.size(0), numLabels], ignoreIndex, validateArgs);
    },
    scores: scoresOfCells,
  };
}

/** For one of many classes. @throws MetricError SHAPE_MISMATCH for targets of one dimension */
export function multiclassSamples(owner: string, options: MulticlassOptions): StatCounter {
  const { numClasses, average = 'macro', topK = 1, ignoreIndex = null, validateArgs = true } = options;
  checkCount('numClasses', numClasses, 2, owner);
  checkCount('topK', topK, 1, owner);
  if (topK > numClasses) checkCount('numClasses', undefined, topK, owner);
  checkAverage(average, owner);
  return {
    key: `samples:multiclass:${numClasses}:${topK}:${ignoreIndex}`,
    task: 'multiclass',
    average,
    topK,
    zero: null,
    count(preds, target) {
      checkPlaces(owner, target);
      const shaped = shapedLabels(preds, target, numClasses, topK);
      const [labels, guesses] = [shaped.target.flatten(1), shaped.preds.flatten(1)];
      const kept = ignoreIndex === null ? null : labels.ne(ignoreIndex);
      const select = (values: Tensor): Tensor => (kept === null ? values.flatten() : values.maskedSelect(kept));
      const [flatLabels, flatGuesses] = [select(labels), select(guesses)];
      if (validateArgs) {
        countLabels(flatLabels, numClasses, 'target');
        countLabels(flatGuesses, numClasses, 'preds');
      }
      const samples = labels.size(0);
      const rows = select(arange(samples, { device: labels.device }).unsqueeze(1).expandAs(labels));
      const bySample = (cells: Tensor): Tensor =>
        cells.bincount(null, samples * numClasses).view([samples, numClasses]);
      const cellsOfLabels = rows.mul(numClasses).add(flatLabels);
      const support = bySample(cellsOfLabels);
      const predicted = bySample(rows.mul(numClasses).add(flatGuesses));
      const tp = bySample(cellsOfLabels.maskedSelect(flatLabels.eq(flatGuesses)));
      const total = support.sum(1, true);
      const fn = support.sub(tp);
      return stack([total.sub(predicted).sub(fn), predicted.sub(tp), fn, tp], -1);
    },
    scores: scoresOfCells,
  };
}

/** Cells of zeros and ones: `groups` are the leading dimensions that are told apart, the rest of a group is counted. */
function cellsOf(
  { preds, target }: LabelPair,
  groups: number[],
  ignoreIndex: number | null,
  validateArgs: boolean,
): Tensor {
  const count = groups.reduce((product, size) => product * size, 1);
  const kept = ignoreIndex === null ? null : target.ne(ignoreIndex);
  const select = (values: Tensor): Tensor => (kept === null ? values.flatten() : values.maskedSelect(kept));
  if (validateArgs) {
    countLabels(select(target), 2, 'target');
    if (preds.dtype === 'int64') countLabels(select(preds), 2, 'preds');
  }
  const first = arange(0, 4 * count, 4, { device: target.device });
  const places = target.mul(2).add(preds).view([count, -1]).add(first.unsqueeze(1)).view(target.shape);
  return select(places)
    .bincount(null, 4 * count)
    .view([...groups, 4]);
}

function checkPlaces(owner: string, target: Tensor, least = 2): void {
  if (target.dim() >= least) return;
  throw new MetricError(
    'SHAPE_MISMATCH',
    `${owner}: a value for each sample needs several places in each, so a target of ${least} dimensions or more, and target has the shape [${target.shape}].`,
  );
}
