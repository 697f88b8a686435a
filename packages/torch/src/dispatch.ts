import { relievePressure } from './memory.js';
import { type Handle, native, pressure } from './native.js';
import type { Tensor } from './tensor.js';

// The way every operator takes: arguments to handles, one native call, the result to tensors. Fixed arities, because a
// spread call costs more than the crossing itself.

let makeTensor: (handle: Handle) => Tensor;

/** tensor.ts hands in its constructor; importing it here would be a cycle. */
export function setTensorFactory(factory: (handle: Handle) => Tensor): void {
  makeTensor = factory;
}

/** A tensor over a handle; for files that tensor.ts itself imports. */
export const wrapHandle = (handle: Handle): Tensor => makeTensor(handle);

/** Whether a value is a tensor. Handles are found nowhere else. */
export const isTensor = (value: unknown): value is Tensor =>
  typeof value === 'object' && value !== null && (value as { handle?: unknown }).handle !== undefined;

function handleOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return (value as { handle?: unknown }).handle ?? value;
}

/** The only objects the addon returns are handles and arrays. */
function wrap(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(wrap);
  return makeTensor(value as Handle);
}

function finish(result: unknown): unknown {
  if (pressure[0] !== 0) relievePressure();
  return wrap(result);
}

export const invoke0 = (id: number): unknown => finish(native.call(id));
export const invoke1 = (id: number, a: unknown): unknown => finish(native.call(id, handleOf(a)));
export const invoke2 = (id: number, a: unknown, b: unknown): unknown =>
  finish(native.call(id, handleOf(a), handleOf(b)));
export const invoke3 = (id: number, a: unknown, b: unknown, c: unknown): unknown =>
  finish(native.call(id, handleOf(a), handleOf(b), handleOf(c)));
export const invoke4 = (id: number, a: unknown, b: unknown, c: unknown, d: unknown): unknown =>
  finish(native.call(id, handleOf(a), handleOf(b), handleOf(c), handleOf(d)));
export const invoke5 = (id: number, a: unknown, b: unknown, c: unknown, d: unknown, e: unknown): unknown =>
  finish(native.call(id, handleOf(a), handleOf(b), handleOf(c), handleOf(d), handleOf(e)));
export const invoke6 = (id: number, a: unknown, b: unknown, c: unknown, d: unknown, e: unknown, f: unknown): unknown =>
  finish(native.call(id, handleOf(a), handleOf(b), handleOf(c), handleOf(d), handleOf(e), handleOf(f)));
export const invoke7 = (
  id: number,
  a: unknown,
  b: unknown,
  c: unknown,
  d: unknown,
  e: unknown,
  f: unknown,
  g: unknown,
): unknown =>
  finish(native.call(id, handleOf(a), handleOf(b), handleOf(c), handleOf(d), handleOf(e), handleOf(f), handleOf(g)));
export const invoke8 = (
  id: number,
  a: unknown,
  b: unknown,
  c: unknown,
  d: unknown,
  e: unknown,
  f: unknown,
  g: unknown,
  h: unknown,
): unknown =>
  finish(
    native.call(
      id,
      handleOf(a),
      handleOf(b),
      handleOf(c),
      handleOf(d),
      handleOf(e),
      handleOf(f),
      handleOf(g),
      handleOf(h),
    ),
  );
export const invokeN = (id: number, args: unknown[]): unknown => finish(native.call(id, ...args.map(handleOf)));

function afterRun(): void {
  if (pressure[0] !== 0) relievePressure();
}

/** In-place operators: the result is `self`, which the caller has already. */
export function run1(id: number, a: unknown): void {
  native.run(id, handleOf(a));
  afterRun();
}
export function run2(id: number, a: unknown, b: unknown): void {
  native.run(id, handleOf(a), handleOf(b));
  afterRun();
}
export function run3(id: number, a: unknown, b: unknown, c: unknown): void {
  native.run(id, handleOf(a), handleOf(b), handleOf(c));
  afterRun();
}
export function runN(id: number, args: unknown[]): void {
  native.run(id, ...args.map(handleOf));
  afterRun();
}

/** Several named results as an object; a form with a single result passes through. */
export function named(result: unknown, names: string[]): unknown {
  if (!Array.isArray(result)) return result;
  return Object.fromEntries(names.map((name, i) => [name, result[i]]));
}
