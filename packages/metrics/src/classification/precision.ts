import type { Tensor } from '@lightning-ts/torch';
import {
  type BinaryOptions,
  chooseByTask,
  type MulticlassOptions,
  type MultilabelOptions,
  type TaskOptions,
} from './options.js';
import { precisionFormula } from './reduceScores.js';
import { ScoreMetric, scoreOf } from './scoreMetric.js';
import { binaryCounter, multiclassCounter, multilabelCounter } from './statScores.js';

/** The share of positive predictions that are right: tp / (tp + fp). Of two classes. */
export class BinaryPrecision extends ScoreMetric {
  constructor(options: BinaryOptions = {}) {
    super(binaryCounter('BinaryPrecision', options), precisionFormula);
  }
}

/** The share of positive predictions that are right: tp / (tp + fp). Of many classes; `average` defaults to `macro`. */
export class MulticlassPrecision extends ScoreMetric {
  constructor(options: MulticlassOptions) {
    super(multiclassCounter('MulticlassPrecision', options), precisionFormula);
  }
}

/** The share of positive predictions that are right: tp / (tp + fp). Of any number of labels; `average` defaults to `macro`. */
export class MultilabelPrecision extends ScoreMetric {
  constructor(options: MultilabelOptions) {
    super(multilabelCounter('MultilabelPrecision', options), precisionFormula);
  }
}

/** Any of the three metrics above. */
export type Precision = BinaryPrecision | MulticlassPrecision | MultilabelPrecision;

interface PrecisionConstructor {
  new (options: TaskOptions & { task: 'binary' }): BinaryPrecision;
  new (options: TaskOptions & { task: 'multiclass' }): MulticlassPrecision;
  new (options: TaskOptions & { task: 'multilabel' }): MultilabelPrecision;
  new (options: TaskOptions): Precision;
}

/**
 * The share of positive predictions that are right: tp / (tp + fp). Makes the metric for a task, whose `average` defaults to `micro`:
 * `new Precision({ task: 'multiclass', numClasses: 10 })`.
 *
 * @throws MetricError TASK_MISSING, OPTION_INVALID
 */
export const Precision = function Precision(options: TaskOptions): Precision {
  return chooseByTask<Precision>('Precision', options, {
    binary: (given) => new BinaryPrecision(given),
    multiclass: (given) => new MulticlassPrecision(given),
    multilabel: (given) => new MultilabelPrecision(given),
  });
} as unknown as PrecisionConstructor;

/** Precision of one batch of two classes. */
export function binaryPrecision(preds: Tensor, target: Tensor, options: BinaryOptions = {}): Tensor {
  return scoreOf(binaryCounter('binaryPrecision', options), precisionFormula, preds, target);
}

/** Precision of one batch of many classes; `average` defaults to `macro`. */
export function multiclassPrecision(preds: Tensor, target: Tensor, options: MulticlassOptions): Tensor {
  return scoreOf(multiclassCounter('multiclassPrecision', options), precisionFormula, preds, target);
}

/** Precision of one batch of labels; `average` defaults to `macro`. */
export function multilabelPrecision(preds: Tensor, target: Tensor, options: MultilabelOptions): Tensor {
  return scoreOf(multilabelCounter('multilabelPrecision', options), precisionFormula, preds, target);
}

/** Precision of one batch, by task; `average` defaults to `micro`. */
export function precision(preds: Tensor, target: Tensor, options: TaskOptions): Tensor {
  return chooseByTask('precision', options, {
    binary: (given) => binaryPrecision(preds, target, given),
    multiclass: (given) => multiclassPrecision(preds, target, given),
    multilabel: (given) => multilabelPrecision(preds, target, given),
  });
}
