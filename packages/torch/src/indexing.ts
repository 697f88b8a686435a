import { tensor as makeTensor } from './creation.js';
import { invokeN, isTensor, wrapHandle } from './dispatch.js';
import { TorchError } from './errors.js';
import { native } from './native.js';
import { operatorId } from './operatorId.js';
import type { Tensor } from './tensor.js';

/** `start` up to but not including `stop`; negative values count from the end. `step` must be positive. */
export interface SliceRange {
  start?: number;
  stop?: number;
  step?: number;
}

/** Positions or a mask as (nested) arrays. */
export type IndexList = (number | boolean | IndexList)[];

/** One entry of `x.at(...)`: integer, slice, `'...'`, new dimension, mask or index tensor, or a list that stands for one. */
export type Index = number | `${string}:${string}` | '...' | null | boolean | SliceRange | Tensor | IndexList;

const indexId = operatorId('aten::index');
const indexPutId = operatorId('aten::index_put_');

function parseSlice(text: string): SliceRange {
  const parts = text.split(':');
  const values = parts.map((part) => (part.trim() === '' ? undefined : Number(part)));
  if (parts.length > 3 || values.some((value) => value !== undefined && !Number.isInteger(value)))
    throw new TorchError(
      'ARGUMENT_TYPE',
      `'${text}' is no slice; write 'start:stop' or 'start:stop:step', parts may be left out`,
    );
  const [start, stop, step] = values;
  return {
    ...(start === undefined ? {} : { start }),
    ...(stop === undefined ? {} : { stop }),
    ...(step === undefined ? {} : { step }),
  };
}

function positions(values: number[]): Tensor {
  return wrapHandle(native.fromBytes(BigInt64Array.from(values, BigInt), 'int64', [values.length]));
}

/** Lists as tensors: of whole numbers a list of positions, of booleans a mask. */
function listTensor(list: IndexList): Tensor {
  if (list.every((value): value is number => Number.isInteger(value))) return positions(list);
  return makeTensor(list);
}

const isMask = (index: Tensor): boolean => index.dtype === 'bool' || index.dtype === 'uint8';

/** How many dimensions of the tensor an entry uses up. */
function consumed(index: Exclude<Index, IndexList>): number {
  if (index === null || index === '...' || typeof index === 'boolean') return 0;
  return isTensor(index) && isMask(index) ? index.dim() : 1;
}

/** Applies the entries that give views, and collects the index tensors for the one gather or scatter at the end. */
function applyViews(tensor: Tensor, given: Index[]): { view: Tensor; gathers: (Tensor | null)[] } {
  const indices = given.map((index) => (Array.isArray(index) ? listTensor(index) : index));
  const ellipses = indices.filter((index) => index === '...').length;
  if (ellipses > 1) throw new TorchError('ARGUMENT_TYPE', "an index can have one '...' only");
  const used = indices.reduce<number>((sum, index) => sum + consumed(index), 0);
  const total = tensor.dim();
  if (used > total)
    throw new TorchError(
      'INDEX_OUT_OF_RANGE',
      `too many indices: ${used} for a tensor of shape [${tensor.shape.join(', ')}]`,
    );

  let view = tensor;
  let dim = 0;
  // The engine's list counts entries: null stands for one dimension, a mask of k dimensions is one entry for k.
  const gathers: (Tensor | null)[] = [];
  let covered = 0;
  const gather = (index: Tensor, width: number) => {
    for (; covered < dim; covered++) gathers.push(null);
    gathers.push(index);
    covered += width;
    dim += width;
  };
  /** One truth value: a new dimension of size one or zero. */
  const gatherFlag = (flag: boolean) => {
    view = view.unsqueeze(dim);
    gather(positions(flag ? [0] : []), 1);
  };
  for (const index of indices) {
    if (index === '...') dim += total - used;
    else if (index === null) view = view.unsqueeze(dim++);
    else if (typeof index === 'number') view = view.select(dim, index);
    else if (typeof index === 'boolean') gatherFlag(index);
    else if (isTensor(index)) {
      if (!isMask(index) && !index.dtype.startsWith('int'))
        throw new TorchError(
          'ARGUMENT_TYPE',
          `an index tensor holds integers or booleans, got ${index.dtype}[${index.shape.join(', ')}]`,
        );
      if (index.dim() > 0) gather(index.to(isMask(index) ? 'bool' : 'int64'), isMask(index) ? index.dim() : 1);
      else if (isMask(index)) gatherFlag(index.item() !== 0);
      else view = view.select(dim, index.item());
    } else if (typeof index === 'string' || (typeof index === 'object' && index !== null)) {
      const { start, stop, step = 1 } = typeof index === 'string' ? parseSlice(index) : index;
      if ([start, stop, step].some((part) => part !== undefined && !Number.isInteger(part)))
        throw new TorchError(
          'ARGUMENT_TYPE',
          `a slice takes whole numbers, got ${start ?? ''}:${stop ?? ''}:${step}; leave out what has no bound`,
        );
      if (step <= 0)
        throw new TorchError('ARGUMENT_RANGE', `a slice's step must be positive, got ${step}; use flip() to reverse`);
      if (start !== undefined || stop !== undefined || step !== 1)
        view = view.slice(dim, start ?? null, stop ?? null, step);
      dim += 1;
    } else
      throw new TorchError(
        'ARGUMENT_TYPE',
        `an index is an integer, slice, '...', null, boolean, tensor or list, got ${typeof index}`,
      );
  }
  return { view, gathers };
}

/** A value may have more dimensions than its place when the extra ones have size one, as in Python. */
function withoutLeadingOnes(value: Tensor): Tensor {
  const { shape } = value;
  const first = shape.findIndex((size) => size !== 1);
  return first === 0 || shape.length === 0 ? value : value.reshape(first < 0 ? [] : shape.slice(first));
}

export function readAt(tensor: Tensor, indices: Index[]): Tensor {
  const { view, gathers } = applyViews(tensor, indices);
  if (gathers.length === 0) return view === tensor ? tensor.alias() : view;
  return invokeN(indexId, [view, gathers]) as Tensor;
}

export function writeAt(tensor: Tensor, indices: Index[], value: Tensor | number | boolean): void {
  const { view, gathers } = applyViews(tensor, indices);
  const source = isTensor(value) ? withoutLeadingOnes(value) : value;
  if (gathers.length === 0) {
    if (isTensor(source)) view.copy_(source);
    else view.fill_(source);
    return;
  }
  invokeN(indexPutId, [view, gathers, isTensor(source) ? source.to(view.dtype) : view.newFull([], source)]);
}
