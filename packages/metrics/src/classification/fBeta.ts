import type { Tensor } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { RecipeMetric, valueOf } from '../recipe.js';
import type {
  BinaryScoreOptions,
  MulticlassScoreOptions,
  MultilabelScoreOptions,
  TaskScoreOptions,
} from './options.js';
import { fBetaFormula } from './reduceScores.js';
import { scoreMetric, scoreRecipes } from './scoreRecipe.js';
import { taskFunction, taskMetric } from './taskMetric.js';

interface Beta {
  /** How much more recall counts than precision; above 0. Default 1. */
  readonly beta?: number;
}

const recipes = (beta = 1) =>
  scoreRecipes('FBetaScore', fBetaFormula(checkedBeta(beta)), { countsGuessedClasses: true });

/** The weighted harmonic mean of precision and recall, of two classes. */
export class BinaryFBetaScore extends RecipeMetric<Tensor> {
  constructor({ beta, ...options }: BinaryScoreOptions & Beta = {}) {
    super(recipes(beta).binary(options));
  }
}

/** The weighted harmonic mean of precision and recall, of many classes; `average` defaults to `macro`. */
export class MulticlassFBetaScore extends RecipeMetric<Tensor> {
  constructor({ beta, ...options }: MulticlassScoreOptions & Beta) {
    super(recipes(beta).multiclass(options));
  }
}

/** The weighted harmonic mean of precision and recall, of any number of labels; `average` defaults to `macro`. */
export class MultilabelFBetaScore extends RecipeMetric<Tensor> {
  constructor({ beta, ...options }: MultilabelScoreOptions & Beta) {
    super(recipes(beta).multilabel(options));
  }
}

/** The harmonic mean of precision and recall, of two classes. */
export class BinaryF1Score extends BinaryFBetaScore {
  constructor(options: BinaryScoreOptions = {}) {
    super({ ...options, beta: 1 });
  }
}

/** The harmonic mean of precision and recall, of many classes; `average` defaults to `macro`. */
export class MulticlassF1Score extends MulticlassFBetaScore {
  constructor(options: MulticlassScoreOptions) {
    super({ ...options, beta: 1 });
  }
}

/** The harmonic mean of precision and recall, of any number of labels; `average` defaults to `macro`. */
export class MultilabelF1Score extends MultilabelFBetaScore {
  constructor(options: MultilabelScoreOptions) {
    super({ ...options, beta: 1 });
  }
}

/** Makes the F-beta metric for a task, whose `average` defaults to `micro`. */
export const FBetaScore = taskMetric<
  BinaryFBetaScore,
  MulticlassFBetaScore,
  MultilabelFBetaScore,
  TaskScoreOptions & Beta
>('FBetaScore', { binary: BinaryFBetaScore, multiclass: MulticlassFBetaScore, multilabel: MultilabelFBetaScore });
export type FBetaScore = BinaryFBetaScore | MulticlassFBetaScore | MultilabelFBetaScore;

/** Makes the F1 metric for a task, whose `average` defaults to `micro`. */
export const F1Score = scoreMetric('F1Score', {
  binary: BinaryF1Score,
  multiclass: MulticlassF1Score,
  multilabel: MultilabelF1Score,
});
export type F1Score = BinaryF1Score | MulticlassF1Score | MultilabelF1Score;

export const binaryFBetaScore = (preds: Tensor, target: Tensor, options: BinaryScoreOptions & Beta = {}): Tensor =>
  valueOf(recipes(options.beta).binary(options), preds, target);
export const multiclassFBetaScore = (preds: Tensor, target: Tensor, options: MulticlassScoreOptions & Beta): Tensor =>
  valueOf(recipes(options.beta).multiclass(options), preds, target);
export const multilabelFBetaScore = (preds: Tensor, target: Tensor, options: MultilabelScoreOptions & Beta): Tensor =>
  valueOf(recipes(options.beta).multilabel(options), preds, target);
/** F-beta of one batch, by task; `average` defaults to `micro`. */
export const fBetaScore = taskFunction<Tensor, TaskScoreOptions & Beta>('fBetaScore', {
  binary: binaryFBetaScore,
  multiclass: multiclassFBetaScore,
  multilabel: multilabelFBetaScore,
});
/** F1 of one batch, by task; `average` defaults to `micro`. */
export const f1Score = (preds: Tensor, target: Tensor, options: TaskScoreOptions): Tensor =>
  fBetaScore(preds, target, { ...options, beta: 1 });

function checkedBeta(beta: number): number {
  if (beta > 0 && Number.isFinite(beta)) return beta;
  throw new MetricError('OPTION_INVALID', `FBetaScore: beta is ${String(beta)}. Give a number above 0.`);
}
