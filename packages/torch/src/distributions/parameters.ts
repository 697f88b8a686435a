import { getDefaultDType, tensor } from '../creation.js';
import { isTensor } from '../dispatch.js';
import { TorchError } from '../errors.js';
import { broadcastTensors } from '../functions.js';
import type { Tensor } from '../tensor.js';
import { finfo } from '../typeInfo.js';
import { broadcastShapes } from '../typePromotion.js';

/** A parameter: a number, or a tensor with one value for each distribution of the batch. */
export type ParameterLike = number | Tensor;

/** Euler's constant. */
export const eulerConstant = 0.5772156649015329;

/** Tensors of one shape from numbers and tensors; numbers take the dtype and device of the first tensor. */
export function broadcastAll(owner: string, ...values: ParameterLike[]): Tensor[] {
  const first = values.find(isTensor);
  const options = first === undefined ? { dtype: getDefaultDType() } : { dtype: first.dtype, device: first.device };
  const tensors = values.map((value) => {
    if (isTensor(value)) return value;
    if (typeof value === 'number') return tensor(value, options);
    throw new TorchError(
      'DISTRIBUTION_ARGUMENT',
      `${owner}: a parameter is a number or a tensor, and ${value === null ? 'null' : `a ${typeof value}`} came`,
    );
  });
  return broadcastTensors(tensors);
}

/** The sum over the last `dims` dimensions. */
export function sumRightmost(value: Tensor, dims: number): Tensor {
  if (dims === 0) return value;
  const { shape } = value;
  return value.reshape([...shape.slice(0, shape.length - dims), -1]).sum(-1);
}

/** Away from 0 and 1, so that logarithms stay finite. */
export function clampProbs(probs: Tensor): Tensor {
  const { eps } = finfo(probs.dtype);
  return probs.clamp(eps, 1 - eps);
}

export const logitsToProbs = (logits: Tensor): Tensor => logits.softmax(-1);
export const probsToLogits = (probs: Tensor): Tensor => clampProbs(probs).log();
export const binaryLogitsToProbs = (logits: Tensor): Tensor => logits.sigmoid();
export function binaryProbsToLogits(probs: Tensor): Tensor {
  const clamped = clampProbs(probs);
  return clamped.log().sub(clamped.neg().log1p());
}

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, i) => size === b[i]);

/** The shape both broadcast to, or null. */
export function commonShape(a: readonly number[], b: readonly number[]): number[] | null {
  try {
    return broadcastShapes([...a], [...b]);
  } catch (error) {
    if (error instanceof TorchError) return null;
    throw error;
  }
}
