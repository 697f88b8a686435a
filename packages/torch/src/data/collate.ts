import { fromTypedArray, tensor } from '../creation.js';
import type { TypedArray } from '../dtype.js';
import { TorchError } from '../errors.js';
import { stack } from '../functions.js';
import { Tensor } from '../tensor.js';
import { shown } from './checks.js';
import type { Collated, Converted } from './collated.js';

const isBytes = (value: unknown): value is Buffer | ArrayBuffer =>
  Buffer.isBuffer(value) || value instanceof ArrayBuffer;

/** A typed array of numbers. A `Buffer` is bytes, such as a compressed image, and no array of numbers. */
const isNumeric = (value: unknown): value is TypedArray =>
  ArrayBuffer.isView(value) && !(value instanceof DataView) && !Buffer.isBuffer(value);

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

const numericTypes = ['number', 'boolean', 'bigint'];

function refuse(value: unknown, path: string): never {
  const found = value === null || typeof value !== 'object' ? String(value) : `an object of class ${shown(value)}`;
  throw new TorchError(
    'DATA_LOADER',
    `default collate: a batch must contain tensors, typed arrays, numbers, strings, plain objects, Maps or arrays; found ${found} at ${path}. Give the DataLoader a collateFn for other types`,
  );
}

function requireAll(column: readonly unknown[], fits: (value: unknown) => boolean, what: string, path: string): void {
  const odd = column.findIndex((value) => !fits(value));
  if (odd >= 0)
    throw new TorchError(
      'DATA_LOADER',
      `default collate: at ${path} the first sample has ${what}, but sample ${odd} of the batch has ${shown(column[odd])}`,
    );
}

function collateNumbers(column: readonly unknown[], path: string): Tensor {
  requireAll(column, (value) => numericTypes.includes(typeof value), `a ${typeof column[0]}`, path);
  const values = column as (number | boolean | bigint)[];
  if (values.every((value) => typeof value === 'boolean')) return tensor(values, { dtype: 'bool' });
  // JavaScript has no 1.0: a column of whole numbers is int64, one fraction makes all of it float64.
  const whole = values.every((value) => typeof value !== 'number' || Number.isSafeInteger(value));
  return tensor(values, { dtype: whole ? 'int64' : 'float64' });
}

function collateArrays(column: readonly unknown[], path: string): Tensor {
  requireAll(column, isNumeric, `a ${shown(column[0])}`, path);
  return stack((column as TypedArray[]).map((array) => fromTypedArray(array)));
}

function collateMap(column: readonly unknown[], first: Map<unknown, unknown>, path: string): Map<unknown, unknown> {
  requireAll(column, (value) => value instanceof Map, 'a Map', path);
  const maps = column as Map<unknown, unknown>[];
  return new Map(
    [...first.keys()].map((key) => {
      requireAll(maps, (map) => (map as Map<unknown, unknown>).has(key), `the key ${shown(key)}`, path);
      return [
        key,
        collateColumn(
          maps.map((map) => map.get(key)),
          `${path}.get(${shown(key)})`,
        ),
      ];
    }),
  );
}

function collateObject(
  column: readonly unknown[],
  first: Record<string, unknown>,
  path: string,
): Record<string, unknown> {
  requireAll(column, isPlainObject, 'a plain object', path);
  const objects = column as Record<string, unknown>[];
  return Object.fromEntries(
    Object.keys(first).map((key) => {
      requireAll(objects, (object) => Object.hasOwn(object as object, key), `the key '${key}'`, path);
      return [
        key,
        collateColumn(
          objects.map((object) => object[key]),
          `${path}.${key}`,
        ),
      ];
    }),
  );
}

function collateLists(column: readonly unknown[], first: readonly unknown[], path: string): unknown[] {
  requireAll(column, Array.isArray, 'an array', path);
  const lists = column as unknown[][];
  const odd = lists.findIndex((list) => list.length !== first.length);
  if (odd >= 0)
    throw new TorchError(
      'DATA_LOADER',
      `each element in list of batch should be of equal size: at ${path} the first sample has ${first.length} elements, sample ${odd} has ${lists[odd]!.length}`,
    );
  return first.map((_, i) =>
    collateColumn(
      lists.map((list) => list[i]),
      `${path}[${i}]`,
    ),
  );
}

function collateColumn(column: readonly unknown[], path: string): unknown {
  const first = column[0];
  if (first instanceof Tensor) {
    requireAll(column, (value) => value instanceof Tensor, 'a Tensor', path);
    return stack(column as Tensor[]);
  }
  if (numericTypes.includes(typeof first)) return collateNumbers(column, path);
  if (typeof first === 'string' || isBytes(first)) return [...column];
  if (isNumeric(first)) return collateArrays(column, path);
  if (Array.isArray(first)) return collateLists(column, first, path);
  if (first instanceof Map) return collateMap(column, first, path);
  if (isPlainObject(first)) return collateObject(column, first, path);
  return refuse(first, path);
}

/**
 * Makes one batch of a list of samples by PyTorch's rules; the first sample decides.
 *
 * Tensors and typed arrays [...] are stacked to [batch, ...]. Numbers become a tensor [batch]: int64 when all are whole,
 * else float64; booleans a bool tensor. Strings, `Buffer`s and `ArrayBuffer`s stay a list. Arrays, tuples, plain objects
 * and Maps are collated element by element, key by key. Anything else, null too, throws `DATA_LOADER`.
 */
export function defaultCollate<T>(batch: readonly T[]): Collated<T> {
  if (batch.length === 0) throw new TorchError('DATA_LOADER', 'default collate: a batch must have at least one sample');
  return collateColumn(batch, 'sample') as Collated<T>;
}

function convert(value: unknown): unknown {
  if (isNumeric(value)) return fromTypedArray(value);
  if (Array.isArray(value)) return value.map(convert);
  if (value instanceof Map) return new Map([...value].map(([key, entry]) => [key, convert(entry)]));
  if (isPlainObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, convert(entry)]));
  return value;
}

/** One sample as it is, with typed arrays (also inside arrays, plain objects and Maps) turned into tensors. */
export const defaultConvert = <T>(sample: T): Converted<T> => convert(sample) as Converted<T>;
