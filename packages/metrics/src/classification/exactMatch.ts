import { type Tensor, tensor, zeros } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { binaryLabels, countLabels } from './inputs.js';
import {
  type CommonOptions,
  checkCount,
  checkThreshold,
  chooseByTask,
  isSamplewise,
  type MultidimAverage,
  type TaskScoreOptions,
} from './options.js';
import { safeDivide } from './rankedScores.js';

export interface MulticlassExactMatchOptions extends CommonOptions, MultidimAverage {
  readonly numClasses: number;
}
export interface MultilabelExactMatchOptions extends CommonOptions, MultidimAverage {
  readonly numLabels: number;
  /** Floats strictly above it count as 1. Default 0.5. */
  readonly threshold?: number;
}

/** Counts samples that are right in every place: `read` gives [samples] or [samples, places], true where all is right. */
function exactMatches(key: string, isGlobal: boolean, read: Recipe<Tensor>['count']): Recipe<Tensor> {
  return {
    key: `exactMatch:${key}:${isGlobal}`,
    higherIsBetter: true,
    states: isGlobal
      ? [
          { name: 'correct', zero: () => zeros([], { dtype: 'int64' }) },
          { name: 'total', zero: () => zeros([], { dtype: 'int64' }) },
        ]
      : [{ name: 'correct', zero: null }],
    count(preds, target) {
      const [right] = read(preds, target);
      if (isGlobal) return [right!.sum(), tensor(right!.numel())];
      return [right!.dim() === 1 ? right!.float() : right!.float().mean(1)];
    },
    value: ([correct, total]) => (isGlobal ? safeDivide(correct!, total!) : correct!),
  };
}

const multiclass = (options: MulticlassExactMatchOptions) => {
  const { numClasses, ignoreIndex = null, validateArgs = true } = options;
  const isGlobal = !isSamplewise(options, 'MulticlassExactMatch');
  checkCount('numClasses', numClasses, 2, 'MulticlassExactMatch');
  return exactMatches(`multiclass:${numClasses}:${ignoreIndex}`, isGlobal, (preds, target) => {
    const labels = preds.dim() === target.dim() + 1 ? preds.argmax(1) : preds;
    if (String(labels.shape) !== String(target.shape) || target.dim() < 2)
      throw new MetricError(
        'SHAPE_MISMATCH',
        `MulticlassExactMatch: preds [${preds.shape}] and target [${target.shape}] do not belong together. Give labels [N, ...] or scores [N, classes, ...] for targets [N, ...] of two dimensions or more.`,
      );
    const isRight = labels.eq(target);
    const ignored = ignoreIndex === null ? null : target.eq(ignoreIndex);
    if (validateArgs) {
      const counted = ignored === null ? target.flatten() : target.maskedSelect(ignored.logicalNot());
      countLabels(counted.long(), numClasses, 'target');
    }
    return [(ignored === null ? isRight : isRight.logicalOr(ignored)).flatten(1).all(1)];
  });
};

const multilabel = (options: MultilabelExactMatchOptions) => {
  const { numLabels, threshold = 0.5, ignoreIndex = null, validateArgs = true } = options;
  const isGlobal = !isSamplewise(options, 'MultilabelExactMatch');
  checkCount('numLabels', numLabels, 2, 'MultilabelExactMatch');
  checkThreshold(threshold, 'MultilabelExactMatch');
  return exactMatches(`multilabel:${numLabels}:${threshold}:${ignoreIndex}`, isGlobal, (preds, target) => {
    const pair = binaryLabels(preds, target, threshold);
    if (target.dim() < 2 || target.size(1) !== numLabels)
      throw new MetricError(
        'SHAPE_MISMATCH',
        `target has the shape [${target.shape}], but numLabels is ${numLabels}. Give [N, labels, ...].`,
      );
    const kept = ignoreIndex === null ? null : pair.target.ne(ignoreIndex);
    if (validateArgs) countLabels(kept === null ? pair.target.flatten() : pair.target.maskedSelect(kept), 2, 'target');
    const isRight = pair.preds.eq(pair.target);
    // A label to leave out makes its sample one that is not right, as it does in torchmetrics.
    const all = isRight.all(1);
    return [all.dim() === 1 ? all : all.flatten(1)];
  });
};

/** The share of samples whose every place is right. Of many classes, targets [N, ...] of two dimensions or more. */
export class MulticlassExactMatch extends RecipeMetric<Tensor> {
  constructor(options: MulticlassExactMatchOptions) {
    super(multiclass(options));
  }
}

/** The share of samples whose every label is right. */
export class MultilabelExactMatch extends RecipeMetric<Tensor> {
  constructor(options: MultilabelExactMatchOptions) {
    super(multilabel(options));
  }
}

type TaskExactMatchOptions = TaskScoreOptions & { task: 'multiclass' | 'multilabel' };
const notBinary = (owner: string): never => {
  throw new MetricError(
    'OPTION_INVALID',
    `${owner} has no form for the task 'binary': use Accuracy, which is the same.`,
  );
};

function makeExactMatch(options: TaskExactMatchOptions): ExactMatch {
  return chooseByTask<ExactMatch>('ExactMatch', options, {
    binary: () => notBinary('ExactMatch'),
    multiclass: (given) => new MulticlassExactMatch(given),
    multilabel: (given) => new MultilabelExactMatch(given),
  });
}
/** The share of samples whose every place is right. Makes the metric for the task 'multiclass' or 'multilabel'. */
export const ExactMatch = makeExactMatch as unknown as {
  new (options: TaskExactMatchOptions & { task: 'multiclass' }): MulticlassExactMatch;
  new (options: TaskExactMatchOptions & { task: 'multilabel' }): MultilabelExactMatch;
  new (options: TaskExactMatchOptions): ExactMatch;
};
export type ExactMatch = MulticlassExactMatch | MultilabelExactMatch;

export const multiclassExactMatch = (preds: Tensor, target: Tensor, options: MulticlassExactMatchOptions): Tensor =>
  valueOf(multiclass(options), preds, target);
export const multilabelExactMatch = (preds: Tensor, target: Tensor, options: MultilabelExactMatchOptions): Tensor =>
  valueOf(multilabel(options), preds, target);
/** The value of one batch, by task. */
export const exactMatch = (preds: Tensor, target: Tensor, options: TaskExactMatchOptions): Tensor =>
  chooseByTask('exactMatch', options, {
    binary: () => notBinary('exactMatch'),
    multiclass: (given) => multiclassExactMatch(preds, target, given),
    multilabel: (given) => multilabelExactMatch(preds, target, given),
  });
