import { fromTypedArray, type Tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
import { boxIou, checkBoxes } from './boxes.js';

/** Rows of overlaps that are worked out at a time. */
const blockRows = 512;

/**
 * Keeps the boxes that do not overlap a better one by more than `iouThreshold`.
 *
 * @param boxes [n, 4] as corners; `scores` [n].
 * @returns indices of the kept ones (int64), the best first.
 */
export const nms = (boxes: Tensor, scores: Tensor, iouThreshold: number): Tensor =>
  suppress('nms', boxes, scores, iouThreshold, null);

/** As {@link nms}, where only boxes of the same class suppress each other. `classes` is int64 [n]. */
export const batchedNms = (boxes: Tensor, scores: Tensor, classes: Tensor, iouThreshold: number): Tensor =>
  suppress('batchedNms', boxes, scores, iouThreshold, classes);

function suppress(name: string, boxes: Tensor, scores: Tensor, iouThreshold: number, classes: Tensor | null): Tensor {
  checkBoxes(name, boxes);
  const count = boxes.size(0);
  for (const given of classes === null ? [scores] : [scores, classes]) {
    if (given.dim() === 1 && given.size(0) === count) continue;
    throw new VisionError(
      'ARGUMENT_INVALID',
      `${name} takes one score and class for each of the ${count} boxes, and got [${given.shape.join(', ')}]`,
    );
  }
  if (!(iouThreshold >= 0 && iouThreshold <= 1)) {
    throw new VisionError('OPTION_INVALID', `${name}: iouThreshold goes from 0 to 1, and got ${iouThreshold}`);
  }
  const order = scores.detach().sort({ stable: true, dim: 0, descending: true }).indices;
  const sorted = boxes.detach().indexSelect(0, order);
  const sortedClasses = classes?.indexSelect(0, order) ?? null;
  const isGone = new Uint8Array(count);
  const kept: number[] = [];
  for (let start = 0; start < count; start += blockRows) {
    const rows = Math.min(blockRows, count - start);
    let overlaps = boxIou(sorted.narrow(0, start, rows), sorted.narrow(0, start, count - start)).gt(iouThreshold);
    if (sortedClasses !== null) {
      const mine = sortedClasses.narrow(0, start, rows).unsqueeze(1);
      overlaps = overlaps.logicalAnd(mine.eq(sortedClasses.narrow(0, start, count - start)));
    }
    const width = count - start;
    const flags = overlaps.toTypedArray() as Uint8Array;
    for (let i = 0; i < rows; i++) {
      if (isGone[start + i]) continue;
      kept.push(start + i);
      for (let j = i + 1; j < width; j++) if (flags[i * width + j]) isGone[start + j] = 1;
    }
  }
  return order.indexSelect(0, fromTypedArray(Int32Array.from(kept)));
}
