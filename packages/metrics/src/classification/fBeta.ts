import type { Tensor } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import {
  type BinaryOptions,
  chooseByTask,
  type MulticlassOptions,
  type MultilabelOptions,
  type TaskOptions,
} from './options.js';
import { fBetaFormula } from './reduceScores.js';
import { ScoreMetric, scoreOf } from './scoreMetric.js';
import { binaryCounter, multiclassCounter, multilabelCounter } from './statScores.js';

interface Beta {
  /** How much more recall counts than precision; above 0. Default 1. */
  readonly beta?: number;
}

/** The weighted harmonic mean of precision and recall, of two classes. */
export class BinaryFBetaScore extends ScoreMetric {
  constructor({ beta = 1, ...options }: BinaryOptions & Beta = {}) {
    super(binaryCounter('BinaryFBetaScore', options), fBetaFormula(checkedBeta(beta)));
  }
}

/** The weighted harmonic mean of precision and recall, of many classes; `average` defaults to `macro`. */
export class MulticlassFBetaScore extends ScoreMetric {
  constructor({ beta = 1, ...options }: MulticlassOptions & Beta) {
    super(multiclassCounter('MulticlassFBetaScore', options), fBetaFormula(checkedBeta(beta)));
  }
}

/** The weighted harmonic mean of precision and recall, of any number of labels; `average` defaults to `macro`. */
export class MultilabelFBetaScore extends ScoreMetric {
  constructor({ beta = 1, ...options }: MultilabelOptions & Beta) {
    super(multilabelCounter('MultilabelFBetaScore', options), fBetaFormula(checkedBeta(beta)));
  }
}

/** The harmonic mean of precision and recall, of two classes. */
export class BinaryF1Score extends BinaryFBetaScore {
  constructor(options: BinaryOptions = {}) {
    super({ ...options, beta: 1 });
  }
}

/** The harmonic mean of precision and recall, of many classes; `average` defaults to `macro`. */
export class MulticlassF1Score extends MulticlassFBetaScore {
  constructor(options: MulticlassOptions) {
    super({ ...options, beta: 1 });
  }
}

/** The harmonic mean of precision and recall, of any number of labels; `average` defaults to `macro`. */
export class MultilabelF1Score extends MultilabelFBetaScore {
  constructor(options: MultilabelOptions) {
    super({ ...options, beta: 1 });
  }
}

/** Any of the F-beta metrics. */
export type FBetaScore = BinaryFBetaScore | MulticlassFBetaScore | MultilabelFBetaScore;

/** Any of the F1 metrics. */
export type F1Score = BinaryF1Score | MulticlassF1Score | MultilabelF1Score;

/**
 * Makes the F-beta metric for a task, whose `average` defaults to `micro`.
 *
 * @throws MetricError TASK_MISSING, OPTION_INVALID
 */
export const FBetaScore = function FBetaScore({ beta, ...options }: TaskOptions & Beta): FBetaScore {
  return chooseByTask<FBetaScore>('FBetaScore', options, {
    binary: (given) => new BinaryFBetaScore({ ...given, beta }),
    multiclass: (given) => new MulticlassFBetaScore({ ...given, beta }),
    multilabel: (given) => new MultilabelFBetaScore({ ...given, beta }),
  });
} as unknown as new (
  options: TaskOptions & Beta,
) => FBetaScore;

/**
 * Makes the F1 metric for a task, whose `average` defaults to `micro`.
 *
 * @throws MetricError TASK_MISSING, OPTION_INVALID
 */
export const F1Score = function F1Score(options: TaskOptions): F1Score {
  return chooseByTask<F1Score>('F1Score', options, {
    binary: (given) => new BinaryF1Score(given),
    multiclass: (given) => new MulticlassF1Score(given),
    multilabel: (given) => new MultilabelF1Score(given),
  });
} as unknown as new (
  options: TaskOptions,
) => F1Score;

/** F-beta of one batch of two classes. */
export function binaryFBetaScore(
  preds: Tensor,
  target: Tensor,
  { beta = 1, ...options }: BinaryOptions & Beta = {},
): Tensor {
  return scoreOf(binaryCounter('binaryFBetaScore', options), fBetaFormula(checkedBeta(beta)), preds, target);
}

/** F-beta of one batch of many classes; `average` defaults to `macro`. */
export function multiclassFBetaScore(
  preds: Tensor,
  target: Tensor,
  { beta = 1, ...options }: MulticlassOptions & Beta,
): Tensor {
  return scoreOf(multiclassCounter('multiclassFBetaScore', options), fBetaFormula(checkedBeta(beta)), preds, target);
}

/** F-beta of one batch of labels; `average` defaults to `macro`. */
export function multilabelFBetaScore(
  preds: Tensor,
  target: Tensor,
  { beta = 1, ...options }: MultilabelOptions & Beta,
): Tensor {
  return scoreOf(multilabelCounter('multilabelFBetaScore', options), fBetaFormula(checkedBeta(beta)), preds, target);
}

/** F-beta of one batch, by task; `average` defaults to `micro`. */
export function fBetaScore(preds: Tensor, target: Tensor, { beta = 1, ...options }: TaskOptions & Beta): Tensor {
  return chooseByTask('fBetaScore', options, {
    binary: (given) => binaryFBetaScore(preds, target, { ...given, beta }),
    multiclass: (given) => multiclassFBetaScore(preds, target, { ...given, beta }),
    multilabel: (given) => multilabelFBetaScore(preds, target, { ...given, beta }),
  });
}

/** F1 of one batch, by task; `average` defaults to `micro`. */
export function f1Score(preds: Tensor, target: Tensor, options: TaskOptions): Tensor {
  return fBetaScore(preds, target, { ...options, beta: 1 });
}

function checkedBeta(beta: number): number {
  if (beta > 0 && Number.isFinite(beta)) return beta;
  throw new MetricError('OPTION_INVALID', `FBetaScore: beta is ${String(beta)}. Give a number above 0.`);
}
