import type { Tensor } from '@lightning-ts/torch';
import type { Metric } from '../metric.js';
import type { Recipe } from '../recipe.js';
import type {
  BinaryScoreOptions,
  MulticlassScoreOptions,
  MultilabelScoreOptions,
  TaskScoreOptions,
} from './options.js';
import { reduceScores, type ScoreFormula } from './reduceScores.js';
import { binaryCounter, multiclassCounter, multilabelCounter } from './statCounters.js';
import type { StatCounter } from './statScores.js';
import { type ByTask, type Evaluate, taskFunction, taskMetric } from './taskMetric.js';

interface ScoreRules {
  /** Default true. */
  readonly higherIsBetter?: boolean;
  /**
   * Whether with `topK` a class that is only predicted counts in the `macro` average, as without; default false. In
   * torchmetrics it does for some scores.
   */
  readonly countsGuessedClasses?: boolean;
}

/** A formula over true and false positives and negatives, as a recipe. */
function scoreRecipe(counter: StatCounter, formula: ScoreFormula, rules: ScoreRules): Recipe<Tensor> {
  const { higherIsBetter = true, countsGuessedClasses = false } = rules;
  const countedAs = countsGuessedClasses ? { ...counter, topK: 1 } : counter;
  return {
    key: counter.key,
    higherIsBetter,
    states: [{ name: 'counts', zero: counter.zero }],
    count: (preds, target) => [counter.count(preds, target)],
    value: ([counts]) => reduceScores(counter.scores(counts!), countedAs, formula),
  };
}

/** The recipes of one formula for the three tasks; `Name` is in the messages of errors. */
export const scoreRecipes = (name: string, formula: ScoreFormula, rules: ScoreRules = {}) => ({
  binary: (options: BinaryScoreOptions = {}) => scoreRecipe(binaryCounter(`Binary${name}`, options), formula, rules),
  multiclass: (options: MulticlassScoreOptions) =>
    scoreRecipe(multiclassCounter(`Multiclass${name}`, options), formula, rules),
  multilabel: (options: MultilabelScoreOptions) =>
    scoreRecipe(multilabelCounter(`Multilabel${name}`, options), formula, rules),
});

/** {@link taskMetric} for a score. */
export const scoreMetric = <Binary extends Metric, Multiclass extends Metric, Multilabel extends Metric>(
  owner: string,
  metrics: ByTask<never, Binary, Multiclass, Multilabel>,
) => taskMetric<Binary, Multiclass, Multilabel, TaskScoreOptions>(owner, metrics);

/** {@link taskFunction} for a score. */
export const scoreFunction = (
  owner: string,
  functions: Record<'binary' | 'multiclass' | 'multilabel', Evaluate<Tensor>>,
) => taskFunction<Tensor, TaskScoreOptions>(owner, functions);
