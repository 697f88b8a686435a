import { type Tensor, TorchError, where } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';

/** Predicted and true labels of one batch, flat and int64. */
export interface LabelPair {
  readonly preds: Tensor;
  readonly target: Tensor;
}

/**
 * Labels of a multiclass batch.
 *
 * @param preds labels, shaped as `target`, or scores `[N, C, ...]` where `target` is `[N, ...]`: the highest is taken, or,
 *   for `topK` above 1, the target itself where it is among the k highest
 * @throws MetricError SHAPE_MISMATCH, DTYPE_INVALID
 */
export function multiclassLabels(
  preds: Tensor,
  target: Tensor,
  numClasses: number,
  topK: number,
  ignoreIndex: number | null,
): LabelPair {
  const shaped = shapedLabels(preds, target, numClasses, topK);
  const pair = { preds: flat(shaped.preds), target: flat(shaped.target) };
  return ignoreIndex === null ? pair : without(pair, ignoreIndex);
}

/** The labels of {@link multiclassLabels} in the shape of the target, ignored ones included. */
export function shapedLabels(preds: Tensor, target: Tensor, numClasses: number, topK: number): LabelPair {
  const wholeTarget = wholeLabels(target, 'target');
  const labels = preds.isFloatingPoint()
    ? labelsFromScores(preds, wholeTarget, numClasses, topK)
    : labelsAsGiven(preds, wholeTarget, topK);
  return { preds: labels, target: wholeTarget };
}

/**
 * Zeros and ones of a binary or multilabel batch, in the shape they came.
 *
 * @param preds zeros and ones, or scores: probabilities, or logits when any score lies outside [0, 1]
 * @throws MetricError SHAPE_MISMATCH, DTYPE_INVALID
 */
export function binaryLabels(preds: Tensor, target: Tensor, threshold: number): LabelPair {
  const wholeTarget = wholeLabels(target, 'target');
  if (!haveSameShape(preds, wholeTarget)) throw shapesDiffer(preds, target, 'Both need the same shape.');
  if (!preds.isFloatingPoint()) return { preds: wholeLabels(preds, 'preds'), target: wholeTarget };
  if (preds.numel() === 0) return { preds: preds.to('int64'), target: wholeTarget };
  // Decided inside the engine: reading the extremes here would wait for the device at every batch.
  const { min, max } = preds.aminmax();
  // NaN is not inside either.
  const areLogits = min.ge(0).logicalAnd(max.le(1)).logicalNot();
  return { preds: where(areLogits, preds.sigmoid(), preds).gt(threshold), target: wholeTarget };
}

/**
 * How often each of the labels 0 ... size-1 occurs: int64 `[size]`.
 *
 * @throws MetricError LABEL_OUT_OF_RANGE
 */
export function countLabels(labels: Tensor, size: number, what: string): Tensor {
  return countCells(labels, size, () => outOfRange(labels, size, what));
}

/**
 * How often each pair (target, prediction) occurs: int64 `[size * size]`, a row for each target. Targets out of range are
 * found; predictions have to be right.
 */
export function countPairs({ preds, target }: LabelPair, size: number): Tensor {
  // Freed at once: there are many small batches.
  const rows = target.mul(size);
  const cells = rows.add(preds);
  rows.dispose();
  try {
    return countCells(cells, size * size, () => outOfRange(target, size, 'target'));
  } finally {
    cells.dispose();
  }
}

/** The engine's count refuses what is negative, and grows beyond `size` for what is too large. */
function countCells(cells: Tensor, size: number, fault: () => MetricError): Tensor {
  let counts: Tensor;
  try {
    counts = cells.bincount(null, size);
  } catch (error) {
    throw error instanceof TorchError ? fault() : error;
  }
  if (counts.size(0) !== size) throw fault();
  return counts;
}

/** The pairs whose target is not `ignoreIndex`. */
export function without(pair: LabelPair, ignoreIndex: number): LabelPair {
  const kept = pair.target.ne(ignoreIndex);
  return { preds: pair.preds.maskedSelect(kept), target: pair.target.maskedSelect(kept) };
}

function labelsFromScores(preds: Tensor, target: Tensor, numClasses: number, topK: number): Tensor {
  if (!areScoresOf(preds, target)) {
    throw shapesDiffer(
      preds,
      target,
      'Scores need one dimension more than the target: [N, classes, ...] and [N, ...].',
    );
  }
  if (preds.size(1) !== numClasses) {
    throw new MetricError(
      'SHAPE_MISMATCH',
      `preds has ${preds.size(1)} scores for each sample (shape [${preds.shape}]), but numClasses is ${numClasses}. Make them agree.`,
    );
  }
  if (topK === 1) return preds.argmax(1);
  const { indices } = preds.topk(topK, 1);
  const hit = indices.eq(target.unsqueeze(1)).any(1);
  return where(hit, target, indices.select(1, 0));
}

function labelsAsGiven(preds: Tensor, target: Tensor, topK: number): Tensor {
  if (topK > 1) {
    throw new MetricError(
      'DTYPE_INVALID',
      `topK is ${topK}, which needs scores, but preds has labels (${preds.dtype}).`,
    );
  }
  if (!haveSameShape(preds, target)) throw shapesDiffer(preds, target, 'Labels need the shape of the target.');
  return wholeLabels(preds, 'preds');
}

function wholeLabels(labels: Tensor, what: string): Tensor {
  const { dtype } = labels;
  if (dtype === 'int64') return labels;
  if (labels.isFloatingPoint() || labels.isComplex()) {
    throw new MetricError(
      'DTYPE_INVALID',
      `${what} is ${dtype}, but class labels are whole numbers. Use ${what}.long().`,
    );
  }
  return labels.to('int64');
}

function flat(labels: Tensor): Tensor {
  return labels.dim() === 1 ? labels : labels.flatten();
}

// Sizes one by one: asking for a whole shape makes an array, which costs more than most operations on small tensors.
function haveSameShape(a: Tensor, b: Tensor): boolean {
  const dims = a.dim();
  if (b.dim() !== dims) return false;
  for (let dim = 0; dim < dims; dim += 1) if (a.size(dim) !== b.size(dim)) return false;
  return true;
}

/** Whether `scores` is `[N, C, ...]` for a target `[N, ...]`. */
function areScoresOf(scores: Tensor, target: Tensor): boolean {
  const dims = target.dim();
  if (dims === 0 || scores.dim() !== dims + 1) return false;
  for (let dim = 0; dim < dims; dim += 1) if (scores.size(dim === 0 ? 0 : dim + 1) !== target.size(dim)) return false;
  return true;
}

function shapesDiffer(preds: Tensor, target: Tensor, cure: string): MetricError {
  return new MetricError(
    'SHAPE_MISMATCH',
    `preds ${preds.dtype} [${preds.shape}] and target ${target.dtype} [${target.shape}] do not belong together. ${cure}`,
  );
}

function outOfRange(labels: Tensor, size: number, what: string): MetricError {
  const low = labels.min().item();
  const high = labels.max().item();
  return new MetricError(
    'LABEL_OUT_OF_RANGE',
    `${what} has labels from ${low} to ${high}, but only 0 to ${size - 1} exist. Check numClasses, or leave a label out with ignoreIndex.`,
  );
}
