import { elementSizes } from '../creation.js';
import { Device, type DeviceName } from '../device.js';
import { invokeN } from '../dispatch.js';
import { type DType, isComplex, isDType, isFloatingPoint } from '../dtype.js';
import { TorchError } from '../errors.js';
import { operatorId } from '../operatorId.js';
import { Parameter } from '../parameter.js';
import { asView } from '../storage.js';
import { Tensor } from '../tensor.js';
import { SerializeError } from './errors.js';
import type { KnownGlobal, PickleContext } from './knownGlobal.js';
import { numpyGlobals } from './numpyValues.js';
import { pythonGlobals } from './pythonGlobals.js';
import { PyDType } from './pythonValues.js';
import { rebuildSparse } from './sparseTensors.js';

/** Python's name of the storage of each dtype. */
export const storageNames: Readonly<Record<DType, string>> = {
  float64: 'DoubleStorage',
  float32: 'FloatStorage',
  float16: 'HalfStorage',
  bfloat16: 'BFloat16Storage',
  int64: 'LongStorage',
  int32: 'IntStorage',
  int16: 'ShortStorage',
  int8: 'CharStorage',
  uint8: 'ByteStorage',
  bool: 'BoolStorage',
  complex64: 'ComplexFloatStorage',
  complex128: 'ComplexDoubleStorage',
};

/** The class of a storage, as named in a persistent id. */
export class StorageType {
  constructor(readonly dtype: DType) {}
}

/** A storage by itself, without the shape of a tensor; what Python gets from `tensor.storage()`. */
export class Storage {
  constructor(
    /** A uint8 tensor over all of the memory. */
    readonly owner: Tensor,
    readonly dtype: DType,
    /** Elements. */
    readonly length: number,
    /** Where in the owner it begins, in bytes. */
    readonly byteOffset = 0,
  ) {}

  /** All elements as a tensor of one dimension over the same memory. */
  tensor(): Tensor {
    return asView(this.owner, this.dtype, [this.length], [1], this.byteOffset / elementSizes[this.dtype]);
  }
}

/** Kinds of tensors that have no counterpart here, and what to do about them. */
const refused: Readonly<Record<string, string>> = {
  _rebuild_qtensor: 'a quantized tensor, which cannot be read. Save its dequantize() in Python.',
  _rebuild_nested_tensor: 'a nested tensor, which cannot be read. Save its unbind() in Python.',
  _rebuild_meta_tensor_no_storage: 'a tensor on the device meta, which has no elements. Save a tensor with elements.',
  _rebuild_wrapper_subclass: 'a tensor that only wraps others. Save what it wraps.',
  _rebuild_device_tensor_from_numpy: 'a tensor of a device that keeps its elements apart. Save its cpu() in Python.',
  _rebuild_device_tensor_from_cpu_tensor:
    'a tensor of a device that keeps its elements apart. Save its cpu() in Python.',
  _rebuild_xla_tensor: 'a tensor of a device that keeps its elements apart. Save its cpu() in Python.',
};
const maxDimensions = 64;
const negViewId = operatorId('aten::_neg_view');

/** The names that stand for tensors and what they are made of. */
export const torchGlobals: ReadonlyMap<string, KnownGlobal> = new Map<string, KnownGlobal>([
  ['torch._utils._rebuild_tensor', { call: rebuildTensor }],
  ['torch._utils._rebuild_tensor_v2', { call: rebuildTensor }],
  ['torch._utils._rebuild_tensor_v3', { call: rebuildTypedTensor }],
  ['torch._utils._rebuild_parameter', { call: rebuildParameter }],
  ['torch._utils._rebuild_parameter_with_state', { call: rebuildParameter }],
  ['torch._tensor._rebuild_from_type', { call: rebuildFromType }],
  ['torch._tensor._rebuild_from_type_v2', { call: rebuildFromType }],
  ['torch.tensor._rebuild_from_type', { call: rebuildFromType }],
  ['torch._utils._rebuild_sparse_tensor', { call: rebuildSparse }],
  ['torch._utils._rebuild_sparse_csr_tensor', { call: rebuildSparse }],
  ...Object.entries(refused).map(([name, what]): [string, KnownGlobal] => [
    `torch._utils.${name}`,
    {
      call: () => {
        throw new SerializeError('FILE_UNSUPPORTED', `the file holds ${what}`);
      },
    },
  ]),
  ['torch.device', { call: makeDevice }],
  ...Object.entries(storageNames).flatMap(([dtype, name]): [string, KnownGlobal][] => {
    const value = new StorageType(dtype as DType);
    return [
      [`torch.${name}`, { value }],
      [`torch.cuda.${name}`, { value }],
    ];
  }),
  ...['torch.', 'torch.storage.', 'torch.storage._'].map((prefix): [string, KnownGlobal] => [
    `${prefix}UntypedStorage`,
    { value: new StorageType('uint8') },
  ]),
]);

/** The names that loading a file builds values for. */
export const loadGlobals = [torchGlobals, pythonGlobals, numpyGlobals];

/** `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, metadata)`; the short form lacks the end. */
function rebuildTensor(args: unknown[], context: PickleContext): Tensor {
  const [storage, offset, size, stride, requiresGrad, , metadata] = args;
  if (!(storage instanceof Storage)) throw context.corrupt('a tensor has no storage');
  return view(storage, storage.dtype, [offset, size, stride, requiresGrad], metadata, context);
}

/** `_rebuild_tensor_v3(storage, offset, size, stride, requires_grad, hooks, dtype, metadata)`. */
function rebuildTypedTensor(args: unknown[], context: PickleContext): Tensor {
  const [storage, offset, size, stride, requiresGrad, , dtype, metadata] = args;
  if (!(storage instanceof Storage)) throw context.corrupt('a tensor has no storage');
  if (!(dtype instanceof PyDType)) throw context.corrupt('a tensor has no dtype');
  if (!isDType(dtype.dtype)) {
    throw new SerializeError(
      'FILE_UNSUPPORTED',
      `the file holds a tensor of ${dtype}, which this engine has no elements for. Convert it in Python with to().`,
    );
  }
  return view(storage, dtype.dtype, [offset, size, stride, requiresGrad], metadata, context);
}

function view(storage: Storage, dtype: DType, layout: unknown[], metadata: unknown, context: PickleContext): Tensor {
  const [offset, size, stride, requiresGrad] = layout;
  const sizes = countsOf(size, 'sizes', context);
  const strides = countsOf(stride, 'strides', context);
  const [start] = countsOf([offset], 'an offset', context);
  if (sizes.length !== strides.length) {
    throw context.corrupt(`a tensor has ${sizes.length} sizes and ${strides.length} strides`);
  }
  const elementSize = elementSizes[dtype];
  const available = Math.floor((storage.length * elementSizes[storage.dtype]) / elementSize);
  const count = sizes.reduce((product, n) => product * n, 1);
  // The last element's place; strides may be 0, as in an expanded tensor.
  const last = sizes.reduce((place, n, i) => place + (n - 1) * (strides[i] as number), start as number);
  const fits = count === 0 || last < available;
  if (!fits || !Number.isSafeInteger(last) || !Number.isSafeInteger(count * elementSize)) {
    throw context.corrupt(
      `a tensor of the sizes [${sizes}], strides [${strides}] and offset ${start} does not fit its storage of ${available} elements`,
    );
  }
  if (storage.byteOffset % elementSize !== 0) throw context.corrupt('a tensor is not aligned in its storage');
  let tensor: Tensor;
  try {
    tensor = asView(storage.owner, dtype, sizes, strides, storage.byteOffset / elementSize + (start as number));
  } catch (error) {
    if (error instanceof TorchError) throw context.corrupt(`a tensor does not fit its storage: ${error.message}`);
    throw error;
  }
  tensor = withFlags(tensor, metadata, context);
  if (requiresGrad === true) markRequiresGrad(tensor, context);
  return tensor;
}

/** Conjugated and negated views of newer files are flags beside the elements. */
function withFlags(tensor: Tensor, metadata: unknown, context: PickleContext): Tensor {
  if (!(metadata instanceof Map)) return tensor;
  let result = tensor;
  if (metadata.get('conj') === true) {
    if (!isComplex(tensor.dtype)) throw context.corrupt(`a tensor of ${tensor.dtype} cannot be conjugated`);
    result = result.conj();
  }
  return metadata.get('neg') === true ? (invokeN(negViewId, [result]) as Tensor) : result;
}

function countsOf(value: unknown, what: string, context: PickleContext): number[] {
  const isCount = (n: unknown) => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0;
  if (!Array.isArray(value) || value.length > maxDimensions || !value.every(isCount))
    throw context.corrupt(`a tensor has no ${what}`);
  return Array.from(value as number[]);
}

function markRequiresGrad(tensor: Tensor, context: PickleContext): void {
  if (!isFloatingPoint(tensor.dtype) && !isComplex(tensor.dtype)) {
    throw context.corrupt(`a tensor of ${tensor.dtype} cannot require gradients`);
  }
  tensor.requiresGrad = true;
}

function rebuildParameter([data, requiresGrad]: unknown[], context: PickleContext): Parameter {
  if (!(data instanceof Tensor)) throw context.corrupt('a parameter has no tensor');
  const parameter = new Parameter(data, { requiresGrad: false });
  if (requiresGrad === true) markRequiresGrad(parameter, context);
  return parameter;
}

/** `_rebuild_from_type(function, class, arguments, attributes)`: a tensor with Python attributes, which have no place here. */
function rebuildFromType([callee, , args]: unknown[], context: PickleContext): unknown {
  if (!Array.isArray(args)) throw context.corrupt('a tensor has no arguments');
  return context.call(callee, args);
}

function makeDevice([type, index]: unknown[], context: PickleContext): Device {
  if (typeof type !== 'string' || (index !== undefined && typeof index !== 'number')) {
    throw context.corrupt('a device has no name');
  }
  return new Device((index === undefined ? type : `${type}:${index}`) as DeviceName);
}
