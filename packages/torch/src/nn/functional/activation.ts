import { invokeN } from '../../dispatch.js';
import type { DType } from '../../dtype.js';
import { operatorId } from '../../operatorId.js';
import type { Tensor } from '../../tensor.js';

const softmaxId = operatorId('aten::softmax');
const logSoftmaxId = operatorId('aten::log_softmax');

/** Probabilities along `dim`. */
export const softmax = (input: Tensor, dim: number, options: { dtype?: DType } = {}): Tensor =>
  invokeN(softmaxId, [input, dim, options.dtype]) as Tensor;
/** Log-probabilities along `dim`. */
export const logSoftmax = (input: Tensor, dim: number, options: { dtype?: DType } = {}): Tensor =>
  invokeN(logSoftmaxId, [input, dim, options.dtype]) as Tensor;
