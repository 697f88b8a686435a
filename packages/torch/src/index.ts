export * from './autograd.js';
export { Function, type FunctionContext } from './autogradFunction.js';
export {
  arange,
  einsum,
  elementSizes,
  empty,
  eye,
  fromBuffer,
  fromTypedArray,
  full,
  getDefaultDType,
  linspace,
  logspace,
  ones,
  type RandomOptions,
  rand,
  randint,
  randn,
  randperm,
  setDefaultDType,
  type TensorOptions,
  tensor,
  where,
  zeros,
} from './creation.js';
export { cuda, Device, type DeviceLike, deviceOf, devices } from './device.js';
export { type DType, dtypes, isDType, type Layout, type MemoryFormat, type TypedArray } from './dtype.js';
export { TorchError, type TorchErrorCode, torchErrorCodes } from './errors.js';
export { setPrintOptions } from './formatting.js';
export * from './functions.js';
export type { Index, IndexList, SliceRange } from './indexing.js';
export { type MemoryStats, memory } from './memory.js';
export { Parameter } from './parameter.js';
export {
  defaultGenerator,
  forkRng,
  Generator,
  getRngState,
  initialSeed,
  manualSeed,
  seed,
  setRngState,
} from './random.js';
export { getNumThreads, setNumThreads, showConfig, useDeterministicAlgorithms, version } from './runtime.js';
export type { Complex, Scalar } from './scalar.js';
export { asView, storageByteLength, storageBytes, tensorFromStorage } from './storage.js';
export { type BackwardOptions, type NestedArray, Tensor, type ToOptions } from './tensor.js';
export { resetWarnings, silenceWarnings, WarningError, warn, warningsAsErrors } from './warnings.js';
