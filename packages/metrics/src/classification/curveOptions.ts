import type { Tensor } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import type { Recipe } from '../recipe.js';
import { checkCount, type TaskOptions } from './options.js';
import {
  binaryColumns,
  type CurveOptions,
  multiclassColumns,
  multiclassScores,
  multilabelColumns,
  pooled,
  type RankedScores,
  rankedRecipe,
} from './rankedScores.js';

export interface MulticlassCurveOptions extends CurveOptions {
  readonly numClasses: number;
}
export interface MultilabelCurveOptions extends CurveOptions {
  readonly numLabels: number;
}
export interface TaskCurveOptions extends TaskOptions, CurveOptions {}

/** The recipe for one of two classes. */
export const binaryCurve = <Value>(
  options: CurveOptions,
  value: (ranked: RankedScores) => Value,
  higherIsBetter: boolean | null = null,
): Recipe<Value> =>
  rankedRecipe(
    `binaryScores:${options.ignoreIndex ?? null}`,
    1,
    options,
    (preds, target) => binaryColumns(preds, target, options),
    ([ranked]) => value(ranked!),
    higherIsBetter,
  );

/** The recipe for many classes, each against the rest, or all together. */
export function multiclassCurve<Value>(
  owner: string,
  options: MulticlassCurveOptions,
  value: (ranked: RankedScores[]) => Value,
  higherIsBetter: boolean | null = null,
  together = false,
): Recipe<Value> {
  const { numClasses } = options;
  checkCount('numClasses', numClasses, 2, owner);
  const read = (preds: Tensor, target: Tensor) => multiclassColumns(preds, target, numClasses, options);
  return rankedRecipe(
    `multiclassScores:${numClasses}:${options.ignoreIndex ?? null}:${together}`,
    together ? 1 : numClasses,
    options,
    together ? (preds, target) => pooled(read(preds, target)) : read,
    value,
    higherIsBetter,
    together ? undefined : (preds, target) => multiclassScores(preds, target, numClasses, options),
  );
}

/** The recipe for any number of labels, each by itself, or all together. */
export function multilabelCurve<Value>(
  owner: string,
  options: MultilabelCurveOptions,
  value: (ranked: RankedScores[]) => Value,
  higherIsBetter: boolean | null = null,
  together = false,
): Recipe<Value> {
  const { numLabels } = options;
  checkCount('numLabels', numLabels, 2, owner);
  const read = (preds: Tensor, target: Tensor) => multilabelColumns(preds, target, numLabels, options);
  return rankedRecipe(
    `multilabelScores:${numLabels}:${options.ignoreIndex ?? null}:${together}`,
    together ? 1 : numLabels,
    options,
    together ? (preds, target) => pooled(read(preds, target)) : read,
    value,
    higherIsBetter,
  );
}

/** @throws MetricError OPTION_INVALID for an average that is not among `allowed` */
export function checkCurveAverage(owner: string, average: string | null, allowed: readonly (string | null)[]): void {
  if (allowed.includes(average)) return;
  throw new MetricError('OPTION_INVALID', `${owner}: average is '${average}'. Use one of ${allowed.join(', ')}.`);
}
