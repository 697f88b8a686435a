import type { Tensor } from '@lightning-ts/torch';
import {
  type BinaryOptions,
  chooseByTask,
  type MulticlassOptions,
  type MultilabelOptions,
  type TaskOptions,
} from './options.js';
import { specificityFormula } from './reduceScores.js';
import { ScoreMetric, scoreOf } from './scoreMetric.js';
import { binaryCounter, multiclassCounter, multilabelCounter } from './statScores.js';

/** The share of negatives that were left alone: tn / (tn + fp). Of two classes. */
export class BinarySpecificity extends ScoreMetric {
  constructor(options: BinaryOptions = {}) {
    super(binaryCounter('BinarySpecificity', options), specificityFormula);
  }
}

/** The share of negatives that were left alone: tn / (tn + fp). Of many classes; `average` defaults to `macro`. */
export class MulticlassSpecificity extends ScoreMetric {
  constructor(options: MulticlassOptions) {
    super(multiclassCounter('MulticlassSpecificity', options), specificityFormula);
  }
}

/** The share of negatives that were left alone: tn / (tn + fp). Of any number of labels; `average` defaults to `macro`. */
export class MultilabelSpecificity extends ScoreMetric {
  constructor(options: MultilabelOptions) {
    super(multilabelCounter('MultilabelSpecificity', options), specificityFormula);
  }
}

/** Any of the three metrics above. */
export type Specificity = BinarySpecificity | MulticlassSpecificity | MultilabelSpecificity;

interface SpecificityConstructor {
  new (options: TaskOptions & { task: 'binary' }): BinarySpecificity;
  new (options: TaskOptions & { task: 'multiclass' }): MulticlassSpecificity;
  new (options: TaskOptions & { task: 'multilabel' }): MultilabelSpecificity;
  new (options: TaskOptions): Specificity;
}

/**
 * The share of negatives that were left alone: tn / (tn + fp). Makes the metric for a task, whose `average` defaults to `micro`:
 * `new Specificity({ task: 'multiclass', numClasses: 10 })`.
 *
 * @throws MetricError TASK_MISSING, OPTION_INVALID
 */
export const Specificity = function Specificity(options: TaskOptions): Specificity {
  return chooseByTask<Specificity>('Specificity', options, {
    binary: (given) => new BinarySpecificity(given),
    multiclass: (given) => new MulticlassSpecificity(given),
    multilabel: (given) => new MultilabelSpecificity(given),
  });
} as unknown as SpecificityConstructor;

/** Specificity of one batch of two classes. */
export function binarySpecificity(preds: Tensor, target: Tensor, options: BinaryOptions = {}): Tensor {
  return scoreOf(binaryCounter('binarySpecificity', options), specificityFormula, preds, target);
}

/** Specificity of one batch of many classes; `average` defaults to `macro`. */
export function multiclassSpecificity(preds: Tensor, target: Tensor, options: MulticlassOptions): Tensor {
  return scoreOf(multiclassCounter('multiclassSpecificity', options), specificityFormula, preds, target);
}

/** Specificity of one batch of labels; `average` defaults to `macro`. */
export function multilabelSpecificity(preds: Tensor, target: Tensor, options: MultilabelOptions): Tensor {
  return scoreOf(multilabelCounter('multilabelSpecificity', options), specificityFormula, preds, target);
}

/** Specificity of one batch, by task; `average` defaults to `micro`. */
export function specificity(preds: Tensor, target: Tensor, options: TaskOptions): Tensor {
  return chooseByTask('specificity', options, {
    binary: (given) => binarySpecificity(preds, target, given),
    multiclass: (given) => multiclassSpecificity(preds, target, given),
    multilabel: (given) => multilabelSpecificity(preds, target, given),
  });
}
