import type { Tensor } from '@lightning-ts/torch';
import type { Recipe } from '../recipe.js';
import type { BinaryOptions, MulticlassOptions, MultilabelOptions } from './options.js';
import { reduceScores, type ScoreFormula } from './reduceScores.js';
import { binaryCounter, multiclassCounter, multilabelCounter, type StatCounter } from './statScores.js';

/** A formula over true and false positives and negatives, as a recipe. */
function scoreRecipe(counter: StatCounter, formula: ScoreFormula, higherIsBetter: boolean): Recipe<Tensor> {
  return {
    key: counter.key,
    higherIsBetter,
    states: [{ name: 'counts', zero: counter.zero }],
    count: (preds, target) => [counter.count(preds, target)],
    value: ([counts]) => reduceScores(counter.scores(counts!), counter, formula),
  };
}

/** The recipes of one formula for the three tasks; `Name` is in the messages of errors. */
export const scoreRecipes = (name: string, formula: ScoreFormula, higherIsBetter = true) => ({
  binary: (options: BinaryOptions = {}) =>
    scoreRecipe(binaryCounter(`Binary${name}`, options), formula, higherIsBetter),
  multiclass: (options: MulticlassOptions) =>
    scoreRecipe(multiclassCounter(`Multiclass${name}`, options), formula, higherIsBetter),
  multilabel: (options: MultilabelOptions) =>
    scoreRecipe(multilabelCounter(`Multilabel${name}`, options), formula, higherIsBetter),
});
