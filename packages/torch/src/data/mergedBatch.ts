import { fromTypedArray } from '../creation.js';
import { TorchError } from '../errors.js';
import { cat } from '../functions.js';
import { Tensor } from '../tensor.js';
import { shown } from './checks.js';

/** A batch of some of the samples of a larger one, and their places in that. */
export interface BatchPart {
  batch: unknown;
  places: number[];
}

const isText = (value: unknown): boolean =>
  typeof value === 'string' || Buffer.isBuffer(value) || value instanceof ArrayBuffer;

/** One batch of several that are collated alike: tensors [part, …] become [whole, …], in the order of the places. */
export function mergedBatch(parts: readonly BatchPart[]): unknown {
  if (parts.length === 1) return parts[0]!.batch;
  const sources = parts.flatMap(({ places }) => places);
  // Where in the parts, one after the other, each place of the whole is found.
  const order = new Int32Array(sources.length);
  sources.forEach((place, i) => {
    order[place] = i;
  });
  const isOrdered = order.every((source, i) => source === i);
  return merged(
    parts.map(({ batch }) => batch),
    parts.map(({ places }) => places.length),
    isOrdered ? null : order,
    'batch',
  );
}

function merged(column: readonly unknown[], sizes: readonly number[], order: Int32Array | null, path: string): unknown {
  const [first] = column;
  if (first instanceof Tensor) {
    const whole = cat(column as Tensor[], 0);
    if (order === null) return whole;
    const sorted = whole.indexSelect(0, fromTypedArray(order).to(whole.device));
    whole.dispose();
    return sorted;
  }
  const inside = (parts: readonly unknown[], name: string) => merged(parts, sizes, order, `${path}${name}`);
  if (Array.isArray(first)) {
    const lists = column as unknown[][];
    if (lists.every((list, i) => list.length === sizes[i] && list.every(isText))) {
      const whole = lists.flat();
      return order === null ? whole : Array.from(order, (source) => whole[source]);
    }
    return first.map((_, i) =>
      inside(
        lists.map((list) => list[i]),
        `[${i}]`,
      ),
    );
  }
  if (first instanceof Map)
    return new Map(
      [...first.keys()].map((key) => [
        key,
        inside(
          (column as Map<unknown, unknown>[]).map((map) => map.get(key)),
          '.get(…)',
        ),
      ]),
    );
  if (typeof first === 'object' && first !== null && Object.getPrototypeOf(first) === Object.prototype)
    return Object.fromEntries(
      Object.keys(first).map((key) => [
        key,
        inside(
          (column as Record<string, unknown>[]).map((object) => object[key]),
          `.${key}`,
        ),
      ]),
    );
  throw new TorchError(
    'DATA_LOADER',
    `batches of several datasets can be put together when they are made of tensors, lists of strings, arrays, plain objects and Maps; found ${shown(first)} at ${path}`,
  );
}
