import { MetricError } from '../errors.js';

/** How the values of several classes or labels become one: over all samples, over classes, weighted by support, or not. */
export type Average = 'micro' | 'macro' | 'weighted' | 'none';

/** What is classified: one of two classes, one of many, or any number of labels. */
export type Task = 'binary' | 'multiclass' | 'multilabel';

export interface CommonOptions {
  /** Targets of this value are left out. */
  readonly ignoreIndex?: number | null;
  /** Whether labels and shapes are checked; default true. Off saves one or two operations an update. */
  readonly validateArgs?: boolean;
}

export interface BinaryOptions extends CommonOptions {
  /** Floats strictly above it count as 1. Default 0.5. */
  readonly threshold?: number;
}

export interface MulticlassOptions extends CommonOptions {
  readonly numClasses: number;
  /** Default `macro`. */
  readonly average?: Average;
  /** A prediction counts as right when its target is among the k largest scores. Default 1. */
  readonly topK?: number;
}

export interface MultilabelOptions extends CommonOptions {
  readonly numLabels: number;
  /** Floats strictly above it count as 1. Default 0.5. */
  readonly threshold?: number;
  /** Default `macro`. */
  readonly average?: Average;
}

/** How what one sample has in further dimensions is joined with that of the others. */
export interface MultidimAverage {
  /** One value over everything (`global`, default), or one for each sample: [N], or [N, classes] without an average. */
  readonly multidimAverage?: 'global' | 'samplewise';
}

/** Options of the scores over true and false positives and negatives. */
export interface BinaryScoreOptions extends BinaryOptions, MultidimAverage {}
export interface MulticlassScoreOptions extends MulticlassOptions, MultidimAverage {}
export interface MultilabelScoreOptions extends MultilabelOptions, MultidimAverage {}

/** Options of the wrappers that choose by task, such as `Accuracy`. */
export interface TaskOptions extends CommonOptions {
  readonly task: Task;
  readonly threshold?: number;
  /** Needed for `multiclass`. */
  readonly numClasses?: number;
  /** Needed for `multilabel`. */
  readonly numLabels?: number;
  /** Default `micro`, unlike the classes for one task. */
  readonly average?: Average;
  readonly topK?: number;
}

export interface TaskScoreOptions extends TaskOptions, MultidimAverage {}

const averages: readonly string[] = ['micro', 'macro', 'weighted', 'none'];

/** @throws MetricError OPTION_INVALID */
export function checkAverage(average: string, owner: string): asserts average is Average {
  if (averages.includes(average)) return;
  throw new MetricError('OPTION_INVALID', `${owner}: average is '${average}'. Use one of ${averages.join(', ')}.`);
}

/** Whether each sample has a value of its own. @throws MetricError OPTION_INVALID */
export function isSamplewise({ multidimAverage = 'global' }: MultidimAverage, owner: string): boolean {
  if (multidimAverage === 'global' || multidimAverage === 'samplewise') return multidimAverage === 'samplewise';
  throw new MetricError(
    'OPTION_INVALID',
    `${owner}: multidimAverage is '${String(multidimAverage)}'. Use 'global' or 'samplewise'.`,
  );
}

/** @throws MetricError OPTION_INVALID */
export function checkCount(
  name: string,
  value: number | undefined,
  minimum: number,
  owner: string,
): asserts value is number {
  if (value !== undefined && Number.isInteger(value) && value >= minimum) return;
  throw new MetricError(
    'OPTION_INVALID',
    `${owner}: ${name} is ${String(value)}. Give a whole number from ${minimum} up.`,
  );
}

/** @throws MetricError OPTION_INVALID */
export function checkThreshold(threshold: number, owner: string): void {
  if (threshold >= 0 && threshold <= 1) return;
  throw new MetricError(
    'OPTION_INVALID',
    `${owner}: threshold is ${String(threshold)}. Give a number between 0 and 1.`,
  );
}

/**
 * Makes the metric for a task.
 *
 * @throws MetricError TASK_MISSING without a known task, OPTION_INVALID without `numClasses` or `numLabels` where needed
 */
export function chooseByTask<T>(
  owner: string,
  options: TaskOptions,
  make: {
    binary(options: BinaryOptions): T;
    multiclass(options: MulticlassOptions): T;
    multilabel(options: MultilabelOptions): T;
  },
  defaultAverage: Average = 'micro',
): T {
  const { task, threshold, numClasses, numLabels, average = defaultAverage, topK, ...common } = options ?? {};
  switch (task) {
    case 'binary':
      return make.binary({ ...common, threshold });
    case 'multiclass':
      checkCount('numClasses', numClasses, 2, owner);
      return make.multiclass({ ...common, numClasses, average, topK });
    case 'multilabel':
      checkCount('numLabels', numLabels, 2, owner);
      return make.multilabel({ ...common, numLabels, average, threshold });
    default:
      throw new MetricError(
        'TASK_MISSING',
        `${owner}: task is ${task === undefined ? 'missing' : `'${String(task)}'`}. Write { task: 'multiclass', numClasses: n }, ` +
          "{ task: 'binary' } or { task: 'multilabel', numLabels: n }.",
      );
  }
}
