import type { Tensor } from '@lightning-ts/torch';
import {
  type BinaryOptions,
  chooseByTask,
  type MulticlassOptions,
  type MultilabelOptions,
  type TaskOptions,
} from './options.js';
import { recallFormula } from './reduceScores.js';
import { ScoreMetric, scoreOf } from './scoreMetric.js';
import { binaryCounter, multiclassCounter, multilabelCounter } from './statScores.js';

/** The share of positives that were found: tp / (tp + fn). Of two classes. */
export class BinaryRecall extends ScoreMetric {
  constructor(options: BinaryOptions = {}) {
    super(binaryCounter('BinaryRecall', options), recallFormula);
  }
}

/** The share of positives that were found: tp / (tp + fn). Of many classes; `average` defaults to `macro`. */
export class MulticlassRecall extends ScoreMetric {
  constructor(options: MulticlassOptions) {
    super(multiclassCounter('MulticlassRecall', options), recallFormula);
  }
}

/** The share of positives that were found: tp / (tp + fn). Of any number of labels; `average` defaults to `macro`. */
export class MultilabelRecall extends ScoreMetric {
  constructor(options: MultilabelOptions) {
    super(multilabelCounter('MultilabelRecall', options), recallFormula);
  }
}

/** Any of the three metrics above. */
export type Recall = BinaryRecall | MulticlassRecall | MultilabelRecall;

interface RecallConstructor {
  new (options: TaskOptions & { task: 'binary' }): BinaryRecall;
  new (options: TaskOptions & { task: 'multiclass' }): MulticlassRecall;
  new (options: TaskOptions & { task: 'multilabel' }): MultilabelRecall;
  new (options: TaskOptions): Recall;
}

/**
 * The share of positives that were found: tp / (tp + fn). Makes the metric for a task, whose `average` defaults to `micro`:
 * `new Recall({ task: 'multiclass', numClasses: 10 })`.
 *
 * @throws MetricError TASK_MISSING, OPTION_INVALID
 */
export const Recall = function Recall(options: TaskOptions): Recall {
  return chooseByTask<Recall>('Recall', options, {
    binary: (given) => new BinaryRecall(given),
    multiclass: (given) => new MulticlassRecall(given),
    multilabel: (given) => new MultilabelRecall(given),
  });
} as unknown as RecallConstructor;

/** Recall of one batch of two classes. */
export function binaryRecall(preds: Tensor, target: Tensor, options: BinaryOptions = {}): Tensor {
  return scoreOf(binaryCounter('binaryRecall', options), recallFormula, preds, target);
}

/** Recall of one batch of many classes; `average` defaults to `macro`. */
export function multiclassRecall(preds: Tensor, target: Tensor, options: MulticlassOptions): Tensor {
  return scoreOf(multiclassCounter('multiclassRecall', options), recallFormula, preds, target);
}

/** Recall of one batch of labels; `average` defaults to `macro`. */
export function multilabelRecall(preds: Tensor, target: Tensor, options: MultilabelOptions): Tensor {
  return scoreOf(multilabelCounter('multilabelRecall', options), recallFormula, preds, target);
}

/** Recall of one batch, by task; `average` defaults to `micro`. */
export function recall(preds: Tensor, target: Tensor, options: TaskOptions): Tensor {
  return chooseByTask('recall', options, {
    binary: (given) => binaryRecall(preds, target, given),
    multiclass: (given) => multiclassRecall(preds, target, given),
    multilabel: (given) => multilabelRecall(preds, target, given),
  });
}
