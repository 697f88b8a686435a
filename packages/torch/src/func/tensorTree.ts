import { isTensor } from '../dispatch.js';
import { TorchError } from '../errors.js';
import type { Tensor } from '../tensor.js';

/** Tensors nested in arrays, maps and plain objects. */
export type TensorTree =
  | Tensor
  | readonly TensorTree[]
  | ReadonlyMap<string, TensorTree>
  | { [key: string]: TensorTree };

/** A tree of the same form with a tensor for every tensor. */
export type SameTree<T> = T extends Tensor
  ? Tensor
  : T extends ReadonlyMap<infer K, infer V>
    ? Map<K, SameTree<V>>
    : { -readonly [K in keyof T]: SameTree<T[K]> };

export function mapTree(name: string, value: unknown, fn: (tensor: Tensor) => Tensor): unknown {
  if (isTensor(value)) return fn(value);
  if (Array.isArray(value)) return value.map((entry) => mapTree(name, entry, fn));
  if (value instanceof Map) return new Map([...value].map(([key, entry]) => [key, mapTree(name, entry, fn)]));
  const prototype: unknown = typeof value === 'object' && value !== null ? Object.getPrototypeOf(value) : undefined;
  if (prototype === Object.prototype || prototype === null)
    return Object.fromEntries(Object.entries(value as object).map(([key, entry]) => [key, mapTree(name, entry, fn)]));
  throw new TorchError(
    'ARGUMENT_TYPE',
    `${name} differentiates by tensors, and arrays, maps or plain objects of them; got ${value === null ? 'null' : typeof value}`,
  );
}
