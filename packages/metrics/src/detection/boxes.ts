import { cat, maximum, minimum, stack, type Tensor, where } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { checkChoice } from '../regression/inputs.js';

/** Corners, a corner with width and height, or the middle with width and height. */
export type BoxFormat = 'xyxy' | 'xywh' | 'cxcywh';

/** What was found in one image. */
export interface Detections {
  /** [boxes, 4] */
  readonly boxes: Tensor;
  /** [boxes] */
  readonly labels: Tensor;
  /** [boxes] */
  readonly scores: Tensor;
}

/** What is in one image. */
export interface GroundTruth {
  /** [boxes, 4] */
  readonly boxes: Tensor;
  /** [boxes] */
  readonly labels: Tensor;
  /** [boxes], 1 for a box around a crowd, which takes any number of detections and is not missed; default 0. */
  readonly iscrowd?: Tensor;
  /** [boxes] in square pixels; default, and where it is 0, that of the box. */
  readonly area?: Tensor;
}

export const checkBoxFormat = (owner: string, format: BoxFormat): void =>
  checkChoice(owner, 'boxFormat', format, ['xyxy', 'xywh', 'cxcywh']);

/** Boxes as corners. @param boxes [boxes, 4] */
export function corners(boxes: Tensor, format: BoxFormat): Tensor {
  if (format === 'xyxy' || boxes.numel() === 0) return boxes;
  const [x, y, width, height] = boxes.unbind(1) as [Tensor, Tensor, Tensor, Tensor];
  if (format === 'xywh') return stack([x, y, x.add(width), y.add(height)], 1);
  const [halfWidth, halfHeight] = [width.mul(0.5), height.mul(0.5)];
  return stack([x.sub(halfWidth), y.sub(halfHeight), x.add(halfWidth), y.add(halfHeight)], 1);
}

/** Boxes as a corner with width and height. @param boxes [boxes, 4] */
export function extents(boxes: Tensor, format: BoxFormat): Tensor {
  if (format === 'xywh' || boxes.numel() === 0) return boxes;
  const [a, b, c, d] = boxes.unbind(1) as [Tensor, Tensor, Tensor, Tensor];
  if (format === 'xyxy') return stack([a, b, c.sub(a), d.sub(b)], 1);
  // By way of the corners, whose rounding other tools have as well.
  return extents(corners(boxes, format), 'xyxy');
}

/** Lowest corners and sizes of what two sets of boxes share, or of what is around both: [N, M, 2] each. */
function spans(a: Tensor, b: Tensor): { shared: Tensor; around: Tensor } {
  const low = (boxes: Tensor, dim: number): Tensor => boxes.narrow(1, 0, 2).unsqueeze(dim);
  const high = (boxes: Tensor, dim: number): Tensor => boxes.narrow(1, 2, 2).unsqueeze(dim);
  const shared = minimum(high(a, 1), high(b, 0))
    .sub(maximum(low(a, 1), low(b, 0)))
    .clampMin(0);
  const around = maximum(high(a, 1), high(b, 0))
    .sub(minimum(low(a, 1), low(b, 0)))
    .clampMin(0);
  return { shared, around };
}

const areasOf = (boxes: Tensor): Tensor => {
  const [x, y, right, bottom] = boxes.unbind(1) as [Tensor, Tensor, Tensor, Tensor];
  return right.sub(x).mul(bottom.sub(y));
};

const product = (spread: Tensor): Tensor => spread.select(2, 0).mul(spread.select(2, 1));

/** What each pair shares, as a part of what both cover together: [N, M]. @param a [N, 4] corners @param b [M, 4] corners */
export function boxIou(a: Tensor, b: Tensor): Tensor {
  const shared = product(spans(a, b).shared);
  return shared.div(areasOf(a).unsqueeze(1).add(areasOf(b)).sub(shared));
}

/** As boxIou, less the empty part of the box around both (Rezatofighi and others 2019): [N, M], from -1 to 1. */
export function generalizedBoxIou(a: Tensor, b: Tensor): Tensor {
  const { shared, around } = spans(a, b);
  const both = product(shared);
  const union = areasOf(a).unsqueeze(1).add(areasOf(b)).sub(both);
  const hull = product(around);
  return both.div(union).sub(hull.sub(union).div(hull));
}

/**
 * The overlap that detections are matched by: for a crowd, what of the detection is inside it. Areas are width times
 * height: [N, M]. @param found [N, 4] and @param truth [M, 4] corner, width and height; @param crowd bool [M]
 */
export function matchIou(found: Tensor, truth: Tensor, crowd: Tensor): Tensor {
  const asCorners = (boxes: Tensor): Tensor =>
    cat([boxes.narrow(1, 0, 2), boxes.narrow(1, 0, 2).add(boxes.narrow(1, 2, 2))], 1);
  const area = (boxes: Tensor): Tensor => boxes.select(1, 2).mul(boxes.select(1, 3));
  const shared = product(spans(asCorners(found), asCorners(truth)).shared);
  const own = area(found).unsqueeze(1);
  return shared.div(where(crowd, own, own.add(area(truth)).sub(shared)));
}

/** @throws MetricError SHAPE_MISMATCH, DTYPE_INVALID for lists or tensors that do not belong together */
export function checkImages(
  owner: string,
  preds: readonly (Omit<Detections, 'scores'> & { scores?: Tensor })[],
  target: readonly GroundTruth[],
  needsScores: boolean,
): void {
  if (preds.length !== target.length) {
    throw new MetricError(
      'SHAPE_MISMATCH',
      `${owner}: ${preds.length} predictions came with ${target.length} targets. Give one of each an image.`,
    );
  }
  for (const [what, images] of [
    ['preds', preds],
    ['target', target],
  ] as const) {
    for (const [i, { boxes, labels, ...others }] of images.entries()) {
      const count = labels.numel();
      const isRight =
        count === 0 ? boxes.numel() === 0 : boxes.dim() === 2 && boxes.size(0) === count && boxes.size(1) === 4;
      const odd = Object.entries(others).find(([, values]) => values instanceof Object && values.numel() !== count);
      if (!isRight || labels.dim() > 1 || odd !== undefined) {
        throw new MetricError(
          'SHAPE_MISMATCH',
          `${owner}: ${what} of image ${i} has boxes [${boxes.shape}], labels [${labels.shape}]${odd === undefined ? '' : `, ${odd[0]} [${(odd[1] as Tensor).shape}]`}. Give [boxes, 4] and one of the others for each box.`,
        );
      }
      if (labels.isFloatingPoint())
        throw new MetricError(
          'DTYPE_INVALID',
          `${owner}: labels of image ${i} are ${labels.dtype}. Use labels.long().`,
        );
    }
  }
  const missing = needsScores ? preds.findIndex(({ scores }) => scores === undefined) : -1;
  if (missing >= 0)
    throw new MetricError(
      'OPTION_INVALID',
      `${owner}: preds of image ${missing} have no scores. Give one for each box.`,
    );
}
