import { TorchError } from '../errors.js';
import type { Tensor } from '../tensor.js';

/** The new average of one tensor, from the present average, the model's value, and how many models the average has. */
export type AverageFunction = (averaged: Tensor, current: Tensor, numAveraged: number) => Tensor;
/** The same for all tensors at once; changes `averaged` in place. */
export type MultiAverageFunction = (averaged: Tensor[], current: Tensor[], numAveraged: number) => void;

/** Moves each average by `weight` of the way to the model's value. */
function moveTowards(averaged: Tensor[], current: Tensor[], weight: number): void {
  averaged.forEach((mean, i) => {
    const value = current[i]!;
    // Counts among the buffers have no lerp.
    if (mean.isFloatingPoint() || mean.isComplex()) mean.lerp_(value, weight);
    else mean.copy_(mean.mul(1 - weight).add(value.mul(weight)));
  });
}

function checkedDecay(name: string, decay: number): number {
  if (!(decay >= 0 && decay <= 1))
    throw new TorchError('OPTIMIZER_ARGUMENT', `${name}: decay must be from 0 to 1, got ${decay}`);
  return decay;
}

/** The plain mean of all models so far, tensor by tensor: what `AveragedModel` does of itself. */
export function getSwaAvgFn(): AverageFunction {
  return (averaged, current, numAveraged) => averaged.add(current.sub(averaged).div(numAveraged + 1));
}

/** The plain mean of all models so far, all tensors at once. */
export function getSwaMultiAvgFn(): MultiAverageFunction {
  return (averaged, current, numAveraged) => moveTowards(averaged, current, 1 / (numAveraged + 1));
}

/**
 * An exponential moving average, tensor by tensor: of each average `decay` is kept, the rest comes from the model.
 *
 * @param decay from 0 to 1; default 0.999
 */
export function getEmaAvgFn(decay = 0.999): AverageFunction {
  const kept = checkedDecay('getEmaAvgFn', decay);
  return (averaged, current) => averaged.mul(kept).add(current.mul(1 - kept));
}

/**
 * An exponential moving average of all tensors at once: of each average `decay` is kept, the rest comes from the model.
 *
 * @param decay from 0 to 1; default 0.999
 */
export function getEmaMultiAvgFn(decay = 0.999): MultiAverageFunction {
  const kept = checkedDecay('getEmaMultiAvgFn', decay);
  return (averaged, current) => moveTowards(averaged, current, 1 - kept);
}
