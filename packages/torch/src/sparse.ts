import { type TensorOptions, tensor } from './creation.js';
import { invokeN, isTensor } from './dispatch.js';
import type { DType } from './dtype.js';
import { operatorId } from './operatorId.js';
import type { NestedArray, Tensor } from './tensor.js';

const ids = {
  coo: operatorId('aten::sparse_coo_tensor'),
  csr: operatorId('aten::sparse_csr_tensor'),
  mm: operatorId('aten::_sparse_mm'),
  addmm: operatorId('aten::_sparse_addmm'),
  sum: operatorId('aten::_sparse_sum'),
  softmax: operatorId('aten::_sparse_softmax'),
  logSoftmax: operatorId('aten::_sparse_log_softmax'),
};

export type SparseOptions = Pick<TensorOptions, 'dtype' | 'device' | 'requiresGrad'>;

const asTensor = (data: Tensor | NestedArray, dtype?: DType): Tensor => {
  if (isTensor(data)) return dtype === undefined ? data : data.to(dtype);
  return tensor(data, dtype === undefined ? {} : { dtype });
};

function made(id: number, parts: Tensor[], size: number[] | undefined, options: SparseOptions): Tensor {
  const { dtype, device, requiresGrad = false } = options;
  const named = { ...(dtype && { dtype }), ...(device && { device: String(device) }) };
  const result = invokeN(id, [...parts, ...(size === undefined ? [] : [size]), named]) as Tensor;
  return requiresGrad ? result.requiresGrad_() : result;
}

/**
 * A sparse tensor in coordinate form: `values` [entries, ...dense] at `indices` [sparse dimensions, entries]. Entries of
 * one place count together; `coalesce()` adds them up and sorts.
 *
 * @param size default: just large enough for the indices
 */
export function sparseCooTensor(
  indices: Tensor | NestedArray,
  values: Tensor | NestedArray,
  size?: number[],
  options: SparseOptions = {},
): Tensor {
  return made(ids.coo, [asTensor(indices), asTensor(values, options.dtype)], size, options);
}

/**
 * A sparse matrix in compressed rows: row i has the `values` from `crowIndices[i]` to `crowIndices[i + 1]`, in the columns
 * that `colIndices` says. Batches in front of all of them.
 */
export function sparseCsrTensor(
  crowIndices: Tensor | NestedArray,
  colIndices: Tensor | NestedArray,
  values: Tensor | NestedArray,
  size?: number[],
  options: SparseOptions = {},
): Tensor {
  const parts = [asTensor(crowIndices), asTensor(colIndices), asTensor(values, options.dtype)];
  return made(ids.csr, parts, size, options);
}

const withType = (dtype: DType | undefined) => (dtype === undefined ? [] : [{ dtype }]);

/** Operators for sparse matrices whose backward knows of sparse gradients, as `torch.sparse`. */
export const sparse = {
  /** The product of a sparse matrix [n, m] and a dense or sparse one [m, p]. */
  mm: (matrix: Tensor, other: Tensor): Tensor => invokeN(ids.mm, [matrix, other]) as Tensor,
  /** beta · input + alpha · matrix · other, with a sparse `matrix`. */
  addmm: (input: Tensor, matrix: Tensor, other: Tensor, options: { beta?: number; alpha?: number } = {}): Tensor =>
    invokeN(ids.addmm, [input, matrix, other, options]) as Tensor,
  /** The sum of all entries, or over some dimensions: dense when all sparse dimensions are summed, sparse otherwise. */
  sum: (input: Tensor, dim?: number | number[], options: { dtype?: DType } = {}): Tensor =>
    invokeN(ids.sum, [input, ...(dim === undefined ? [] : [dim]), ...withType(options.dtype)]) as Tensor,
  /** Softmax along `dim` over the entries that are there: what is absent counts as −∞. */
  softmax: (input: Tensor, dim: number, options: { dtype?: DType } = {}): Tensor =>
    invokeN(ids.softmax, [input, dim, ...withType(options.dtype)]) as Tensor,
  logSoftmax: (input: Tensor, dim: number, options: { dtype?: DType } = {}): Tensor =>
    invokeN(ids.logSoftmax, [input, dim, ...withType(options.dtype)]) as Tensor,
};
