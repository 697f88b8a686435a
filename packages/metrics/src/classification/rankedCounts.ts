import { cat, fromTypedArray, ones, type Tensor } from '@lightning-ts/torch';

/** Positives and negatives at or above each score that occurs, scores falling: three tensors [distinct scores]. */
export interface RankedCounts {
  readonly tps: Tensor;
  readonly fps: Tensor;
  readonly scores: Tensor;
}

/**
 * Counts what lies at or above each score.
 *
 * On the CPU positives and negatives are sorted apart and merged: no order has to be carried along, which is several
 * times as fast as the engine's sort.
 *
 * @param preds scores [N], N above 0
 * @param target bool [N]
 */
export function rankedCounts(preds: Tensor, target: Tensor): RankedCounts {
  const read = readCounts(preds, target);
  if (read === null) return countedBySorting(preds, target);
  const [tps, fps, scores] = [read.tps, read.fps, read.scores].map((all) => fromTypedArray(all));
  return { tps: tps!, fps: fps!, scores: scores! };
}

/** {@link RankedCounts} in this thread's memory. */
export interface ReadCounts {
  readonly tps: Int32Array;
  readonly fps: Int32Array;
  readonly scores: Floats;
}

/** The counts of scores that can be read here and are no NaN: float32 or float64 on the CPU. Null for others. */
export function readCounts(preds: Tensor, target: Tensor): ReadCounts | null {
  const { dtype } = preds;
  const isRead = preds.device.type === 'cpu' && (dtype === 'float32' || dtype === 'float64');
  return isRead ? countedByMerging(preds, target) : null;
}

/**
 * The area under the ROC curve by trapezoids, 0 where a rate has nothing to be of. The sum is of whole numbers, exact up
 * to 2 ** 53.
 */
export function rocAreaOf({ tps, fps }: ReadCounts): number {
  const positives = tps.at(-1) ?? 0;
  const negatives = fps.at(-1) ?? 0;
  let twice = 0;
  let [tpsBefore, fpsBefore] = [0, 0];
  for (let i = 0; i < tps.length; i += 1) {
    twice += (fps[i]! - fpsBefore) * (tps[i]! + tpsBefore);
    tpsBefore = tps[i]!;
    fpsBefore = fps[i]!;
  }
  return positives === 0 || negatives === 0 ? 0 : twice / 2 / positives / negatives;
}

type Floats = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** Null where a score is NaN: those are equal to nothing, and the engine says where they rank. */
function countedByMerging(preds: Tensor, target: Tensor): ReadCounts | null {
  const values = preds.toTypedArray() as Floats;
  const isHit = target.toTypedArray() as Uint8Array;
  const size = values.length;
  let positives = 0;
  for (let i = 0; i < size; i += 1) positives += isHit[i]!;
  const hits = sameKind(values, positives);
  const misses = sameKind(values, size - positives);
  let h = 0;
  let m = 0;
  for (let i = 0; i < size; i += 1) {
    const value = values[i]!;
    if (Number.isNaN(value)) return null;
    if (isHit[i] === 1) hits[h++] = value;
    else misses[m++] = value;
  }
  sortRising(hits);
  sortRising(misses);
  // The values are in the two halves now, so their room serves for the scores.
  const scores = values;
  const tps = new Int32Array(size);
  const fps = new Int32Array(size);
  let points = 0;
  while (h > 0 || m > 0) {
    const score = m === 0 || (h > 0 && hits[h - 1]! > misses[m - 1]!) ? hits[h - 1]! : misses[m - 1]!;
    while (h > 0 && hits[h - 1] === score) h -= 1;
    while (m > 0 && misses[m - 1] === score) m -= 1;
    scores[points] = score;
    tps[points] = hits.length - h;
    fps[points] = misses.length - m;
    points += 1;
  }
  return { tps: tps.subarray(0, points), fps: fps.subarray(0, points), scores: scores.subarray(0, points) };
}

const sameKind = (like: Floats, length: number): Floats =>
  like instanceof Float32Array ? new Float32Array(length) : new Float64Array(length);

/** Below this the tables of the radix sort cost more than they save. */
const leastForRadix = 1024;
const digitBits = 11;
const digits = 1 << digitBits;
const mask = digits - 1;

function sortRising(values: Floats): void {
  if (values instanceof Float32Array && values.length >= leastForRadix) radixSort(values);
  else values.sort();
}

/**
 * Sorts by the bits, which rank as the numbers do once those of negative ones are turned around. Signed words all through:
 * V8 keeps unsigned ones as floats, at several times the cost.
 */
function radixSort(values: Float32Array<ArrayBuffer>): void {
  const size = values.length;
  const words = new Int32Array(values.buffer, values.byteOffset, size);
  const spare = new Int32Array(size);
  const [low, middle, high] = [new Int32Array(digits), new Int32Array(digits), new Int32Array(digits)];
  for (let i = 0; i < size; i += 1) {
    const bits = words[i]!;
    const key = bits ^ ((bits >> 31) | 0x80000000);
    words[i] = key;
    low[key & mask]! += 1;
    middle[(key >>> digitBits) & mask]! += 1;
    high[key >>> (2 * digitBits)]! += 1;
  }
  scatter(words, spare, low, 0);
  scatter(spare, words, middle, digitBits);
  scatter(words, spare, high, 2 * digitBits);
  for (let i = 0; i < size; i += 1) {
    const key = spare[i]!;
    words[i] = key ^ (~(key >> 31) | 0x80000000);
  }
}

/** Puts keys in the order of one digit. @param counts how often each digit occurs; used up */
function scatter(from: Int32Array, to: Int32Array, counts: Int32Array, shift: number): void {
  let next = 0;
  for (let digit = 0; digit < digits; digit += 1) {
    const count = counts[digit]!;
    counts[digit] = next;
    next += count;
  }
  for (let i = 0; i < from.length; i += 1) {
    const key = from[i]!;
    const digit = (key >>> shift) & mask;
    const place = counts[digit]!;
    counts[digit] = place + 1;
    to[place] = key;
  }
}

function countedBySorting(preds: Tensor, target: Tensor): RankedCounts {
  const { values: scores, indices: order } = preds.sort(0, true);
  const hits = target.indexSelect(0, order).long().cumsum(0);
  const size = scores.size(0);
  // The last of each run of equal scores: a threshold cannot tell them apart.
  const isLast = cat([
    scores.narrow(0, 1, size - 1).ne(scores.narrow(0, 0, size - 1)),
    ones([1], { dtype: 'bool', device: preds.device }),
  ]);
  const at = isLast.nonzero().flatten();
  const tps = hits.indexSelect(0, at);
  return { tps, fps: at.add(1).sub(tps), scores: scores.indexSelect(0, at) };
}
