import { types } from 'node:util';
import { TorchError } from '../../errors.js';
import type { Passage } from '../../handover.js';
import { Tensor } from '../../tensor.js';

/** A batch on its way between threads: tensors are tickets, the rest is what a message can carry. */
export interface Parcel {
  ticket: number;
  count: number;
  /** `list` and `tensor`: the tensors are all there is. */
  shape: 'tensor' | 'list' | 'body';
  body: unknown;
}

const mark = 'lightning-ts:parcel';
/** Stands in the body for what a message cannot carry as it is. */
type Marked = { [mark]: 'tensor'; at: number } | { [mark]: 'buffer'; bytes: Uint8Array } | MarkedInstance;
interface MarkedInstance {
  [mark]: 'instance';
  /** The node of its class among what was packed for the worker. */
  type: number;
  fields: Record<string, unknown>;
}

function refuse(path: string, what: string): never {
  throw new TorchError(
    'DATA_TRAVEL',
    `a batch cannot be handed over to the loader: ${path} is ${what}. Batches hold tensors, numbers, strings, typed arrays, plain objects, Maps, arrays, and objects of the dataset's own classes`,
  );
}

/** Whether the message may carry it without a look at what is inside. */
const isPlainValue = (value: unknown): boolean =>
  value === null || (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol');

class Wrapper {
  readonly tensors: Tensor[] = [];

  constructor(private readonly typeNumbers: ReadonlyMap<unknown, number>) {}

  wrap(value: unknown, path: string): unknown {
    if (isPlainValue(value)) return value;
    if (value instanceof Tensor) return this.tensor(value, path);
    if (typeof value !== 'object' || value === null) return refuse(path, `a ${typeof value}`);
    if (Array.isArray(value))
      return value.every(isPlainValue) ? value : value.map((item, i) => this.wrap(item, `${path}[${i}]`));
    if (Buffer.isBuffer(value)) return { [mark]: 'buffer', bytes: Uint8Array.from(value) } satisfies Marked;
    if (ArrayBuffer.isView(value)) return ownView(value);
    if (value instanceof Map)
      return new Map(
        [...value].map(([key, item]) => [this.wrap(key, `a key of ${path}`), this.wrap(item, `${path}.get(…)`)]),
      );
    if (value instanceof Set) return new Set([...value].map((item) => this.wrap(item, `an element of ${path}`)));
    if (types.isPromise(value) || types.isWeakMap(value) || types.isExternal(value))
      return refuse(path, `a ${value.constructor.name}`);
    return this.object(value, path);
  }

  private tensor(tensor: Tensor, path: string): Marked {
    if (tensor.requiresGrad && !tensor.isLeaf)
      refuse(path, 'a tensor with a graph of recorded operations, which stays in the worker; detach() it');
    return { [mark]: 'tensor', at: this.tensors.push(tensor) - 1 };
  }

  private object(value: object, path: string): unknown {
    const prototype: unknown = Object.getPrototypeOf(value);
    const type = (prototype as { constructor?: unknown } | null)?.constructor;
    const number = type === Object ? undefined : this.typeNumbers.get(type);
    // Dates, errors and the like are known to messages; a class that is not keeps its fields and loses its methods.
    if (types.isDate(value) || types.isRegExp(value) || types.isNativeError(value) || types.isAnyArrayBuffer(value))
      return value;
    const fields = Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, this.wrap(item, `${path}.${key}`)]),
    );
    return number === undefined ? fields : ({ [mark]: 'instance', type: number, fields } satisfies Marked);
  }
}

/** A message carries the whole buffer under a view. */
function ownView(view: ArrayBufferView): ArrayBufferView {
  const isPart = view.byteLength < view.buffer.byteLength && types.isArrayBuffer(view.buffer);
  return isPart && !(view instanceof DataView) ? (view as Uint8Array).slice() : view;
}

const isTensor = (value: unknown): value is Tensor => value instanceof Tensor;
const isFree = (tensor: Tensor): boolean => !tensor.requiresGrad || tensor.isLeaf;

/**
 * Gives the tensors of a batch to the passage and describes the rest.
 *
 * @param typeNumbers the classes that both ends know
 * @param isLast whether nobody here needs the tensors any more: they are freed at once when the other end lets go
 */
export function toParcel(
  batch: unknown,
  passage: Passage,
  typeNumbers: ReadonlyMap<unknown, number>,
  isLast = false,
): Parcel {
  if (isTensor(batch) && isFree(batch)) return sent([batch], 'tensor', undefined, passage, isLast);
  if (Array.isArray(batch) && batch.length > 0 && batch.every(isTensor) && batch.every(isFree))
    return sent(batch, 'list', undefined, passage, isLast);
  const wrapper = new Wrapper(typeNumbers);
  const body = wrapper.wrap(batch, 'batch');
  return sent(wrapper.tensors, 'body', body, passage, isLast);
}

function sent(tensors: Tensor[], shape: Parcel['shape'], body: unknown, passage: Passage, isLast: boolean): Parcel {
  const parcel = { ticket: tensors.length === 0 ? 0 : passage.give(tensors), count: tensors.length, shape, body };
  if (isLast) for (const tensor of tensors) tensor.dispose();
  return parcel;
}

/** @param types the classes by their numbers */
export function fromParcel(parcel: Parcel, passage: Passage, typesByNumber: ReadonlyMap<number, object>): unknown {
  const { ticket, count, shape, body } = parcel;
  const tensors = count === 0 ? [] : passage.take(ticket, count);
  if (shape === 'tensor') return tensors[0];
  if (shape === 'list') return tensors;
  return unwrap(body, tensors, typesByNumber);
}

function unwrap(value: unknown, tensors: readonly Tensor[], typesByNumber: ReadonlyMap<number, object>): unknown {
  if (isPlainValue(value) || ArrayBuffer.isView(value)) return value;
  const inside = (item: unknown): unknown => unwrap(item, tensors, typesByNumber);
  if (Array.isArray(value)) return value.every(isPlainValue) ? value : value.map(inside);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [inside(key), inside(item)]));
  if (value instanceof Set) return new Set([...value].map(inside));
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  if (!Object.hasOwn(value as object, mark))
    return Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, inside(item)]));
  const marked = value as Marked;
  if (marked[mark] === 'tensor') return tensors[marked.at];
  if (marked[mark] === 'buffer')
    return Buffer.from(marked.bytes.buffer, marked.bytes.byteOffset, marked.bytes.byteLength);
  const type = typesByNumber.get(marked.type) as { prototype: object };
  return Object.assign(
    Object.create(type.prototype) as object,
    Object.fromEntries(Object.entries(marked.fields).map(([key, item]) => [key, inside(item)])),
  );
}

/** Frees what a parcel holds that nobody will open. */
export function dropParcel({ ticket, count }: Parcel, passage: Passage): void {
  if (count > 0) passage.drop(ticket, count);
}
