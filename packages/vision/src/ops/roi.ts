import { arange, cat, full, stack, type Tensor, zeros } from '@lightning-ts/torch';
import { Module } from '@lightning-ts/torch/nn';
import { VisionError } from '../errors.js';

/** Regions [k, 5] of (image, x1, y1, x2, y2), or for each image of the batch its boxes [n, 4]. */
type Regions = Tensor | readonly Tensor[];

export interface RoiOptions {
  /** Places in the features for one pixel of the boxes; default 1. */
  spatialScale?: number;
}
export interface RoiAlignOptions extends RoiOptions {
  /** Points that are read along each side of a cell; default −1, as many as the cell is large. */
  samplingRatio?: number;
  /** Boxes are between pixels' corners rather than their middles; default false. */
  aligned?: boolean;
}

interface Region {
  image: number;
  box: [number, number, number, number];
}

function regionsOf(name: string, features: Tensor, regions: Regions): Region[] {
  if (features.dim() !== 4) {
    throw new VisionError(
      'ARGUMENT_INVALID',
      `${name} takes features [batch, c, h, w], and got [${features.shape.join(', ')}]`,
    );
  }
  const isList = Array.isArray(regions);
  const rows = isList
    ? cat((regions as Tensor[]).map((boxes, i) => cat([full([boxes.size(0), 1], i, { dtype: boxes.dtype }), boxes], 1)))
    : (regions as Tensor);
  if (rows.dim() !== 2 || rows.size(1) !== 5 || (isList && regions.length !== features.size(0))) {
    throw new VisionError(
      'ARGUMENT_INVALID',
      `${name} takes regions [k, 5] or a list with boxes [n, 4] for each of the ${features.size(0)} images, and got ${isList ? `${regions.length} lists` : `[${rows.shape.join(', ')}]`}`,
    );
  }
  return (rows.detach().tolist() as number[][]).map(([image, ...box]) => {
    if (image! < 0 || image! >= features.size(0)) {
      throw new VisionError(
        'ARGUMENT_INVALID',
        `${name}: image ${image} is none of the ${features.size(0)} of the batch`,
      );
    }
    return { image: image!, box: box as Region['box'] };
  });
}

const pairOf = (size: number | readonly [number, number]): [number, number] =>
  typeof size === 'number' ? [size, size] : [size[0], size[1]];

/**
 * Reads regions of features at a grid of points between the pixels, as Mask R-CNN does (He et al. 2017).
 *
 * @param features [batch, c, h, w]
 * @param outputSize [height, width], or one number for both.
 * @returns [k, c, height, width]; gradients flow to the features.
 */
export function roiAlign(
  features: Tensor,
  regions: Regions,
  outputSize: number | readonly [number, number],
  options: RoiAlignOptions = {},
): Tensor {
  const { spatialScale = 1, samplingRatio = -1, aligned = false } = options;
  const [height, width] = pairOf(outputSize);
  const shift = aligned ? 0.5 : 0;
  const pooled = regionsOf('roiAlign', features, regions).map(({ image, box }) => {
    const [x1, y1, x2, y2] = box.map((place) => place * spatialScale - shift) as Region['box'];
    // Reading between pixels and averaging works along each side by itself, so a region is two matrix products.
    const rows = readingWeights(y1, y2, height, features.size(2), samplingRatio, aligned, features);
    const columns = readingWeights(x1, x2, width, features.size(3), samplingRatio, aligned, features);
    return rows.matmul(features.select(0, image)).matmul(columns.t());
  });
  return pooled.length === 0 ? features.newZeros([0, features.size(1), height, width]) : stack(pooled);
}

/** How much of each of `length` pixels every cell takes: [cells, length]. */
function readingWeights(
  from: number,
  to: number,
  cells: number,
  length: number,
  samplingRatio: number,
  aligned: boolean,
  like: Tensor,
): Tensor {
  const extent = aligned ? to - from : Math.max(to - from, 1);
  const cell = extent / cells;
  const points = samplingRatio > 0 ? samplingRatio : Math.max(Math.ceil(cell), 0);
  if (points === 0) return zeros([cells, length], { dtype: like.dtype });
  const { dtype } = like;
  const starts = arange(cells).to(dtype).mul(cell).unsqueeze(1);
  const places = starts
    .add(
      arange(points)
        .to(dtype)
        .add(0.5)
        .mul(cell / points),
    )
    .add(from)
    .view([-1]);
  const isInside = places.ge(-1).logicalAnd(places.le(length)).to(dtype);
  const inside = places.clamp(0, length - 1);
  const low = inside.floor();
  const above = inside.sub(low);
  const lower = low.to('int64');
  const upper = lower.add(1).clamp(0, length - 1);
  const weights = zeros([cells * points, length], { dtype });
  weights.scatterAdd_(1, lower.unsqueeze(1), above.neg().add(1).mul(isInside).unsqueeze(1));
  weights.scatterAdd_(1, upper.unsqueeze(1), above.mul(isInside).unsqueeze(1));
  return weights.view([cells, points, length]).mean(1);
}

/**
 * The largest value in each cell of regions of features, cells being whole pixels (Girshick 2015).
 *
 * @returns [k, c, height, width]
 */
export function roiPool(
  features: Tensor,
  regions: Regions,
  outputSize: number | readonly [number, number],
  options: RoiOptions = {},
): Tensor {
  const { spatialScale = 1 } = options;
  const [height, width] = pairOf(outputSize);
  const channels = features.size(1);
  const pooled = regionsOf('roiPool', features, regions).map(({ image, box }) => {
    const [x1, y1, x2, y2] = box.map((place) => roundAway(place * spatialScale)) as Region['box'];
    const rows = cellsOf(y1, y2, height, features.size(2));
    const columns = cellsOf(x1, x2, width, features.size(3));
    const picture = features.select(0, image);
    const nothing = picture.newZeros([channels]);
    const lines = rows.map(([top, bottom]) => {
      const cells = columns.map(([left, right]) =>
        bottom > top && right > left
          ? picture
              .narrow(1, top, bottom - top)
              .narrow(2, left, right - left)
              .amax([1, 2])
          : nothing,
      );
      return stack(cells, 1);
    });
    return stack(lines, 1);
  });
  return pooled.length === 0 ? features.newZeros([0, channels, height, width]) : stack(pooled);
}

const roundAway = (value: number): number => Math.sign(value) * Math.round(Math.abs(value));

function cellsOf(from: number, to: number, cells: number, length: number): [number, number][] {
  const cell = Math.fround(Math.max(to - from + 1, 1) / cells);
  const clamp = (place: number) => Math.min(Math.max(place, 0), length);
  return Array.from({ length: cells }, (_, i) => [
    clamp(Math.floor(Math.fround(i * cell)) + from),
    clamp(Math.ceil(Math.fround((i + 1) * cell)) + from),
  ]);
}

/** {@link roiAlign} as a module. */
export class RoIAlign extends Module {
  constructor(
    readonly outputSize: number | readonly [number, number],
    readonly options: RoiAlignOptions = {},
  ) {
    super();
  }

  override forward(features: Tensor, regions: Regions): Tensor {
    return roiAlign(features, regions, this.outputSize, this.options);
  }
}

/** {@link roiPool} as a module. */
export class RoIPool extends Module {
  constructor(
    readonly outputSize: number | readonly [number, number],
    readonly options: RoiOptions = {},
  ) {
    super();
  }

  override forward(features: Tensor, regions: Regions): Tensor {
    return roiPool(features, regions, this.outputSize, this.options);
  }
}
