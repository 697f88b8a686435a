import { invokeN } from './dispatch.js';
import { operatorId } from './operatorId.js';
import type { Tensor } from './tensor.js';

const uniqueId = operatorId('aten::_unique2');
const uniqueDimId = operatorId('aten::unique_dim');

export interface UniqueOptions {
  /** In ascending order; default true. */
  sorted?: boolean;
  /** Also where each element of the input is among the unique ones; default false. */
  returnInverse?: boolean;
  /** Also how often each occurs; default false. */
  returnCounts?: boolean;
  /** Compare slices along this dimension instead of single elements; default null. */
  dim?: number | null;
}

/** The elements that occur: alone, or with the places and the counts that were asked for, in this order. */
export type UniqueResult<O extends UniqueOptions> = O extends { returnInverse: true }
  ? O extends { returnCounts: true }
    ? [output: Tensor, inverse: Tensor, counts: Tensor]
    : [output: Tensor, inverse: Tensor]
  : O extends { returnCounts: true }
    ? [output: Tensor, counts: Tensor]
    : Tensor;

/** Each value of a tensor once, as `torch.unique`: [n], or slices along `dim`. */
export function unique<const O extends UniqueOptions>(input: Tensor, options?: O): UniqueResult<O>;
export function unique(input: Tensor, options: UniqueOptions = {}): Tensor | Tensor[] {
  const { sorted = true, returnInverse = false, returnCounts = false, dim = null } = options;
  const [output, inverse, counts] = (
    dim === null
      ? invokeN(uniqueId, [input, sorted, returnInverse, returnCounts])
      : invokeN(uniqueDimId, [input, dim, sorted, returnInverse, returnCounts])
  ) as [Tensor, Tensor, Tensor];
  if (!returnInverse && !returnCounts) return output;
  return [output, ...(returnInverse ? [inverse] : []), ...(returnCounts ? [counts] : [])];
}
