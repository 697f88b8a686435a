import { arange, tensor as makeTensor } from '../../creation.js';
import type { DeviceLike } from '../../device.js';
import { invokeN } from '../../dispatch.js';
import type { DType } from '../../dtype.js';
import { TorchError } from '../../errors.js';
import { emptyLike, padSequence as pad } from '../../functions.js';
import { operatorId } from '../../operatorId.js';
import type { Tensor, ToOptions } from '../../tensor.js';

const packId = operatorId('aten::_pack_padded_sequence');
const unpackId = operatorId('aten::_pad_packed_sequence');

function inverseOf(permutation: Tensor): Tensor {
  const inverse = emptyLike(permutation);
  return inverse.scatter_(0, permutation, arange(permutation.numel(), { device: permutation.device }));
}

/**
 * Sequences of different lengths without padding, step by step: the data of all sequences at step 0, then at step 1, and
 * so on. Made by `packPaddedSequence` and `packSequence`, and by recurrent layers from such an input.
 */
export class PackedSequence {
  /** Where each sequence went when they were sorted by length; null when they came sorted. */
  readonly sortedIndices: Tensor | null;
  /** The inverse: where each sequence was before. */
  readonly unsortedIndices: Tensor | null;

  constructor(
    /** [steps of all sequences, …features] */
    readonly data: Tensor,
    /** How many sequences are at least that long, for each step: int64 [longest], on the CPU. */
    readonly batchSizes: Tensor,
    sortedIndices: Tensor | null = null,
    unsortedIndices: Tensor | null = null,
  ) {
    if (batchSizes.device.type !== 'cpu')
      throw new TorchError(
        'DEVICE_MISMATCH',
        'batchSizes of a PackedSequence stay on the CPU; make it with packPaddedSequence or packSequence',
      );
    this.sortedIndices = sortedIndices;
    this.unsortedIndices = unsortedIndices ?? (sortedIndices === null ? null : inverseOf(sortedIndices));
  }

  /** The sequence with its data of another dtype or on another device; itself when nothing changes. */
  to(target: DType | DeviceLike | ToOptions): PackedSequence {
    const data = this.data.to(target);
    if (data.isSame(this.data)) return this;
    return new PackedSequence(
      data,
      this.batchSizes,
      this.sortedIndices?.to(data.device) ?? null,
      this.unsortedIndices?.to(data.device) ?? null,
    );
  }
  cpu(): PackedSequence {
    return this.to('cpu');
  }
  cuda(index?: number): PackedSequence {
    return this.to(index === undefined ? 'cuda' : `cuda:${index}`);
  }
  float(): PackedSequence {
    return this.to('float32');
  }
  double(): PackedSequence {
    return this.to('float64');
  }
}

const lengthsOf = (lengths: Tensor | readonly number[]): Tensor =>
  Array.isArray(lengths)
    ? makeTensor(lengths, { dtype: 'int64' })
    : (lengths as Tensor).to({ device: 'cpu', dtype: 'int64' });

export interface PackOptions {
  /** [batch, time, …] instead of [time, batch, …]; default false. */
  batchFirst?: boolean;
  /** The sequences come longest first; default true. With false they are sorted here, and put back by `padPackedSequence`. */
  enforceSorted?: boolean;
}

/** Packs padded sequences [time, batch, …features] with their lengths [batch]. */
export function packPaddedSequence(
  input: Tensor,
  lengths: Tensor | readonly number[],
  options: PackOptions = {},
): PackedSequence {
  const { batchFirst = false, enforceSorted = true } = options;
  let sizes = lengthsOf(lengths);
  let padded = input;
  let sortedIndices: Tensor | null = null;
  if (!enforceSorted) {
    const { values, indices } = sizes.sort(-1, true);
    sizes = values;
    sortedIndices = indices.to(input.device);
    padded = input.indexSelect(batchFirst ? 0 : 1, sortedIndices);
  }
  const [data, batchSizes] = invokeN(packId, [padded, sizes, batchFirst]) as [Tensor, Tensor];
  return new PackedSequence(data, batchSizes, sortedIndices);
}

export interface UnpackOptions {
  /** [batch, time, …] instead of [time, batch, …]; default false. */
  batchFirst?: boolean;
  /** Default 0. */
  paddingValue?: number;
  /** The number of steps of the result, at least the longest; default the longest. */
  totalLength?: number;
}

/** The inverse of `packPaddedSequence`: padded sequences [time, batch, …features], and their lengths [batch]. */
export function padPackedSequence(
  sequence: PackedSequence,
  options: UnpackOptions = {},
): [padded: Tensor, lengths: Tensor] {
  const { batchFirst = false, paddingValue = 0 } = options;
  const longest = sequence.batchSizes.size(0);
  const { totalLength = longest } = options;
  if (totalLength < longest)
    throw new TorchError(
      'ARGUMENT_RANGE',
      `totalLength is ${totalLength}, but the longest sequence has ${longest} steps`,
    );
  const [padded, lengths] = invokeN(unpackId, [
    sequence.data,
    sequence.batchSizes,
    batchFirst,
    paddingValue,
    totalLength,
  ]) as [Tensor, Tensor];
  const { unsortedIndices } = sequence;
  if (unsortedIndices === null) return [padded, lengths];
  return [padded.indexSelect(batchFirst ? 0 : 1, unsortedIndices), lengths.indexSelect(0, unsortedIndices.cpu())];
}

/** Puts sequences [time, …features] of different lengths side by side, padded at the end: [longest, batch, …features]. */
export const padSequence = (
  sequences: readonly Tensor[],
  options: { batchFirst?: boolean; paddingValue?: number } = {},
): Tensor => pad([...sequences], options.batchFirst ?? false, options.paddingValue ?? 0);

/** Cuts padded sequences [time, batch, …features] to their lengths [batch]: one tensor for each. */
export function unpadSequence(
  padded: Tensor,
  lengths: Tensor | readonly number[],
  options: { batchFirst?: boolean } = {},
): Tensor[] {
  const byBatch = options.batchFirst ? padded : padded.transpose(0, 1);
  const sizes = lengthsOf(lengths).tolist() as number[];
  if (sizes.length !== byBatch.size(0))
    throw new TorchError('SHAPE_MISMATCH', `there are ${byBatch.size(0)} sequences and ${sizes.length} lengths`);
  return byBatch.unbind(0).map((sequence, i) => sequence.narrow(0, 0, sizes[i]!));
}

/** Packs sequences [time, …features] of different lengths. */
export const packSequence = (sequences: readonly Tensor[], options: { enforceSorted?: boolean } = {}): PackedSequence =>
  packPaddedSequence(
    padSequence(sequences),
    sequences.map((sequence) => sequence.size(0)),
    { enforceSorted: options.enforceSorted ?? true },
  );

/** The sequences of a packed sequence, in the order they were packed. */
export function unpackSequence(sequence: PackedSequence): Tensor[] {
  const [padded, lengths] = padPackedSequence(sequence, { batchFirst: true });
  return unpadSequence(padded, lengths, { batchFirst: true });
}
