import { readFileSync } from 'node:fs';
import * as torch from '@lightning-ts/torch';
import { describe, expect, it } from 'vitest';
import {
  batchedNms,
  boxArea,
  boxConvert,
  boxIou,
  clipBoxesToImage,
  FrozenBatchNorm2d,
  generalizedBoxIou,
  nms,
  RoIAlign,
  RoIPool,
  removeSmallBoxes,
  roiAlign,
  sigmoidFocalLoss,
} from './index.js';

interface Packed {
  dtype: torch.DType;
  shape: number[];
  data: string;
}
const fixture = JSON.parse(
  readFileSync(new URL('../../test/fixtures/ops/ops.json', import.meta.url), 'utf8'),
) as Record<string, Packed> & { norm_state: Record<string, Packed> };
const unpack = ({ dtype, shape, data }: Packed) => torch.fromBuffer(Buffer.from(data, 'base64'), dtype, { shape });
const named = (name: string) => unpack(fixture[name] as Packed);
const boxes = named('boxes');
const [scores, classes, features, rois] = ['scores', 'classes', 'features', 'rois'].map(named) as [
  torch.Tensor,
  torch.Tensor,
  torch.Tensor,
  torch.Tensor,
];

function expectClose(actual: torch.Tensor, name: string, tolerance: number): void {
  const expected = named(name);
  expect([actual.dtype, actual.shape]).toEqual([expected.dtype, expected.shape]);
  const difference = actual.sub(expected).abs();
  // Nothing over nothing is NaN in both.
  expect(difference.isnan().equal(expected.isnan())).toBe(true);
  expect(difference.nanToNum(0).max().item()).toBeLessThanOrEqual(tolerance);
}

describe('operations on boxes give those of torchvision', () => {
  it('areas, overlaps, formats and limits', () => {
    expectClose(boxArea(boxes), 'area', 0);
    expectClose(boxIou(boxes.narrow(0, 0, 9), boxes.narrow(0, 9, 11)), 'iou', 0);
    expectClose(boxIou(boxes.narrow(0, 0, 9).to('int32'), boxes.narrow(0, 9, 11).to('int32')), 'int_iou', 0);
    expectClose(generalizedBoxIou(boxes.narrow(0, 0, 9), boxes.narrow(0, 9, 11)), 'giou', 1e-6);
    for (const format of ['xywh', 'cxcywh'] as const) {
      expectClose(boxConvert(boxes, 'xyxy', format), format, 1e-6);
      expectClose(boxConvert(named(format), format, 'xyxy'), 'boxes', 1e-5);
    }
    expectClose(clipBoxesToImage(boxes, [15, 18]), 'clipped', 0);
    expect(removeSmallBoxes(boxes, 4).tolist()).toEqual(named('large').tolist());
  });

  it('suppression of overlapping boxes, ties of scores included', () => {
    expect(nms(boxes, scores, 0.3).tolist()).toEqual(named('nms').tolist());
    const kept = batchedNms(boxes, scores, classes, 0.3).tolist() as number[];
    // Equal scores may come in either order.
    expect([...kept].sort()).toEqual([...(named('batched_nms').tolist() as number[])].sort());
    const keptScores = kept.map((i) => scores.at(i).item());
    expect(keptScores).toEqual([...keptScores].sort((a, b) => b - a));
    expect(nms(torch.zeros([0, 4]), torch.zeros([0]), 0.5).tolist()).toEqual([]);
  });

  it('suppression in blocks is that of all at once', () => {
    torch.manualSeed(1);
    const corner = torch.rand([700, 2]).mul(40);
    const many = torch.cat([corner, corner.add(torch.rand([700, 2]).mul(9).add(1))], 1);
    const order = torch.linspace(1, 0, 700);
    const overlaps = boxIou(many, many).gt(0.2).tolist() as boolean[][];
    const kept: number[] = [];
    for (let i = 0; i < 700; i++) if (!kept.some((better) => overlaps[better]![i])) kept.push(i);
    expect(nms(many, order, 0.2).tolist()).toEqual(kept);
  });
});

describe('regions of features are those of torchvision', () => {
  it('read between pixels and pooled', () => {
    expectClose(new RoIAlign([3, 4], { spatialScale: 0.8 }).forward(features, rois), 'align', 1e-5);
    expectClose(roiAlign(features, rois, 2, { samplingRatio: 2, aligned: true }), 'align_fixed', 1e-5);
    expectClose(new RoIPool([3, 4], { spatialScale: 0.8 }).forward(features, rois), 'pool', 0);
    expect(roiAlign(features, torch.zeros([0, 5]), 2).shape).toEqual([0, 3, 2, 2]);
  });

  it('from boxes by image, with gradients for the features', () => {
    const inputs = features.clone();
    inputs.requiresGrad = true;
    const byImage = [rois.at([0, 2]).narrow(1, 1, 4), rois.at([1, 3]).narrow(1, 1, 4)];
    const pooled = roiAlign(inputs, byImage, [3, 4], { spatialScale: 0.8 });
    expect(pooled.detach().at([0, 2, 1, 3]).sub(named('align')).abs().max().item()).toBeLessThan(1e-5);
    pooled.sum().backward();
    // Every cell's weights add up to 1 where the region lies inside the image.
    expect(inputs.grad!.at(0).sum().item()).toBeCloseTo(2 * 3 * 3 * 4, 3);
  });
});

it('the focal loss and frozen normalization are those of torchvision', () => {
  const [logits, targets] = [named('logits'), named('targets')];
  expectClose(sigmoidFocalLoss(logits, targets), 'focal', 1e-6);
  expectClose(sigmoidFocalLoss(logits, targets, { alpha: -1, gamma: 1.5, reduction: 'mean' }), 'focal_mean', 1e-6);
  const norm = new FrozenBatchNorm2d(3);
  norm.loadStateDict(new Map(Object.entries(fixture.norm_state).map(([key, value]) => [key, unpack(value)])));
  expectClose(norm.forward(features), 'frozen', 1e-6);
  expect(norm.parameters()).toEqual([]);
});

it.each<[string, () => unknown, RegExp]>([
  ['boxes of five', () => boxArea(torch.zeros([2, 5])), /ARGUMENT_INVALID.*boxArea.*\[2, 5\]/],
  ['a format', () => boxConvert(boxes, 'xyxy', 'yxyx' as 'xywh'), /OPTION_INVALID.*yxyx/],
  ['too few scores', () => nms(boxes, torch.zeros([3]), 0.5), /ARGUMENT_INVALID.*60 boxes.*\[3\]/],
  ['a threshold', () => nms(boxes, scores, 2), /OPTION_INVALID.*0 to 1.*2/],
  ['regions of four', () => roiAlign(features, boxes, 2), /ARGUMENT_INVALID.*\[k, 5\].*\[60, 4\]/],
  [
    'an image out of the batch',
    () => roiAlign(features, torch.tensor([[2, 0, 0, 1, 1]]), 2),
    /image 2 is none of the 2/,
  ],
  ['features of three dimensions', () => roiAlign(features.at(0), rois, 2), /batch, c, h, w.*\[3, 9, 11\]/],
  ['a reduction', () => sigmoidFocalLoss(boxes, boxes, { reduction: 'avg' as 'sum' }), /OPTION_INVALID.*'avg'/],
])('refuses %s', (_, run, message) => {
  expect(run).toThrow(message);
});
