import type { DeviceLike } from './device.js';
import { invokeN, isTensor, wrapHandle } from './dispatch.js';
import { type DType, isComplex, isFloatingPoint, type Layout, type MemoryFormat, type TypedArray } from './dtype.js';
import { TorchError } from './errors.js';
import { native } from './native.js';
import { operatorId } from './operatorId.js';
import type { Generator } from './random.js';
import type { Complex, Scalar } from './scalar.js';
import type { NestedArray, Tensor } from './tensor.js';

export interface TensorOptions {
  /** Default: the default dtype (float32), or what the values are. */
  dtype?: DType;
  /** Default `cpu`. */
  device?: DeviceLike;
  /** Record operations on it; default false. */
  requiresGrad?: boolean;
  layout?: Layout;
  pinMemory?: boolean;
  memoryFormat?: MemoryFormat;
}
export interface RandomOptions extends TensorOptions {
  /** Draw from this generator instead of the default one. */
  generator?: Generator;
}

const names = [
  'zeros',
  'ones',
  'empty',
  'full',
  'rand',
  'randn',
  'randint',
  'randperm',
  'arange',
  'linspace',
  'logspace',
  'eye',
] as const;
const ids = Object.fromEntries(names.map((name) => [name, operatorId(`aten::${name}`)])) as Record<
  (typeof names)[number],
  number
>;
const einsumId = operatorId('aten::einsum');
const whereId = operatorId('aten::where');

function create(id: number, args: unknown[], options: RandomOptions | undefined): Tensor {
  if (options === undefined) return invokeN(id, args) as Tensor;
  const { requiresGrad, device, ...rest } = options;
  const passed = device === undefined ? rest : { ...rest, device: String(device) };
  const tensor = invokeN(id, [...args, passed]) as Tensor;
  if (requiresGrad) tensor.requiresGrad = true;
  return tensor;
}

type SizeArguments<O> = [size: number[], options?: O] | [...size: number[]];

function bySize<O extends RandomOptions>(id: number, args: SizeArguments<O>): Tensor {
  return typeof args[0] === 'object' ? create(id, [args[0]], args[1] as O | undefined) : create(id, [args], undefined);
}

/** A tensor of zeros: `zeros([2, 3], { dtype: 'int64' })` or `zeros(2, 3)`. */
export const zeros = (...args: SizeArguments<TensorOptions>): Tensor => bySize(ids.zeros, args);
/** A tensor of ones. */
export const ones = (...args: SizeArguments<TensorOptions>): Tensor => bySize(ids.ones, args);
/** A tensor whose elements are whatever the memory held. */
export const empty = (...args: SizeArguments<TensorOptions>): Tensor => bySize(ids.empty, args);
/** Uniform random numbers in [0, 1). */
export const rand = (...args: SizeArguments<RandomOptions>): Tensor => bySize(ids.rand, args);
/** Random numbers from the standard normal distribution. */
export const randn = (...args: SizeArguments<RandomOptions>): Tensor => bySize(ids.randn, args);

/** A tensor of one value; whole numbers give int64, others the default dtype, unless `dtype` says otherwise. */
export const full = (size: number[], value: Scalar, options?: TensorOptions): Tensor =>
  create(ids.full, [size, value], options);

/** Random integers in [low, high), int64: `randint(10, [3])` or `randint(5, 10, [3])`. */
export function randint(high: number, size: number[], options?: RandomOptions): Tensor;
export function randint(low: number, high: number, size: number[], options?: RandomOptions): Tensor;
export function randint(...args: unknown[]): Tensor {
  const last = args.at(-1);
  const hasOptions = typeof last === 'object' && !Array.isArray(last);
  return hasOptions
    ? create(ids.randint, args.slice(0, -1), last as RandomOptions)
    : create(ids.randint, args, undefined);
}

/** The integers below n in random order, int64. */
export const randperm = (n: number, options?: RandomOptions): Tensor => create(ids.randperm, [n], options);

/** start, start + step, … below end: `arange(5)`, `arange(1, 5)`, `arange(1, 5, 2)`. int64 when all are whole numbers. */
export function arange(end: number, options?: TensorOptions): Tensor;
export function arange(start: number, end: number, options?: TensorOptions): Tensor;
export function arange(start: number, end: number, step: number, options?: TensorOptions): Tensor;
export function arange(...args: unknown[]): Tensor {
  const last = args.at(-1);
  return typeof last === 'object'
    ? create(ids.arange, args.slice(0, -1), last as TensorOptions)
    : create(
        ids.arange,
        args.filter((arg) => arg !== undefined),
        undefined,
      );
}

/** `steps` numbers from start to end, both included. */
export const linspace = (start: number, end: number, steps: number, options?: TensorOptions): Tensor =>
  create(ids.linspace, [start, end, steps], options);
/** `steps` powers of `base` with exponents from start to end. */
export const logspace = (
  start: number,
  end: number,
  steps: number,
  options: TensorOptions & { base?: number } = {},
): Tensor => {
  const { base = 10, ...rest } = options;
  return create(ids.logspace, [start, end, steps, base], rest);
};
/** The identity matrix [n, m]; m defaults to n. */
export function eye(n: number, options?: TensorOptions): Tensor;
export function eye(n: number, m: number, options?: TensorOptions): Tensor;
export function eye(n: number, m?: number | TensorOptions, options?: TensorOptions): Tensor {
  return typeof m === 'number' ? create(ids.eye, [n, m], options) : create(ids.eye, [n], m);
}

/** Sums of products by the Einstein convention: `einsum('bij,bjk->bik', x, y)`. */
export const einsum = (equation: string, ...operands: Tensor[]): Tensor =>
  invokeN(einsumId, [equation, operands]) as Tensor;

/** Where `condition` holds the first value, elsewhere the second. */
export const where = (condition: Tensor, input: Tensor | number, other: Tensor | number): Tensor =>
  invokeN(whereId, [condition, input, other]) as Tensor;

type Leaf = number | boolean | bigint | Complex;

function shapeOf(data: unknown): number[] {
  const shape: number[] = [];
  for (
    let level = data;
    Array.isArray(level) || (ArrayBuffer.isView(level) && !(level instanceof DataView));
    level = (level as unknown[])[0]
  ) {
    shape.push((level as unknown[]).length);
    if ((level as unknown[]).length === 0) break;
  }
  return shape;
}

function flatten(data: unknown, shape: number[], depth: number, out: Leaf[]): void {
  if (depth === shape.length) {
    if (typeof data === 'object' && (data === null || !('re' in data)))
      throw new TorchError(
        'ARGUMENT_TYPE',
        `tensor() takes numbers, booleans and bigints in nested arrays of equal lengths; found ${data === null ? 'null' : Array.isArray(data) ? 'a longer nesting' : typeof data} at depth ${depth}`,
      );
    if (!['number', 'boolean', 'bigint', 'object'].includes(typeof data))
      throw new TorchError(
        'ARGUMENT_TYPE',
        `tensor() takes numbers, booleans and bigints in nested arrays; found ${typeof data}`,
      );
    out.push(data as Leaf);
    return;
  }
  const list = data as ArrayLike<unknown>;
  if (typeof data !== 'object' || data === null || list.length !== shape[depth])
    throw new TorchError(
      'SHAPE_MISMATCH',
      `tensor() takes nested arrays of equal lengths: expected ${shape[depth]} entries at depth ${depth}, got ${list?.length ?? typeof data}`,
    );
  for (let i = 0; i < list.length; i++) flatten(list[i], shape, depth + 1, out);
}

function inferDType(values: Leaf[]): DType {
  let dtype: DType = values.length === 0 ? getDefaultDType() : 'bool';
  for (const value of values) {
    if (typeof value === 'object') return getDefaultDType() === 'float64' ? 'complex128' : 'complex64';
    if (typeof value === 'number' && !Number.isInteger(value)) dtype = getDefaultDType();
    else if (typeof value !== 'boolean' && dtype === 'bool') dtype = 'int64';
  }
  return dtype;
}

function typedValues(values: Leaf[], dtype: DType): { bytes: TypedArray; stored: DType } {
  const real = (value: Leaf) => (typeof value === 'object' ? value.re : Number(value));
  if (isComplex(dtype)) {
    const pairs = new Float64Array(values.length * 2);
    values.forEach((value, i) => {
      pairs[2 * i] = real(value);
      pairs[2 * i + 1] = typeof value === 'object' ? value.im : 0;
    });
    return { bytes: pairs, stored: 'complex128' };
  }
  if (values.some((value) => typeof value === 'object'))
    throw new TorchError('DTYPE_MISMATCH', `complex values do not fit dtype ${dtype}`);
  if (dtype === 'float32') return { bytes: Float32Array.from(values, real), stored: dtype };
  if (isFloatingPoint(dtype)) return { bytes: Float64Array.from(values, real), stored: 'float64' };
  if (dtype === 'bool') return { bytes: Uint8Array.from(values, (value) => (value ? 1 : 0)), stored: dtype };
  return { bytes: BigInt64Array.from(values, (value) => int64Of(value as number | boolean | bigint)), stored: 'int64' };
}

/** Fractions are cut off, as in Python; what 64 bits cannot hold is an error rather than another number. */
function int64Of(value: number | boolean | bigint): bigint {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new TorchError('ARGUMENT_RANGE', `${value} is no integer; ask for a floating point dtype`);
  const integer = typeof value === 'bigint' ? value : BigInt(Math.trunc(Number(value)));
  if (integer !== BigInt.asIntN(64, integer))
    throw new TorchError('ARGUMENT_RANGE', `${value} does not fit 64 bits; ask for a floating point dtype`);
  return integer;
}

function dtypeOfTypedArray(array: ArrayBufferView): DType | null {
  if (array instanceof Float32Array) return 'float32';
  if (array instanceof Float64Array) return 'float64';
  if (array instanceof BigInt64Array) return 'int64';
  if (array instanceof Int32Array) return 'int32';
  if (array instanceof Int16Array) return 'int16';
  if (array instanceof Int8Array) return 'int8';
  if (array instanceof Uint8Array || array instanceof Uint8ClampedArray) return 'uint8';
  return null;
}

function finish(tensor: Tensor, options: TensorOptions): Tensor {
  const dtype = options.dtype ?? tensor.dtype;
  let result = tensor;
  if (dtype !== tensor.dtype || options.device !== undefined)
    result = tensor.to({ dtype, ...(options.device === undefined ? {} : { device: options.device }) });
  if (options.requiresGrad) result.requiresGrad = true;
  return result;
}

/**
 * A tensor with a copy of these values: numbers nested to any depth, or a typed array (which keeps its dtype).
 *
 * All whole numbers give int64, as in Python; one number with a fraction makes it float32 (the default dtype). Ask for
 * `{ dtype: 'float32' }` where whole numbers should be floats.
 */
export function tensor(
  data: NestedArray | TypedArray | Tensor | readonly unknown[],
  options: TensorOptions = {},
): Tensor {
  if (isTensor(data)) return finish(data.detach().clone(), options);
  if (ArrayBuffer.isView(data)) return fromTypedArray(data as TypedArray, undefined, options);
  const shape = shapeOf(data);
  const values: Leaf[] = [];
  flatten(data, shape, 0, values);
  const dtype = options.dtype ?? inferDType(values);
  const { bytes, stored } = typedValues(values, dtype);
  return finish(wrapHandle(native.fromBytes(bytes, stored, shape)), { ...options, dtype });
}

/** `tensor`, but a tensor that already is what is asked for is returned as it is. */
export const asTensor = (
  data: NestedArray | TypedArray | Tensor | readonly unknown[],
  options: Pick<TensorOptions, 'dtype' | 'device'> = {},
): Tensor => (isTensor(data) ? finish(data, options) : tensor(data, options));

/** A tensor with one copy of a typed array's elements, in the given shape (default: one dimension). */
export function fromTypedArray(
  array: TypedArray,
  shape: number[] = [array.length],
  options: TensorOptions = {},
): Tensor {
  const dtype = dtypeOfTypedArray(array);
  if (dtype === null)
    throw new TorchError(
      'ARGUMENT_TYPE',
      `${array.constructor.name} has no dtype; use Float32Array, BigInt64Array, Uint8Array or another signed type`,
    );
  return finish(wrapHandle(native.fromBytes(array, dtype, shape)), options);
}

/** A tensor with one copy of raw little-endian bytes. `offset` is in bytes, `count` in elements. */
export function fromBuffer(
  buffer: ArrayBuffer | ArrayBufferView,
  dtype: DType,
  options: { offset?: number; count?: number; shape?: number[] } = {},
): Tensor {
  const bytes = ArrayBuffer.isView(buffer)
    ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    : new Uint8Array(buffer);
  const { offset = 0 } = options;
  const size = elementSizes[dtype];
  const count = options.count ?? Math.floor((bytes.length - offset) / size);
  if (offset < 0 || count < 0 || offset + count * size > bytes.length)
    throw new TorchError(
      'ARGUMENT_RANGE',
      `${count} elements of ${dtype} from byte ${offset} do not fit a buffer of ${bytes.length} bytes`,
    );
  return wrapHandle(native.fromBytes(bytes.subarray(offset, offset + count * size), dtype, options.shape ?? [count]));
}

/** Bytes of one element. */
export const elementSizes: Record<DType, number> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
  complex64: 8,
  complex128: 16,
};

/** The dtype of new floating point tensors, float32 unless changed. */
export const getDefaultDType = (): DType => native.getDefaultDtype() as DType;
export const setDefaultDType = (dtype: DType): void => native.setDefaultDtype(dtype);
