import { empty, fromTypedArray } from '../creation.js';
import { TorchError } from '../errors.js';
import { storageBytes } from '../storage.js';
import { Tensor } from '../tensor.js';
import { shown } from './checks.js';
import type { Dataset } from './dataset.js';

type TensorsOf<T extends readonly unknown[]> = { -readonly [K in keyof T]: Tensor };

const largestInt32 = 2 ** 31 - 1;

/**
 * The index tensor of a dataset's last batch and a view of its memory, used again for the next of the same size. No
 * field of the dataset: two threads must not write to one.
 */
const scratches = new WeakMap<object, { index: Tensor; rows: Int32Array }>();

/**
 * Tensors whose first dimension counts samples: `new TensorDataset(images, labels)`.
 *
 * A sample is one slice of each tensor (a view); a batch is one `indexSelect` of each.
 */
export class TensorDataset<T extends Tensor[] = Tensor[]> implements Dataset<TensorsOf<T>, TensorsOf<T>> {
  readonly tensors: T;
  /** Samples: the size of the first dimension. */
  readonly length: number;
  private readonly onCpu: boolean;

  constructor(...tensors: T) {
    tensors.forEach((tensor, i) => {
      if (!(tensor instanceof Tensor))
        throw new TorchError('DATA_LOADER', `TensorDataset takes tensors; argument ${i} is ${shown(tensor)}`);
      if (tensor.dim() === 0)
        throw new TorchError('DATA_LOADER', `TensorDataset: tensor ${i} has no dimension that could count samples`);
    });
    if (tensors.length === 0) throw new TorchError('DATA_LOADER', 'TensorDataset needs at least one tensor');
    const sizes = tensors.map((tensor) => tensor.size(0));
    if (sizes.some((size) => size !== sizes[0]))
      throw new TorchError(
        'DATA_LOADER',
        `Size mismatch between tensors: their first dimensions are ${sizes.join(', ')}`,
      );
    this.tensors = tensors;
    this.length = sizes[0]!;
    this.onCpu = tensors.every((tensor) => tensor.device.type === 'cpu');
  }

  /** Views of sample `index`; negative indices count from the end. */
  getItem(index: number): TensorsOf<T> {
    return this.tensors.map((tensor) => tensor.select(0, index)) as TensorsOf<T>;
  }

  /** One new tensor [indices.length, ...] for each of the dataset's tensors. */
  getBatch(indices: number[]): TensorsOf<T> {
    const index = this.indexTensor(indices);
    const batch: Tensor[] = [];
    for (const tensor of this.tensors) {
      // A graph keeps the index for its backward pass, and needs one that nobody writes to.
      const own = tensor.requiresGrad ? index.clone() : index;
      batch.push(tensor.indexSelect(0, this.onCpu ? own : own.to(tensor.device)));
    }
    return batch as TensorsOf<T>;
  }

  private indexTensor(indices: number[]): Tensor {
    const count = indices.length;
    if (this.length > largestInt32)
      return fromTypedArray(BigInt64Array.from(indices, (row) => BigInt(this.rowOf(row))));
    // 32 bits: 64 would take a bigint for each index.
    let scratch = scratches.get(this);
    if (scratch?.rows.length !== count) {
      const index = empty([count], { dtype: 'int32' });
      const bytes = storageBytes(index);
      scratch = { index, rows: new Int32Array(bytes.buffer, bytes.byteOffset, count) };
      scratches.set(this, scratch);
    }
    const { index, rows } = scratch;
    for (let i = 0; i < count; i++) rows[i] = this.rowOf(indices[i]!);
    return index;
  }

  private rowOf(index: number): number {
    const { length } = this;
    if (!(index >= -length && index < length))
      throw new TorchError('INDEX_OUT_OF_RANGE', `index ${index} is outside a TensorDataset of ${length} samples`);
    return index < 0 ? index + length : index;
  }
}
