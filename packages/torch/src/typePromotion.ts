import { zeros } from './creation.js';
import { isTensor } from './dispatch.js';
import type { DType } from './dtype.js';
import { add, broadcastTensors } from './functions.js';
import type { Tensor } from './tensor.js';

/** The dtype that operations of both have as their result. */
export const promoteTypes = (first: DType, second: DType): DType =>
  add(zeros([0], { dtype: first }), zeros([0], { dtype: second })).dtype;

/** A tensor that counts like `value` in promotion, where tensors without dimensions and numbers give way. */
const standIn = (value: Tensor | number | boolean): Tensor | number | boolean =>
  isTensor(value) ? value.newZeros(value.dim() === 0 ? [] : [0]) : value;

/** The dtype that arithmetic with these has: `resultType(torch.ones([2], { dtype: 'int32' }), 1.5)` is float32. */
export function resultType(first: Tensor, second: Tensor | number | boolean): DType {
  return (standIn(first) as Tensor).add(standIn(second) as Tensor).dtype;
}

/** The shape that tensors of these shapes have together. */
export function broadcastShapes(...shapes: number[][]): number[] {
  if (shapes.length === 0) return [];
  const point = zeros([]);
  return broadcastTensors(shapes.map((shape) => point.expand(shape)))[0]!.shape;
}
