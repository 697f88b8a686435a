import { TorchError } from '../../errors.js';
import { cat } from '../../functions.js';
import type { Tensor } from '../../tensor.js';

/** All parameters in a row, one after the other: [elements]. */
export const parametersToVector = (parameters: Iterable<Tensor>): Tensor =>
  cat([...parameters].map((parameter) => parameter.reshape([-1])));

/** Gives the parameters the values of a vector [elements], as views of it. */
export function vectorToParameters(vector: Tensor, parameters: Iterable<Tensor>): void {
  const list = [...parameters];
  const wanted = list.reduce((sum, parameter) => sum + parameter.numel(), 0);
  if (vector.dim() !== 1 || vector.numel() < wanted)
    throw new TorchError(
      'SHAPE_MISMATCH',
      `the parameters have ${wanted} elements, the vector is [${vector.shape.join(', ')}]`,
    );
  let at = 0;
  for (const parameter of list) {
    const count = parameter.numel();
    parameter.data = vector.detach().narrow(0, at, count).view(parameter.shape);
    at += count;
  }
}
