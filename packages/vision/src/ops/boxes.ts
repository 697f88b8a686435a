import { maximum, minimum, stack, type Tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';

/** Corners [x1, y1, x2, y2]; corner and size [x, y, w, h]; middle and size [cx, cy, w, h]. */
export const boxFormats = ['xyxy', 'xywh', 'cxcywh'] as const;
export type BoxFormat = (typeof boxFormats)[number];

/** Refuses what is not [n, 4]. */
export function checkBoxes(name: string, boxes: Tensor): void {
  if (boxes.dim() === 2 && boxes.size(1) === 4) return;
  throw new VisionError('ARGUMENT_INVALID', `${name} takes boxes [n, 4], and got [${boxes.shape.join(', ')}]`);
}

/** Small integers would overflow in products. */
const widened = (boxes: Tensor): Tensor => {
  if (boxes.isFloatingPoint()) return boxes.dtype === 'float64' ? boxes : boxes.to('float32');
  return boxes.dtype === 'int64' ? boxes : boxes.to('int32');
};

/** Areas [n] of boxes [n, 4] as corners. */
export function boxArea(boxes: Tensor): Tensor {
  checkBoxes('boxArea', boxes);
  const [x1, y1, x2, y2] = widened(boxes).unbind(1) as [Tensor, Tensor, Tensor, Tensor];
  return x2.sub(x1).mul(y2.sub(y1));
}

function overlap(a: Tensor, b: Tensor): { inter: Tensor; union: Tensor } {
  const [first, second] = [widened(a), widened(b)];
  const corner = maximum(first.narrow(1, 0, 2).unsqueeze(1), second.narrow(1, 0, 2));
  const size = minimum(first.narrow(1, 2, 2).unsqueeze(1), second.narrow(1, 2, 2))
    .sub(corner)
    .clamp(0);
  const inter = size.select(-1, 0).mul(size.select(-1, 1));
  return { inter, union: boxArea(a).unsqueeze(1).add(boxArea(b)).sub(inter) };
}

/** Intersection over union of each of `a` [n, 4] with each of `b` [m, 4], as corners: [n, m]. */
export function boxIou(a: Tensor, b: Tensor): Tensor {
  checkBoxes('boxIou', a);
  checkBoxes('boxIou', b);
  const { inter, union } = overlap(a, b);
  return inter.div(union);
}

/** Generalized intersection over union (Rezatofighi et al. 2019), −1 to 1: [n, m]. */
export function generalizedBoxIou(a: Tensor, b: Tensor): Tensor {
  checkBoxes('generalizedBoxIou', a);
  checkBoxes('generalizedBoxIou', b);
  const { inter, union } = overlap(a, b);
  const corner = minimum(widened(a).narrow(1, 0, 2).unsqueeze(1), widened(b).narrow(1, 0, 2));
  const size = maximum(widened(a).narrow(1, 2, 2).unsqueeze(1), widened(b).narrow(1, 2, 2))
    .sub(corner)
    .clamp(0);
  const hull = size.select(-1, 0).mul(size.select(-1, 1));
  return inter.div(union).sub(hull.sub(union).div(hull));
}

/** Boxes [n, 4] in another format. */
export function boxConvert(boxes: Tensor, from: BoxFormat, to: BoxFormat): Tensor {
  checkBoxes('boxConvert', boxes);
  for (const format of [from, to]) {
    if (boxFormats.includes(format)) continue;
    throw new VisionError(
      'OPTION_INVALID',
      `boxConvert knows the formats ${boxFormats.join(', ')}, and got '${format}'`,
    );
  }
  if (from === to) return boxes.clone();
  const [a, b, c, d] = boxes.unbind(1) as [Tensor, Tensor, Tensor, Tensor];
  let corners: [Tensor, Tensor, Tensor, Tensor] = [a, b, c, d];
  if (from === 'xywh') corners = [a, b, a.add(c), b.add(d)];
  if (from === 'cxcywh') corners = [a.sub(c.mul(0.5)), b.sub(d.mul(0.5)), a.add(c.mul(0.5)), b.add(d.mul(0.5))];
  const [x1, y1, x2, y2] = corners;
  if (to === 'xyxy') return stack(corners, -1);
  if (to === 'xywh') return stack([x1, y1, x2.sub(x1), y2.sub(y1)], -1);
  return stack([x1.add(x2).div(2), y1.add(y2).div(2), x2.sub(x1), y2.sub(y1)], -1);
}

/** Boxes [..., 4] as corners, moved inside an image of `size` [height, width]. */
export function clipBoxesToImage(boxes: Tensor, [height, width]: readonly [number, number]): Tensor {
  const [x1, y1, x2, y2] = boxes.unbind(-1) as [Tensor, Tensor, Tensor, Tensor];
  return stack([x1.clamp(0, width), y1.clamp(0, height), x2.clamp(0, width), y2.clamp(0, height)], -1);
}

/** Indices (int64) of the boxes [n, 4] whose sides are both at least `minSize`. */
export function removeSmallBoxes(boxes: Tensor, minSize: number): Tensor {
  checkBoxes('removeSmallBoxes', boxes);
  const [x1, y1, x2, y2] = boxes.unbind(1) as [Tensor, Tensor, Tensor, Tensor];
  return x2.sub(x1).ge(minSize).logicalAnd(y2.sub(y1).ge(minSize)).nonzero().squeeze(1);
}
