import { fromTypedArray, type Tensor } from '@lightning-ts/torch';

// A loop over some hundred numbers costs less than the four or five calls that the engine needs for the same count. What
// is not small, on another device, of another dtype or at fault is left to the engine, which also says what is wrong.

/** Up to here the loop wins; beyond, the engine's vectors do. */
const mostNumbers = 8192;

/** Predicted and true labels of a batch, all in range. */
export interface ReadLabels {
  readonly preds: Int32Array;
  readonly target: Int32Array;
  /** How many pairs there are: the arrays may be longer. */
  readonly length: number;
}

/** A batch of scores: what has to be known of it before it is kept. */
export interface ReadScores {
  /** Whether all labels are classes. */
  readonly areLabelsRight: boolean;
  /** Whether all scores lie in [0, 1]. */
  readonly areProbabilities: boolean;
}

/**
 * The label pairs of a small batch, those of `ignoreIndex` left out; null for any other.
 *
 * @param preds labels [N], or scores [N, classes] of which the highest counts
 * @param target labels [N]
 */
export function readLabels(
  preds: Tensor,
  target: Tensor,
  numClasses: number,
  ignoreIndex: number | null,
): ReadLabels | null {
  const labels = smallLabels(target);
  if (labels === null) return null;
  const predicted = preds.dtype === 'float32' ? highest(preds, labels.length, numClasses) : smallLabels(preds);
  if (predicted === null || predicted.length !== labels.length) return null;
  let length = 0;
  for (let i = 0; i < labels.length; i += 1) {
    const label = labels[i]!;
    const guess = predicted[i]!;
    if (label === ignoreIndex) continue;
    if (label < 0 || label >= numClasses || guess < 0 || guess >= numClasses) return null;
    labels[length] = label;
    predicted[length] = guess;
    length += 1;
  }
  return { preds: predicted, target: labels, length };
}

/** What there is to know of a small batch of scores [N, classes] with labels [N]; null for any other. */
export function readScores(preds: Tensor, target: Tensor, numClasses: number): ReadScores | null {
  const labels = smallLabels(target);
  const scores = labels === null ? null : smallScores(preds, labels.length, numClasses);
  if (labels === null || scores === null) return null;
  let areLabelsRight = true;
  for (let i = 0; i < labels.length; i += 1) areLabelsRight &&= labels[i]! >= 0 && labels[i]! < numClasses;
  let areProbabilities = true;
  for (let i = 0; i < scores.length; i += 1) {
    const score = scores[i]!;
    // So written, NaN is not inside either.
    if (!(score >= 0 && score <= 1)) areProbabilities = false;
  }
  return { areLabelsRight, areProbabilities };
}

/** How often each (target, prediction) occurs: int64 [size * size], a row for each target. */
export function tableOf({ preds, target, length }: ReadLabels, size: number): Tensor {
  const words = new Int32Array(2 * size * size);
  for (let i = 0; i < length; i += 1) words[2 * (target[i]! * size + preds[i]!)]! += 1;
  return longTensor(words);
}

/** How many pairs differ and how many agree: int64 [2]. */
export function agreementOf({ preds, target, length }: ReadLabels): Tensor {
  const words = new Int32Array(4);
  for (let i = 0; i < length; i += 1) words[target[i] === preds[i] ? 2 : 0]! += 1;
  return longTensor(words);
}

/** @param words int64 numbers as pairs of words, the low one first */
const longTensor = (words: Int32Array<ArrayBuffer>): Tensor => fromTypedArray(new BigInt64Array(words.buffer));

/** The labels of a small tensor int64 [N]; null for any other, and where one takes more than 31 bits. */
function smallLabels(labels: Tensor): Int32Array | null {
  if (labels.dtype !== 'int64' || labels.dim() !== 1 || labels.numel() > mostNumbers || !isOnCpu(labels)) return null;
  const words = new Int32Array(labels.toTypedArray().buffer);
  const length = words.length / 2;
  for (let i = 0; i < length; i += 1) {
    const low = words[2 * i]!;
    // The high word holds nothing but the sign.
    if (words[2 * i + 1] !== low >> 31) return null;
    words[i] = low;
  }
  return words.subarray(0, length);
}

function smallScores(scores: Tensor, rows: number, numClasses: number): Float32Array | null {
  if (scores.dtype !== 'float32' || scores.dim() !== 2 || rows * numClasses > mostNumbers) return null;
  if (scores.size(0) !== rows || scores.size(1) !== numClasses || !isOnCpu(scores)) return null;
  return scores.toTypedArray() as Float32Array;
}

/** The class of each row's highest score, the first of equal ones; null where a score may be NaN. */
function highest(preds: Tensor, rows: number, numClasses: number): Int32Array | null {
  const scores = smallScores(preds, rows, numClasses);
  if (scores === null) return null;
  const classes = new Int32Array(rows);
  let sum = 0;
  for (let row = 0, first = 0; row < rows; row += 1, first += numClasses) {
    let best = first;
    let top = scores[first]!;
    sum += top;
    for (let place = first + 1; place < first + numClasses; place += 1) {
      const score = scores[place]!;
      sum += score;
      if (score > top) {
        top = score;
        best = place;
      }
    }
    classes[row] = best - first;
  }
  // A sum of NaN: from one, or from infinities of both signs.
  return Number.isNaN(sum) ? null : classes;
}

const isOnCpu = (tensor: Tensor): boolean => tensor.device.type === 'cpu';
