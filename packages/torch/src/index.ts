export {
  type AnomalyOptions,
  detectAnomaly,
  isAnomalyCheckNanEnabled,
  isAnomalyEnabled,
  setDetectAnomaly,
} from './anomaly.js';
export * from './autograd.js';
export { Function, type FunctionContext } from './autogradFunction.js';
export {
  backends,
  getFloat32MatmulPrecision,
  type MatmulPrecision,
  setFloat32MatmulPrecision,
  setFlushDenormal,
} from './backends.js';
export {
  arange,
  asTensor,
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
export { cuda, Device, type DeviceLike, type DeviceName, type DeviceType, deviceOf, devices } from './device.js';
export { isTensor } from './dispatch.js';
export { type DType, dtypes, isDType, type Layout, type MemoryFormat, type TypedArray } from './dtype.js';
export { AnomalyError, TorchError, type TorchErrorCode, torchErrorCodes } from './errors.js';
export { setPrintOptions } from './formatting.js';
export * from './functions.js';
export type { Index, IndexList, SliceRange } from './indexing.js';
export { type MemoryStats, memory } from './memory.js';
export { type OperatorCall, observeOperators } from './operatorObserver.js';
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
export {
  getCudnnBenchmark,
  getNumThreads,
  setCudnnBenchmark,
  setNumThreads,
  showConfig,
  useDeterministicAlgorithms,
  version,
} from './runtime.js';
export type { Complex, Scalar } from './scalar.js';
export { type SparseOptions, sparse, sparseCooTensor, sparseCsrTensor } from './sparse.js';
export { asView, storageByteLength, storageBytes, tensorFromStorage } from './storage.js';
export { type BackwardOptions, type NestedArray, Tensor, type ToOptions } from './tensor.js';
export { type FloatInfo, finfo, type IntegerInfo, iinfo } from './typeInfo.js';
export { broadcastShapes, promoteTypes, resultType } from './typePromotion.js';
export { type UniqueOptions, type UniqueResult, unique } from './unique.js';
export { resetWarnings, silenceWarnings, WarningError, warn, warningsAsErrors } from './warnings.js';
