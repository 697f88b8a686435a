import { invokeN } from './dispatch.js';
import { TorchError } from './errors.js';
import { native } from './native.js';
import { operatorId } from './operatorId.js';
import { Tensor } from './tensor.js';

/** `start` up to but not including `stop`; negative values count from the end. `step` must be positive. */
export interface SliceRange {
  start?: number;
  stop?: number;
  step?: number;
}

/** One entry of `x.at(...)`: integer, slice, `'...'`, new dimension, mask or index tensor, list of positions. */
export type Index = number | `${string}:${string}` | '...' | null | boolean | SliceRange | Tensor | number[];

const indexId = operatorId('aten::index');
const indexPutId = operatorId('aten::index_put_');

function parseSlice(text: string): SliceRange {
  const parts = text.split(':');
  const values = parts.map((part) => (part.trim() === '' ? undefined : Number(part)));
  if (parts.length > 3 || values.some((value) => value !== undefined && !Number.isInteger(value)))
    throw new TorchError('ARGUMENT_TYPE', `'${text}' is no slice; write 'start:stop' or 'start:stop:step', parts may be left out`);
  const [start, stop, step] = values;
  return { ...(start === undefined ? {} : { start }), ...(stop === undefined ? {} : { stop }), ...(step === undefined ? {} : { step }) };
}

function indexTensor(values: number[]): Tensor {
  return new Tensor(native.fromBytes(BigInt64Array.from(values, BigInt), 'int64', [values.length]));
}

/** How many dimensions of the tensor an entry uses up. */
function consumed(index: Index): number {
  if (index === null || index === '...' || typeof index === 'boolean') return 0;
  if (index instanceof Tensor && (index.dtype === 'bool' || index.dtype === 'uint8')) return index.dim();
  return 1;
}

/** Applies the entries that give views, and collects the index tensors for the one gather or scatter at the end. */
function applyViews(tensor: Tensor, indices: Index[]): { view: Tensor; gathers: (Tensor | null)[] } {
  const ellipses = indices.filter((index) => index === '...').length;
  if (ellipses > 1) throw new TorchError('ARGUMENT_TYPE', "an index can have one '...' only");
  const used = indices.reduce<number>((sum, index) => sum + consumed(index), 0);
  const total = tensor.dim();
  if (used > total)
    throw new TorchError('INDEX_OUT_OF_RANGE', `too many indices: ${used} for a tensor of shape [${tensor.shape.join(', ')}]`);

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
  for (const index of indices) {
    if (index === '...') dim += total - used;
    else if (index === null) view = view.unsqueeze(dim++);
    else if (typeof index === 'number') view = view.select(dim, index);
    else if (typeof index === 'boolean') {
      view = view.unsqueeze(dim);
      gather(indexTensor(index ? [0] : []), 1);
    } else if (index instanceof Tensor) {
      const isMask = index.dtype === 'bool' || index.dtype === 'uint8';
      if (!isMask && index.dim() === 0 && index.dtype.startsWith('int')) {
        view = view.select(dim, index.item());
        continue;
      }
      gather(index.to(isMask ? 'bool' : 'int64'), isMask ? index.dim() : 1);
    } else if (Array.isArray(index)) {
      gather(indexTensor(index), 1);
    } else {
      const { start, stop, step = 1 } = typeof index === 'string' ? parseSlice(index) : index;
      if (step <= 0) throw new TorchError('ARGUMENT_RANGE', `a slice's step must be positive, got ${step}; use flip() to reverse`);
      if (start !== undefined || stop !== undefined || step !== 1) view = view.slice(dim, start ?? null, stop ?? null, step);
      dim += 1;
    }
  }
  return { view, gathers };
}

export function readAt(tensor: Tensor, indices: Index[]): Tensor {
  const { view, gathers } = applyViews(tensor, indices);
  if (gathers.length === 0) return view === tensor ? tensor.alias() : view;
  return invokeN(indexId, [view, gathers]) as Tensor;
}

export function writeAt(tensor: Tensor, indices: Index[], value: Tensor | number | boolean): void {
  const { view, gathers } = applyViews(tensor, indices);
  if (gathers.length === 0) {
    if (value instanceof Tensor) view.copy_(value);
    else view.fill_(value);
    return;
  }
  const filled = value instanceof Tensor ? value.to(view.dtype) : view.newFull([], value);
  invokeN(indexPutId, [view, gathers, filled]);
}
