import type { Tensor } from '@lightning-ts/torch';
import { checkCount } from '../classification/options.js';
import type { Recipe } from '../recipe.js';
import { outputPair } from './inputs.js';

/** The recipe of a metric that needs all predictions and targets: both come as `[batch, outputs]`. */
export function keptRecipe<Value>(
  owner: string,
  numOutputs: number,
  value: (preds: Tensor, target: Tensor) => Value,
): Recipe<Value> {
  checkCount('numOutputs', numOutputs, 1, owner);
  const asColumns = (values: Tensor): Tensor => (values.dim() === 1 ? values.unsqueeze(1) : values);
  return {
    key: `keptOutputs:${numOutputs}`,
    higherIsBetter: true,
    states: [
      { name: 'preds', zero: null },
      { name: 'target', zero: null },
    ],
    count: (preds, target) => outputPair(owner, preds, target, numOutputs).map(asColumns),
    value: ([preds, target]) => value(preds!, target!),
  };
}
