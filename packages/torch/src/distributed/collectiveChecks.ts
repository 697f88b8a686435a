import { isTensor } from '../dispatch.js';
import type { Tensor } from '../tensor.js';
import { DistributedError } from './distributedError.js';
import type { ProcessGroup } from './processGroup.js';
import { type ReduceOp, reduceOps } from './reduceOp.js';

export const shapeText = (tensor: Tensor): string => `${tensor.dtype}[${tensor.shape.join(', ')}]`;

/** What every check needs to say whose call is wrong. */
export interface CheckedCall {
  group: ProcessGroup;
  collective: string;
}

export function refuse(call: CheckedCall, message: string): never {
  const { group, collective } = call;
  throw new DistributedError(
    'DISTRIBUTED_ARGUMENT',
    `${collective} of group '${group.name}' on rank ${group.globalRankOf(group.rank)}: ${message}`,
    { collective, group: group.name, rank: group.globalRankOf(group.rank) },
  );
}

export function checkTensor(call: CheckedCall, name: string, value: unknown, options: { sparse?: boolean } = {}): void {
  if (!isTensor(value)) refuse(call, `${name} must be a tensor, got ${value === null ? 'null' : typeof value}`);
  const wanted = call.group.backend === 'nccl' ? 'cuda' : 'cpu';
  if (value.device.type !== wanted)
    refuse(
      call,
      `${name} is on ${value.device}, and the backend '${call.group.backend}' carries tensors on ${wanted} only. Move it, or make a group with another backend`,
    );
  if (value.layout !== 'strided' && !options.sparse)
    refuse(call, `${name} is ${value.layout}; only allReduce takes sparse tensors`);
}

/** One tensor for each rank of the group. */
export function checkList(call: CheckedCall, name: string, values: unknown, like: Tensor | null): void {
  if (!Array.isArray(values)) refuse(call, `${name} must be an array of tensors, got ${typeof values}`);
  if (values.length !== call.group.size)
    refuse(call, `${name} must hold one tensor for each of the ${call.group.size} ranks, got ${values.length}`);
  values.forEach((value, i) => {
    checkTensor(call, `${name}[${i}]`, value);
    if (like !== null && (value.dtype !== like.dtype || value.numel() !== like.numel()))
      refuse(call, `${name}[${i}] is ${shapeText(value)}, which does not fit ${shapeText(like)}`);
  });
}

/** `whole` holds one `part` for each rank. */
export function checkParts(
  call: CheckedCall,
  names: { whole: string; part: string },
  whole: Tensor,
  part: Tensor,
): void {
  checkTensor(call, names.whole, whole);
  checkTensor(call, names.part, part);
  if (whole.dtype !== part.dtype || whole.numel() !== part.numel() * call.group.size)
    refuse(
      call,
      `${names.whole} is ${shapeText(whole)}; for ${call.group.size} ranks and ${names.part} ${shapeText(part)} it must be ${part.dtype} with ${part.numel() * call.group.size} elements`,
    );
}

/** The engine's number of a reduction that the dtype allows. */
export function reductionNumber(call: CheckedCall, op: ReduceOp, tensor: Tensor): number {
  const number = reduceOps.indexOf(op);
  if (number < 0) refuse(call, `'${String(op)}' is no reduction; use one of ${reduceOps.join(', ')}`);
  const { dtype } = tensor;
  const isBitwise = number >= reduceOps.indexOf('band');
  if (op === 'avg' && dtype === 'bool') refuse(call, 'bools have no average; convert them to float32 first');
  if (isBitwise && (tensor.isFloatingPoint() || tensor.isComplex()))
    refuse(call, `'${op}' is for integers and bools, got ${dtype}`);
  if (tensor.isComplex() && op !== 'sum' && op !== 'avg')
    refuse(call, `complex tensors can be summed and averaged, got '${op}'`);
  return number;
}

/** The group's rank of a rank of the job. */
export function memberRank(call: CheckedCall, name: string, globalRank: number | undefined): number {
  if (globalRank === undefined) refuse(call, `${name} is missing: the rank (in the whole job) that it is about`);
  const rank = call.group.ranks.indexOf(globalRank);
  if (rank < 0)
    refuse(
      call,
      `${name}: rank ${globalRank} is not in this group, which has the ranks ${call.group.ranks.join(', ')}`,
    );
  return rank;
}

/** Rows for each rank; empty stands for equal shares. */
export function checkSplits(call: CheckedCall, name: string, tensor: Tensor, splits: readonly number[]): void {
  const rows = tensor.dim() === 0 ? 0 : tensor.size(0);
  if (tensor.dim() === 0) refuse(call, `${name} must have at least one dimension`);
  if (splits.length === 0) {
    if (rows % call.group.size !== 0)
      refuse(call, `${name} has ${rows} rows, which ${call.group.size} ranks cannot share equally; give the splits`);
    return;
  }
  if (splits.length !== call.group.size || splits.some((split) => !Number.isInteger(split) || split < 0))
    refuse(call, `the splits of ${name} must be ${call.group.size} whole numbers, got [${splits.join(', ')}]`);
  const sum = splits.reduce((total, split) => total + split, 0);
  if (sum !== rows) refuse(call, `the splits of ${name} add up to ${sum}, and it has ${rows} rows`);
}
