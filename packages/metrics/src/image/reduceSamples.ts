import type { Tensor } from '@lightning-ts/torch';
import type { RecipeState } from '../recipe.js';
import { checkChoice, countOf, type SampleReduction, sumState, totalState } from '../regression/inputs.js';

/** @throws MetricError OPTION_INVALID */
export const checkReduction = (owner: string, reduction: SampleReduction): void =>
  checkChoice(owner, 'reduction', reduction, ['mean', 'sum', 'none']);

/** @param values [batch] */
export function reduceSamples(values: Tensor, reduction: SampleReduction): Tensor {
  if (reduction === 'none') return values;
  return reduction === 'sum' ? values.sum() : values.mean();
}

/** What is kept of one value a sample: all of them where they are asked for, else their sum. */
export interface SampleStates {
  readonly states: readonly RecipeState[];
  /** @param values [batch] */
  count(values: Tensor): readonly Tensor[];
  value(states: readonly Tensor[]): Tensor;
}

export function sampleStates(reduction: SampleReduction): SampleStates {
  if (reduction === 'none')
    return { states: [{ name: 'values', zero: null }], count: (values) => [values], value: ([values]) => values! };
  return {
    states: [sumState('sum', 1), totalState],
    count: (values) => [values.sum(), countOf(values.numel())],
    value: ([sum, total]) => (reduction === 'sum' ? sum! : sum!.div(total!)),
  };
}
