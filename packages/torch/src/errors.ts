/** Stable codes of `TorchError`. A code never changes its meaning; the wording of messages may. */
export const torchErrorCodes = {
  ADDON_MISSING: 'the native addon is not built, or its libtorch cannot be loaded',
  ANOMALY: 'a backward gave NaN while anomalies were looked for',
  ARGUMENT_RANGE: 'an argument is outside what is allowed',
  ARGUMENT_TYPE: 'an argument has a type that no form of the operator takes',
  AUTOGRAD: 'the autograd graph does not allow this',
  BACKWARD_HOOK: 'a hook returned something that cannot be used',
  CHECKPOINT: 'a checkpointed function cannot be run again as it was',
  DEVICE_MISMATCH: 'tensors are on different devices, or on one that cannot do this',
  DEVICE_UNAVAILABLE: 'the device asked for is not present',
  DISTRIBUTION_ARGUMENT: 'a parameter or value is outside what a distribution allows',
  DISTRIBUTION_UNSUPPORTED: 'a distribution has no closed form for this',
  DISTRIBUTED_ABORTED: 'a collective was given up because another process of the job had failed first',
  DISTRIBUTED_ADDRESS_IN_USE: 'the address that the processes are to meet at is taken',
  DISTRIBUTED_ARGUMENT: 'a call about several processes was given something it cannot use',
  DISTRIBUTED_BACKEND: 'this build or this libtorch cannot communicate that way',
  DISTRIBUTED_ENGINE: 'the communication library refused, for a reason its message gives',
  DISTRIBUTED_MISMATCH: 'processes that must agree do not',
  DISTRIBUTED_NOT_INITIALIZED: 'there is no process group, or it was destroyed',
  DISTRIBUTED_PEER_LOST: 'the connection to another process broke',
  DISTRIBUTED_REDUCER: 'the reducer of data-parallel training refused, for a reason its message gives',
  DISTRIBUTED_RENDEZVOUS: 'the processes of a job did not come together',
  DISTRIBUTED_STORE: 'the store of a job cannot be used or reached',
  DISTRIBUTED_TIMEOUT: 'the other processes were waited for too long',
  DISTRIBUTED_UNUSED_PARAMETERS: 'parameters got no gradient in data-parallel training',
  DTYPE_MISMATCH: 'element types do not fit',
  ENGINE: 'the engine refused, for a reason its message gives',
  GRADIENT_CHECK: 'a gradient is not what differences of the function say',
  GRAD_SCALER: 'a gradient scaler was used out of order, or given something it cannot use',
  IMAGE_TOO_LARGE: 'an image has more pixels than are allowed',
  IMAGE_UNREADABLE: 'the bytes of an image are cut or damaged',
  INDEX_OUT_OF_RANGE: 'an index or dimension is outside the tensor',
  INT64_UNSAFE: 'a 64-bit integer does not fit a JavaScript number exactly',
  MODULE_STATE: 'a module and a state dict do not fit, or a module is built wrongly',
  OPTIMIZER_ARGUMENT: 'an optimizer or scheduler was given something it cannot use',
  OUT_OF_MEMORY: 'the system or device has no memory left',
  DATA_LOADER: 'a dataset, sampler or loader was given something it cannot use',
  DATA_SAMPLE: 'a dataset failed to give a sample, or samples could not be made a batch',
  DATA_TRAVEL: 'something cannot be copied from one thread to another',
  DATA_WORKER: 'a worker of a loader ended, or gave no batch in time',
  PROFILER: 'the profiler was used out of order, or asked for what it cannot do here',
  SCRIPT_ARGUMENTS: 'a TorchScript method or attribute does not take what it was given',
  SCRIPT_RAISED: 'a TorchScript program raised an error of its own',
  SHAPE_MISMATCH: 'shapes do not fit together',
  TENSOR_DISPOSED: 'the tensor was disposed',
  TRACE: 'a module or function cannot be traced, or its trace computes something else',
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

/**
 * An error of a backward that ran while anomalies were looked for (`detectAnomaly`). `node` is the step of the graph that
 * failed (`SqrtBackward0`), `operator` the operation of the forward (`sqrt`), `forwardStack` where that was called.
 */
export class AnomalyError extends TorchError {
  override readonly name = 'AnomalyError';
  readonly node: string;
  readonly forwardStack: string;

  constructor(code: TorchErrorCode, message: string, node: string, forwardStack: string) {
    const operator = node.replace(/Backward\d*$/, '').replace(/^[A-Z]/, (letter) => letter.toLowerCase());
    const frames = forwardStack.split('\n').slice(0, 12).join('\n');
    const origin = frames === '' ? ' not known: it was recorded before, or on another thread' : `\n${frames}`;
    super(code, `${message}\nThe forward call of ${node}:${origin}`, { operator });
    this.node = node;
    this.forwardStack = forwardStack;
  }
}
