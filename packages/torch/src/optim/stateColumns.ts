import { zeros } from '../creation.js';
import { viewAsReal, zerosLike } from '../functions.js';
import type { Tensor } from '../tensor.js';

/** A tensor like the parameter (and in its memory order), every real number of it `value`. */
export function filledLike(param: Tensor, value: number): Tensor {
  const result = zerosLike(param.detach());
  if (value !== 0) (result.isComplex() ? viewAsReal(result) : result).fill_(value);
  return result;
}

/** State of the parameter's shape that starts at zero. */
export const zerosColumn = (key: string) => ({ key, start: (param: Tensor): Tensor => filledLike(param, 0) });

/** A number with a precision of its own, kept in a tensor: [] in the default dtype. */
export const scalarColumn = (key: string, value: number | ((group: { lr: number }) => number)) => ({
  key,
  start: (_: Tensor, group: { lr: number }): Tensor =>
    zeros([]).fill_(typeof value === 'number' ? value : value(group)),
});

/** The count of a parameter's steps. */
export const stepColumn = { key: 'step', start: (): Tensor => zeros([]) };
