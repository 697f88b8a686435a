import { types } from 'node:util';
import { isTensor, wrapHandle } from '../dispatch.js';
import { TorchError } from '../errors.js';
import type { Handle } from '../native.js';
import type { Tensor } from '../tensor.js';

/** What a TorchScript method takes and gives: lists and tuples are arrays, dicts objects (Maps when keys are no strings). */
export type ScriptValue =
  | Tensor
  | number
  | bigint
  | boolean
  | string
  | null
  | undefined
  | readonly ScriptValue[]
  | ReadonlyMap<unknown, unknown>
  | { readonly [key: string]: ScriptValue };

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !isTensor(value) && !Array.isArray(value) && !(value instanceof Map);

/** A value as the addon returns it, with tensors in the places of handles. */
export function fromEngine(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (types.isExternal(value)) return wrapHandle(value as Handle);
  return mapLeaves(value, fromEngine);
}

/** The same nesting with each leaf replaced. Maps keep their keys. */
export function mapLeaves(value: unknown, fn: (leaf: unknown) => unknown): unknown {
  const inner = (nested: unknown): unknown => mapLeaves(nested, fn);
  if (types.isExternal(value)) return fn(value);
  if (Array.isArray(value)) return value.map(inner);
  if (value instanceof Map) return new Map([...value].map(([key, nested]) => [key, inner(nested)]));
  if (isRecord(value)) return Object.fromEntries(Object.entries(value).map(([key, nested]) => [key, inner(nested)]));
  return fn(value);
}

/** The tensors in a nesting with the paths to them, `output[0].mask`. */
export function tensorsIn(value: unknown, path: string, found: [string, Tensor][] = []): [string, Tensor][] {
  if (isTensor(value)) found.push([path, value]);
  else if (Array.isArray(value)) for (const [i, nested] of value.entries()) tensorsIn(nested, `${path}[${i}]`, found);
  else if (value instanceof Map) for (const [key, nested] of value) tensorsIn(nested, `${path}.${String(key)}`, found);
  else if (isRecord(value))
    for (const [key, nested] of Object.entries(value)) tensorsIn(nested, `${path}.${key}`, found);
  else if (value !== null && value !== undefined)
    throw new TorchError(
      'TRACE',
      `${path} is ${typeof value === 'string' ? `'${value}'` : String(value)}; only tensors, and arrays and objects of tensors, can be traced`,
    );
  return found;
}
