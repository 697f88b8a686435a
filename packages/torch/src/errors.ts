/** Stable codes of `TorchError`. A code never changes its meaning; the wording of messages may. */
export const torchErrorCodes = {
  ADDON_MISSING: 'the native addon is not built, or its libtorch cannot be loaded',
  ARGUMENT_RANGE: 'an argument is outside what is allowed',
  ARGUMENT_TYPE: 'an argument has a type that no form of the operator takes',
  AUTOGRAD: 'the autograd graph does not allow this',
  BACKWARD_HOOK: 'a hook returned something that cannot be used',
  DEVICE_MISMATCH: 'tensors are on different devices, or on one that cannot do this',
  DEVICE_UNAVAILABLE: 'the device asked for is not present',
  DTYPE_MISMATCH: 'element types do not fit',
  ENGINE: 'the engine refused, for a reason its message gives',
  INDEX_OUT_OF_RANGE: 'an index or dimension is outside the tensor',
  INT64_UNSAFE: 'a 64-bit integer does not fit a JavaScript number exactly',
  MODULE_STATE: 'a module and a state dict do not fit, or a module is built wrongly',
  OPTIMIZER_ARGUMENT: 'an optimizer or scheduler was given something it cannot use',
  OUT_OF_MEMORY: 'the system or device has no memory left',
  DATA_LOADER: 'a dataset, sampler or loader was given something it cannot use',
  SHAPE_MISMATCH: 'shapes do not fit together',
  TENSOR_DISPOSED: 'the tensor was disposed',
  UNKNOWN_DTYPE: 'no dtype has this name',
  UNKNOWN_OPERATOR: 'this libtorch has no such operator',
} as const;

export type TorchErrorCode = keyof typeof torchErrorCodes;

/**
 * Every error of this package.
 *
 * `code` is stable and meant for programs; `message` says what was expected, what came and what to do. `operator` names
 * the call that failed with the shapes it was given, for example `matmul(float32[2, 3], float32[4, 5])`.
 */
export class TorchError extends Error {
  override readonly name: string = 'TorchError';
  readonly code: TorchErrorCode;
  readonly operator: string | null;

  constructor(code: TorchErrorCode, message: string, options: { operator?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.operator = options.operator ?? null;
  }
}
