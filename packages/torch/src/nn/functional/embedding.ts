import { noGrad } from '../../autograd.js';
import { arange } from '../../creation.js';
import { TorchError } from '../../errors.js';
import * as torch from '../../functions.js';
import type { Tensor } from '../../tensor.js';

export interface EmbeddingLookupOptions {
  /** Rows with this number get no gradient; negative counts from the end. */
  paddingIdx?: number | null;
  /** Rows longer than this are shortened to it, in place, before they are read. */
  maxNorm?: number | null;
  /** The norm for `maxNorm`; default 2. */
  normType?: number;
  /** Divide gradients by how often a row occurs in the batch; default false. */
  scaleGradByFreq?: boolean;
  /** A sparse gradient for the weight; default false. */
  sparse?: boolean;
}

/** The padding index as a row from 0, or −1 for none. */
export function paddingRow(paddingIdx: number | null | undefined, rows: number): number {
  if (paddingIdx === null || paddingIdx === undefined) return -1;
  if (paddingIdx >= rows || paddingIdx < -rows)
    throw new TorchError('INDEX_OUT_OF_RANGE', `paddingIdx is ${paddingIdx}, but there are ${rows} rows`);
  return paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
}

/** Rows of `weight` [rows, features] by number: int64 [...] → [..., features]. */
export function embedding(input: Tensor, weight: Tensor, options: EmbeddingLookupOptions = {}): Tensor {
  const { maxNorm = null, normType = 2, scaleGradByFreq = false, sparse = false } = options;
  const padding = paddingRow(options.paddingIdx, weight.size(0));
  if (maxNorm === null) return torch.embedding(weight, input, padding, scaleGradByFreq, sparse);
  const indices = input.contiguous();
  noGrad(() => weight.embeddingRenorm_(indices, maxNorm, normType));
  return torch.embedding(weight, indices, padding, scaleGradByFreq, sparse);
}

export type BagMode = 'sum' | 'mean' | 'max';
const bagModes: Record<BagMode, number> = { sum: 0, mean: 1, max: 2 };

export interface EmbeddingBagLookupOptions extends EmbeddingLookupOptions {
  /** Where each bag begins in a one-dimensional input [bags]. */
  offsets?: Tensor | null;
  /** How the rows of a bag become one; default `mean`. */
  mode?: BagMode;
  /** A factor for each row, for mode `sum`; the shape of the input. */
  perSampleWeights?: Tensor | null;
  /** The last offset is the end of the last bag; default false. */
  includeLastOffset?: boolean;
}

/** Sums, means or maxima of bags of rows of `weight` [rows, features]: int64 [bags, size] or [indices] with offsets → [bags, features]. */
export function embeddingBag(input: Tensor, weight: Tensor, options: EmbeddingBagLookupOptions = {}): Tensor {
  const {
    maxNorm = null,
    normType = 2,
    scaleGradByFreq = false,
    mode = 'mean',
    sparse = false,
    includeLastOffset = false,
  } = options;
  const modeNumber = bagModes[mode];
  if (modeNumber === undefined)
    throw new TorchError('ARGUMENT_TYPE', `mode must be 'sum', 'mean' or 'max', got '${mode as string}'`);
  if (mode === 'max' && (scaleGradByFreq || sparse))
    throw new TorchError('ARGUMENT_TYPE', "mode 'max' goes with neither scaleGradByFreq nor sparse");
  let { offsets = null, perSampleWeights = null } = options;
  if (perSampleWeights !== null && mode !== 'sum')
    throw new TorchError('ARGUMENT_TYPE', `perSampleWeights go with mode 'sum' only, got '${mode}'`);
  if (perSampleWeights !== null && String(perSampleWeights.shape) !== String(input.shape))
    throw new TorchError(
      'SHAPE_MISMATCH',
      `perSampleWeights [${perSampleWeights.shape.join(', ')}] must have the shape of the input [${input.shape.join(', ')}]`,
    );
  let indices = input;
  const dim = input.dim();
  if (dim === 2) {
    if (offsets !== null)
      throw new TorchError('ARGUMENT_TYPE', 'an input of two dimensions has bags of one size; leave offsets out');
    offsets = arange(0, input.numel(), input.size(1), { dtype: input.dtype, device: input.device });
    indices = input.reshape([-1]);
    perSampleWeights = perSampleWeights?.reshape([-1]) ?? null;
  } else if (dim !== 1 || offsets === null || offsets.dim() !== 1)
    throw new TorchError(
      'SHAPE_MISMATCH',
      `embeddingBag takes indices [bags, size], or [indices] with offsets [bags]; got [${input.shape.join(', ')}] with ${offsets === null ? 'no offsets' : `offsets [${offsets.shape.join(', ')}]`}`,
    );
  if (maxNorm !== null) noGrad(() => weight.embeddingRenorm_(indices, maxNorm, normType));
  const padding = options.paddingIdx ?? null;
  return torch.embeddingBag(
    weight,
    indices,
    offsets,
    scaleGradByFreq,
    modeNumber,
    sparse,
    perSampleWeights,
    includeLastOffset,
    padding,
  )[0];
}
