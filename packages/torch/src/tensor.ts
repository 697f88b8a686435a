import { type Device, type DeviceLike, type DeviceName, deviceOf } from './device.js';
import { invokeN, setTensorFactory } from './dispatch.js';
import { type DType, isComplex, isDType, type Layout, type MemoryFormat, type TypedArray } from './dtype.js';
import { TorchError } from './errors.js';
import { formatTensor } from './formatting.js';
import { type Index, readAt, writeAt } from './indexing.js';
import { type Handle, native } from './native.js';
import { operatorId } from './operatorId.js';
import type { Complex, Scalar } from './scalar.js';
import { TensorFacts } from './tensorFacts.js';
import { type UniqueOptions, type UniqueResult, unique } from './unique.js';

/** Numbers (booleans, bigints, complex numbers) nested as deep as a tensor has dimensions. */
export type NestedArray = number | boolean | bigint | Complex | NestedArray[];

export interface ToOptions {
  dtype?: DType;
  device?: DeviceLike;
  nonBlocking?: boolean;
  /** A new tensor even when nothing changes; default false. */
  copy?: boolean;
  memoryFormat?: MemoryFormat;
}

export interface BackwardOptions {
  /** Keep the graph so that it can be run again; default: the value of `createGraph`. */
  retainGraph?: boolean;
  /** Record the backward itself, for higher derivatives; default false. */
  createGraph?: boolean;
  /** Accumulate into these tensors only; default all leaves. */
  inputs?: Tensor[];
}

/** Gets a gradient; a tensor it returns takes the gradient's place. */
export type TensorHook = (gradient: Tensor) => Tensor | null | undefined | void;

const toId = operatorId('aten::to');
const whereId = operatorId('aten::where');
const polygammaId = operatorId('aten::polygamma');

/**
 * A tensor of the engine. The methods that are operators come from the engine's schemas (`OperatorMethods`).
 *
 * A tensor stays valid as long as anything refers to it and is freed with the last reference; `dispose()` and `using`
 * free it earlier. Two `Tensor` objects can stand for one tensor of the engine (`x.grad` makes a new object each time);
 * `isSame` tells.
 */
export class Tensor extends TensorFacts {
  /** The engine's tensor; for this package only. */
  readonly handle: Handle;

  constructor(handle: Handle) {
    super();
    this.handle = handle;
  }

  /** Sizes, as `[2, 3]`. */
  get shape(): number[] {
    return native.shape(this.handle);
  }
  get dtype(): DType {
    return native.dtype(this.handle) as DType;
  }
  get device(): Device {
    return deviceOf(native.device(this.handle) as DeviceName);
  }
  get layout(): Layout {
    return native.layout(this.handle) as Layout;
  }
  /** Bytes of the elements (not of the storage under a view). */
  get nbytes(): number {
    return native.numel(this.handle) * native.elementSize(this.handle);
  }
  get ndim(): number {
    return native.dim(this.handle);
  }

  /** All sizes, or the size of one dimension (negative counts from the end). */
  size(): number[];
  size(dim: number): number;
  size(dim?: number): number | number[] {
    return dim === undefined ? native.shape(this.handle) : native.sizeAt(this.handle, dim);
  }
  /** Steps between neighbours in each dimension, in elements. */
  stride(): number[] {
    return native.stride(this.handle);
  }
  storageOffset(): number {
    return native.storageOffset(this.handle);
  }
  /** Identifies the storage: views of one storage have the same number while it lives. */
  storageId(): number {
    return native.storageId(this.handle);
  }
  dim(): number {
    return native.dim(this.handle);
  }
  numel(): number {
    return native.numel(this.handle);
  }
  elementSize(): number {
    return native.elementSize(this.handle);
  }
  isContiguous(memoryFormat: 'contiguous_format' | 'channels_last' = 'contiguous_format'): boolean {
    return native.isContiguous(this.handle, memoryFormat);
  }
  isFloatingPoint(): boolean {
    return this.dtype.includes('float');
  }
  isComplex(): boolean {
    return isComplex(this.dtype);
  }
  /** Whether both objects stand for one tensor of the engine. */
  isSame(other: Tensor): boolean {
    return native.isSame(this.handle, other.handle);
  }

  /** The first two dimensions swapped; 1-d tensors as they are. */
  get T(): Tensor {
    return this.dim() < 2 ? this : this.permute(Array.from({ length: this.dim() }, (_, i) => this.dim() - 1 - i));
  }
  /** The last two dimensions swapped. */
  get mT(): Tensor {
    return this.transpose(-2, -1);
  }

  /** The conjugate of `mT`; `H` is the same for matrices. */
  get mH(): Tensor {
    return this.adjoint();
  }
  get H(): Tensor {
    return this.dim() === 0 ? this : this.adjoint();
  }

  // ---- autograd

  get requiresGrad(): boolean {
    return native.requiresGrad(this.handle);
  }
  set requiresGrad(flag: boolean) {
    native.setRequiresGrad(this.handle, flag);
  }
  requiresGrad_(flag = true): this {
    native.setRequiresGrad(this.handle, flag);
    return this;
  }
  /** Made by the user, not by an operation that is recorded. */
  get isLeaf(): boolean {
    return native.isLeaf(this.handle);
  }
  /** The name of the operation that made it (`AddmmBackward0`), null for leaves. */
  get gradFn(): string | null {
    return native.gradFnName(this.handle);
  }
  /** What backward accumulated here, or null. */
  get grad(): Tensor | null {
    const handle = native.getGrad(this.handle);
    return handle === null ? null : new Tensor(handle);
  }
  set grad(gradient: Tensor | null) {
    native.setGrad(this.handle, gradient === null ? null : gradient.handle);
  }
  /** Adds the gradient of this tensor to `.grad` of every leaf it depends on. A tensor of several elements needs `gradient`. */
  backward(gradient?: Tensor | null, options: BackwardOptions = {}): void {
    if (
      gradient === undefined &&
      options.retainGraph === undefined &&
      options.createGraph === undefined &&
      !options.inputs
    ) {
      native.backwardOne(this.handle);
      return;
    }
    native.backward(
      [this],
      gradient ? [gradient] : null,
      options.retainGraph ?? null,
      options.createGraph ?? false,
      options.inputs ?? null,
    );
  }
  /** Keep `.grad` of this tensor although it is not a leaf. */
  retainGrad(): void {
    native.retainGrad(this.handle);
  }
  /**
   * Calls `hook` with the gradient of this tensor in every backward; a tensor it returns takes the gradient's place.
   *
   * The engine keeps the hook as long as the tensor. A hook that refers to the tensor itself keeps it alive until it is
   * removed, because V8 cannot see through the engine.
   */
  registerHook(hook: TensorHook): { remove(): void } {
    const { handle } = this;
    const number = native.registerHook(handle, handleHook(hook));
    return { remove: () => native.removeHook(handle, number) };
  }
  /** The same elements outside the graph; assigning replaces the contents under the same identity. */
  get data(): Tensor {
    return this.detach();
  }
  set data(value: Tensor) {
    native.setData(this.handle, value.handle);
  }

  // ---- conversion

  /** This tensor with another dtype or on another device; itself when nothing changes. */
  to(target: DType | DeviceLike | Tensor | ToOptions, options: ToOptions = {}): Tensor {
    let wanted: ToOptions;
    if (isDType(target)) wanted = { ...options, dtype: target };
    else if (typeof target === 'string') wanted = { ...options, device: target };
    else if (target instanceof Tensor) wanted = { ...options, dtype: target.dtype, device: target.device };
    else if ('type' in target) wanted = { ...options, device: target };
    else wanted = target;
    const { dtype, device, nonBlocking = false, copy = false, memoryFormat = null } = wanted;
    if (device === undefined) {
      if (dtype === undefined && !copy && memoryFormat === null) return this;
      return invokeN(toId, [this, dtype ?? this.dtype, nonBlocking, copy, memoryFormat]) as Tensor;
    }
    return invokeN(toId, [this, String(device), dtype ?? this.dtype, nonBlocking, copy, memoryFormat]) as Tensor;
  }
  cpu(): Tensor {
    return this.to('cpu');
  }
  cuda(index?: number): Tensor {
    return this.to(index === undefined ? 'cuda' : `cuda:${index}`);
  }
  float(): Tensor {
    return this.to('float32');
  }
  double(): Tensor {
    return this.to('float64');
  }
  half(): Tensor {
    return this.to('float16');
  }
  bfloat16(): Tensor {
    return this.to('bfloat16');
  }
  long(): Tensor {
    return this.to('int64');
  }
  int(): Tensor {
    return this.to('int32');
  }
  short(): Tensor {
    return this.to('int16');
  }
  char(): Tensor {
    return this.to('int8');
  }
  byte(): Tensor {
    return this.to('uint8');
  }
  bool(): Tensor {
    return this.to('bool');
  }
  cfloat(): Tensor {
    return this.to('complex64');
  }
  cdouble(): Tensor {
    return this.to('complex128');
  }

  /**
   * The one element as a JavaScript value.
   *
   * An int64 outside the safe integers throws `INT64_UNSAFE` rather than being rounded; `{ bigint: true }` reads it.
   */
  item(): number;
  item(options: { bigint: true }): bigint;
  item(options?: { bigint: true }): unknown {
    const value = native.item(this.handle, options?.bigint ?? false);
    return typeof value === 'boolean' ? Number(value) : value;
  }

  /** The elements as nested arrays, a bare value for a tensor without dimensions. Booleans for bool tensors. */
  tolist(options: { bigint?: boolean } = {}): NestedArray {
    const { dtype } = this;
    const flat = this.toTypedArray();
    let at = 0;
    const read = (): NestedArray => {
      if (isComplex(dtype)) {
        const value = { re: Number(flat[at]), im: Number(flat[at + 1]) };
        at += 2;
        return value;
      }
      const value = flat[at++]!;
      if (dtype === 'bool') return value !== 0;
      if (typeof value !== 'bigint') return value;
      if (options.bigint) return value;
      if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER)
        throw new TorchError(
          'INT64_UNSAFE',
          `${value} does not fit a JavaScript number exactly; ask for tolist({ bigint: true })`,
        );
      return Number(value);
    };
    const { shape } = this;
    const nest = (depth: number): NestedArray =>
      depth === shape.length ? read() : Array.from({ length: shape[depth]! }, () => nest(depth + 1));
    return nest(0);
  }

  /**
   * A copy of the elements in row-major order: the dtype's own array type (`BigInt64Array` for int64, `Uint8Array` for
   * uint8 and bool), `Float32Array` for the 16-bit floats, real and imaginary parts in turn for complex numbers.
   */
  toTypedArray(): TypedArray {
    const { dtype } = this;
    if (dtype === 'float16' || dtype === 'bfloat16') return this.detach().to('float32').toTypedArray();
    const bytes = native.toBytes(this.handle);
    switch (dtype) {
      case 'float32':
      case 'complex64':
        return new Float32Array(bytes);
      case 'float64':
      case 'complex128':
        return new Float64Array(bytes);
      case 'int64':
        return new BigInt64Array(bytes);
      case 'int32':
        return new Int32Array(bytes);
      case 'int16':
        return new Int16Array(bytes);
      case 'int8':
        return new Int8Array(bytes);
      default:
        return new Uint8Array(bytes);
    }
  }

  // ---- indexing

  /**
   * `x[...]` of Python: integers, slices (`'1:3'`, `'::2'` or `{ start, stop, step }`), `'...'`, `null` for a new
   * dimension, masks and index tensors or arrays.
   *
   * `x.at(0, '1:3')` is a view where Python's is one.
   */
  at(...indices: Index[]): Tensor {
    return readAt(this, indices);
  }
  /** `x[...] = value` of Python. */
  setAt(indices: Index[], value: Tensor | number | boolean): this {
    writeAt(this, indices, value);
    return this;
  }

  /** This tensor where the condition holds, `other` elsewhere. */
  where(condition: Tensor, other: Tensor | Scalar): Tensor {
    return invokeN(whereId, [condition, this, other]) as Tensor;
  }
  /** Each value once; see `torch.unique`. */
  unique<const O extends UniqueOptions>(options?: O): UniqueResult<O> {
    return unique(this, options);
  }
  /** The n-th derivative of the digamma function at each element. */
  polygamma(n: number): Tensor {
    return invokeN(polygammaId, [n, this]) as Tensor;
  }

  /** The tensors along the first dimension. */
  *[Symbol.iterator](): Iterator<Tensor> {
    if (this.dim() === 0) throw new TorchError('ARGUMENT_TYPE', 'cannot iterate over a tensor without dimensions');
    yield* this.unbind(0);
  }

  // ---- lifetime

  /** Frees the engine's reference now; any later use throws `TENSOR_DISPOSED`. Views and saved activations stay valid. */
  dispose(): void {
    native.dispose(this.handle);
  }
  [Symbol.dispose](): void {
    native.dispose(this.handle);
  }

  override toString(): string {
    return formatTensor(this);
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return formatTensor(this);
  }
}

/** A hook on handles. Made apart from `registerHook`: the tensor holds it, so it must not hold the tensor. */
function handleHook(hook: TensorHook): (gradient: Handle) => Handle | null {
  return (gradient) => {
    const replaced = hook(new Tensor(gradient));
    if (replaced === undefined || replaced === null) return null;
    if (replaced instanceof Tensor) return replaced.handle;
    throw new TorchError(
      'BACKWARD_HOOK',
      `a tensor hook returns a tensor or nothing, this one returned ${typeof replaced}`,
    );
  };
}

setTensorFactory((handle) => new Tensor(handle));
