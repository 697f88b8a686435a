import { fromTypedArray } from '../creation.js';
import { TorchError } from '../errors.js';
import { Tensor } from '../tensor.js';
import { shown } from './checks.js';
import type { Dataset } from './dataset.js';

type TensorsOf<T extends readonly unknown[]> = { -readonly [K in keyof T]: Tensor };

const largestInt32 = 2 ** 31 - 1;

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
      throw new TorchError('DATA_LOADER', `Size mismatch between tensors: their first dimensions are ${sizes.join(', ')}`);
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
    const { tensors, length } = this;
    const count = indices.length;
    // The 32-bit form is copied straight into a tensor; 64 bits would go through a bigint for each index.
    const rows = length <= largestInt32 ? new Int32Array(count) : new BigInt64Array(count);
    for (let i = 0; i < count; i++) {
      const row = indices[i]!;
      if (!(row >= -length && row < length))
        throw new TorchError('INDEX_OUT_OF_RANGE', `index ${row} is outside a TensorDataset of ${length} samples`);
      const from0 = row < 0 ? row + length : row;
      rows[i] = rows instanceof Int32Array ? from0 : BigInt(from0);
    }
    const index = fromTypedArray(rows);
    const batch: Tensor[] = [];
    for (const tensor of tensors)
      batch.push(tensor.indexSelect(0, this.onCpu ? index : index.to(tensor.device)));
    index.dispose();
    return batch as TensorsOf<T>;
  }
}
