import type { Tensor } from '@lightning-ts/torch';
import {
  type BinaryOptions,
  chooseByTask,
  type MulticlassOptions,
  type MultilabelOptions,
  type TaskOptions,
} from './options.js';
import { accuracyFormula } from './reduceScores.js';
import { ScoreMetric, scoreOf } from './scoreMetric.js';
import { binaryCounter, multiclassCounter, multilabelCounter } from './statScores.js';

/** The share of predictions that are right. Of two classes. */
export class BinaryAccuracy extends ScoreMetric {
  constructor(options: BinaryOptions = {}) {
    super(binaryCounter('BinaryAccuracy', options), accuracyFormula);
  }
}

/** The share of predictions that are right. Of many classes; `average` defaults to `macro`. */
export class MulticlassAccuracy extends ScoreMetric {
  constructor(options: MulticlassOptions) {
    super(multiclassCounter('MulticlassAccuracy', options), accuracyFormula);
  }
}

/** The share of predictions that are right. Of any number of labels; `average` defaults to `macro`. */
export class MultilabelAccuracy extends ScoreMetric {
  constructor(options: MultilabelOptions) {
    super(multilabelCounter('MultilabelAccuracy', options), accuracyFormula);
  }
}

/** Any of the three metrics above. */
export type Accuracy = BinaryAccuracy | MulticlassAccuracy | MultilabelAccuracy;

interface AccuracyConstructor {
  new (options: TaskOptions & { task: 'binary' }): BinaryAccuracy;
  new (options: TaskOptions & { task: 'multiclass' }): MulticlassAccuracy;
  new (options: TaskOptions & { task: 'multilabel' }): MultilabelAccuracy;
  new (options: TaskOptions): Accuracy;
}

/**
 * The share of predictions that are right. Makes the metric for a task, whose `average` defaults to `micro`:
 * `new Accuracy({ task: 'multiclass', numClasses: 10 })`.
 *
 * @throws MetricError TASK_MISSING, OPTION_INVALID
 */
export const Accuracy = function Accuracy(options: TaskOptions): Accuracy {
  return chooseByTask<Accuracy>('Accuracy', options, {
    binary: (given) => new BinaryAccuracy(given),
    multiclass: (given) => new MulticlassAccuracy(given),
    multilabel: (given) => new MultilabelAccuracy(given),
  });
} as unknown as AccuracyConstructor;

/** Accuracy of one batch of two classes. */
export function binaryAccuracy(preds: Tensor, target: Tensor, options: BinaryOptions = {}): Tensor {
  return scoreOf(binaryCounter('binaryAccuracy', options), accuracyFormula, preds, target);
}

/** Accuracy of one batch of many classes; `average` defaults to `macro`. */
export function multiclassAccuracy(preds: Tensor, target: Tensor, options: MulticlassOptions): Tensor {
  return scoreOf(multiclassCounter('multiclassAccuracy', options), accuracyFormula, preds, target);
}

/** Accuracy of one batch of labels; `average` defaults to `macro`. */
export function multilabelAccuracy(preds: Tensor, target: Tensor, options: MultilabelOptions): Tensor {
  return scoreOf(multilabelCounter('multilabelAccuracy', options), accuracyFormula, preds, target);
}

/** Accuracy of one batch, by task; `average` defaults to `micro`. */
export function accuracy(preds: Tensor, target: Tensor, options: TaskOptions): Tensor {
  return chooseByTask('accuracy', options, {
    binary: (given) => binaryAccuracy(preds, target, given),
    multiclass: (given) => multiclassAccuracy(preds, target, given),
    multilabel: (given) => multilabelAccuracy(preds, target, given),
  });
}
