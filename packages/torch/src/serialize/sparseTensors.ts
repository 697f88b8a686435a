import { invokeN, isTensor } from '../dispatch.js';
import { operatorId } from '../operatorId.js';
import { version } from '../runtime.js';
import type { Tensor } from '../tensor.js';
import { SerializeError } from './errors.js';
import type { PickleContext } from './knownGlobal.js';
import { PickledObject, PyLayout, Size, Tuple } from './pythonValues.js';

interface SparseForm {
  /** Names of the index tensors, for errors. */
  indices: string[];
  /** Makes the tensor without looking at its elements, which are read later. */
  unsafeId: number;
  /** Throws unless the indices are inside the sizes and in order. */
  validateId: number;
}

const forms: Readonly<Record<string, SparseForm>> = {
  sparse_coo: {
    indices: ['indices'],
    unsafeId: operatorId('aten::_sparse_coo_tensor_unsafe'),
    validateId: operatorId('aten::_validate_sparse_coo_tensor_args'),
  },
  sparse_csr: {
    indices: ['row starts', 'column indices'],
    unsafeId: operatorId('aten::_sparse_csr_tensor_unsafe'),
    validateId: operatorId('aten::_validate_sparse_csr_tensor_args'),
  },
};
const indicesId = operatorId('aten::_indices');
const valuesId = operatorId('aten::_values');

/**
 * `_rebuild_sparse_tensor(layout, (indices, values, size))`, and `(row starts, column indices, values, size)` for rows.
 * Indices outside the sizes would reach beyond the memory later, so they are checked as soon as they are read.
 */
export function rebuildSparse(args: unknown[], context: PickleContext): Tensor {
  const [layout, data] = args;
  if (!(layout instanceof PyLayout) || !Array.isArray(data)) throw context.corrupt('a sparse tensor has no layout');
  const form = Object.hasOwn(forms, layout.layout) ? forms[layout.layout] : undefined;
  if (form === undefined) {
    throw new SerializeError(
      'FILE_UNSUPPORTED',
      `a tensor has the layout ${layout}; sparse_coo and sparse_csr can be read. Convert it in Python with to_sparse_coo().`,
    );
  }
  const count = form.indices.length;
  const parts = (data as unknown[]).slice(0, count + 1);
  const size: unknown = data[count + 1];
  if (parts.length !== count + 1 || !parts.every(isTensor)) throw context.corrupt('a sparse tensor lacks a part');
  const isCount = (n: unknown) => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0;
  if (!Array.isArray(size) || size.length > 64 || !size.every(isCount))
    throw context.corrupt('a sparse tensor has no sizes');
  const sizes = Array.from(size as number[]);
  const isPlain = parts.every((part) => (part as Tensor).layout === 'strided' && !(part as Tensor).requiresGrad);
  if (!isPlain) throw context.corrupt('a sparse tensor is made of tensors that are not plain');
  const checked = <T>(action: () => T): T => {
    try {
      return action();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new SerializeError('TENSOR_CORRUPT', `a ${layout} tensor does not fit together: ${reason}`, { cause });
    }
  };
  checked(() => {
    // Enough of a check for the engine to hold the parts: kinds and dimensions, not elements.
    for (const part of parts.slice(0, count) as Tensor[])
      if (part.dtype !== 'int64' && part.dtype !== 'int32') throw new Error(`its indices are of ${part.dtype}`);
  });
  const tensor = checked(() => invokeN(form.unsafeId, [...parts, sizes]) as Tensor);
  context.defer(() => checked(() => invokeN(form.validateId, [...parts, sizes])));
  return tensor;
}

/** What Python calls to rebuild a sparse tensor; null for a layout that cannot be written. */
export function reduceSparse(tensor: Tensor): PickledObject | null {
  const detached = tensor.detach();
  const size = Size.from(tensor.shape);
  if (tensor.layout === 'sparse_coo') {
    const parts = [invokeN(indicesId, [detached]), invokeN(valuesId, [detached])];
    return rebuilt('_rebuild_sparse_tensor', tensor.layout, [...parts, size]);
  }
  if (tensor.layout !== 'sparse_csr') return null;
  // Python's torch has one function for all layouts since version 2.
  const name = version.libtorch.startsWith('1.') ? '_rebuild_sparse_csr_tensor' : '_rebuild_sparse_tensor';
  return rebuilt(name, tensor.layout, [detached.crowIndices(), detached.colIndices(), detached.values(), size]);
}

function rebuilt(name: string, layout: string, parts: unknown[]): PickledObject {
  return new PickledObject('torch._utils', name, 'call', Tuple.of<unknown>(new PyLayout(layout), Tuple.from(parts)));
}
