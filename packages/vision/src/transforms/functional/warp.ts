import { cat, empty, linalgSolve, linspace, ones, stack, type Tensor, tensor } from '@lightning-ts/torch';
import { gridSample } from '@lightning-ts/torch/nn/functional';
import { VisionError } from '../../errors.js';
import { asFloat, castLike, checkImage, shapeText } from './image.js';

/** How pixels are taken from between the pixels of a turned image. */
export const warpInterpolations = ['nearest', 'bilinear'] as const;
export type WarpInterpolation = (typeof warpInterpolations)[number];

/** What lies outside the image: one value, or one for each channel. */
export type Fill = number | readonly number[];

export interface WarpOptions {
  /** Default `nearest`, and `bilinear` for perspective. */
  interpolation?: WarpInterpolation;
  /** Default null: 0, without the mask by which `bilinear` mixes a fill into the edge. */
  fill?: Fill | null;
}

export interface AffineOptions extends WarpOptions {
  /** Degrees, clockwise. */
  angle?: number;
  /** Pixels [to the right, down]. */
  translate?: readonly [number, number];
  /** Default 1. */
  scale?: number;
  /** Degrees [x, y]. */
  shear?: readonly [number, number];
  /** The point [x, y] that stays, from the top left corner; default the middle. */
  center?: readonly [number, number];
}

export interface RotateOptions extends WarpOptions {
  /** Make the image large enough to hold all of the turned one; default false. */
  expand?: boolean;
  /** The point [x, y] that stays; default the middle. */
  center?: readonly [number, number];
}

/** Moves, turns, scales and shears an image [..., h, w] about a point. */
export function affine(image: Tensor, options: AffineOptions): Tensor {
  const { angle = 0, translate = [0, 0], scale = 1, shear = [0, 0], center } = options;
  if (!(scale > 0)) throw new VisionError('OPTION_INVALID', `affine: scale is above 0, and got ${scale}`);
  const matrix = inverseMatrix(centerOf(image, center), angle, translate, scale, shear);
  const grid = affineGrid(image, matrix, image.size(-2), image.size(-1));
  return warp(image, grid, options.interpolation ?? 'nearest', options.fill ?? null);
}

/** Turns an image [..., h, w] by an angle in degrees, counter-clockwise. */
export function rotate(image: Tensor, angle: number, options: RotateOptions = {}): Tensor {
  const matrix = inverseMatrix(centerOf(image, options.center), -angle, [0, 0], 1, [0, 0]);
  const [h, w] = [image.size(-2), image.size(-1)];
  const [height, width] = options.expand ? expandedSize(matrix, h, w) : [h, w];
  return warp(
    image,
    affineGrid(image, matrix, height, width),
    options.interpolation ?? 'nearest',
    options.fill ?? null,
  );
}

type Points = readonly (readonly [x: number, y: number])[];

/**
 * Maps the four `start` points of an image [..., h, w] to the four `end` points: top left, top right, bottom right,
 * bottom left.
 */
export function perspective(image: Tensor, start: Points, end: Points, options: WarpOptions = {}): Tensor {
  const [a, b, c, d, e, f, g, h] = perspectiveCoefficients(start, end) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [height, width] = [image.size(-2), image.size(-1)];
  const dtype = asFloatType(image);
  const places = pixelPlaces(0.5, width - 0.5, 0.5, height - 0.5, height, width, dtype);
  const halves = tensor([0.5 * width, 0.5 * height], { dtype });
  const above = tensor(
    [
      [
        [a, b, c],
        [d, e, f],
      ],
    ],
    { dtype },
  )
    .transpose(1, 2)
    .div(halves);
  const below = tensor(
    [
      [
        [g, h, 1],
        [g, h, 1],
      ],
    ],
    { dtype },
  ).transpose(1, 2);
  const grid = places.bmm(above).div(places.bmm(below)).sub(1).view([1, height, width, 2]);
  return warp(image, grid, options.interpolation ?? 'bilinear', options.fill ?? null);
}

/**
 * Moves each pixel of an image [..., h, w] by a displacement of its own.
 *
 * @param displacement float [1, h, w, 2]: where a pixel comes from, as parts of half the width and half the height.
 */
export function elasticTransform(image: Tensor, displacement: Tensor, options: WarpOptions = {}): Tensor {
  checkImage('elasticTransform', image);
  const [height, width] = [image.size(-2), image.size(-1)];
  const { shape } = displacement;
  if (!displacement.isFloatingPoint() || shape.join() !== `1,${height},${width},2`) {
    throw new VisionError(
      'ARGUMENT_INVALID',
      `elasticTransform takes a float displacement [1, ${height}, ${width}, 2] for the image ${shapeText(image)}, and got ${shapeText(displacement)}`,
    );
  }
  const centres = (size: number): Tensor => linspace((1 - size) / size, (size - 1) / size, size);
  const across = centres(width).expand([height, width]);
  const down = centres(height).unsqueeze(1).expand([height, width]);
  const grid = stack([across, down], -1).unsqueeze(0).add(displacement).to(asFloatType(image));
  return warp(image, grid, options.interpolation ?? 'bilinear', options.fill ?? null);
}

const asFloatType = (image: Tensor) => (image.isFloatingPoint() ? image.dtype : 'float32');

/** Relative to the middle of the image. */
function centerOf(image: Tensor, center?: readonly [number, number]): [number, number] {
  checkImage('affine', image);
  return center === undefined ? [0, 0] : [center[0] - image.size(-1) * 0.5, center[1] - image.size(-2) * 0.5];
}

/**
 * The map from new places to old ones, [2, 3] by rows: the inverse of turning by `angle`, shearing and scaling about
 * `center`, then moving by `translate`.
 */
function inverseMatrix(
  [cx, cy]: readonly [number, number],
  angle: number,
  [tx, ty]: readonly [number, number],
  scale: number,
  shear: readonly [number, number],
): number[] {
  const [turn, sx, sy] = [angle, ...shear].map((degrees) => (degrees * Math.PI) / 180) as [number, number, number];
  const a = Math.cos(turn - sy) / Math.cos(sy);
  const b = (-Math.cos(turn - sy) * Math.tan(sx)) / Math.cos(sy) - Math.sin(turn);
  const c = Math.sin(turn - sy) / Math.cos(sy);
  const d = (-Math.sin(turn - sy) * Math.tan(sx)) / Math.cos(sy) + Math.cos(turn);
  // The linear part has determinant 1, so its inverse is a rearrangement.
  const [ia, ib, ic, id] = [d / scale, -b / scale, -c / scale, a / scale] as const;
  return [ia, ib, ia * (-cx - tx) + ib * (-cy - ty) + cx, ic, id, ic * (-cx - tx) + id * (-cy - ty) + cy];
}

/** [1, h · w, 3] of (x, y, 1) */
function pixelPlaces(
  left: number,
  right: number,
  top: number,
  bottom: number,
  height: number,
  width: number,
  dtype: Tensor['dtype'],
): Tensor {
  const places = empty([1, height, width, 3], { dtype });
  places.select(-1, 0).copy_(linspace(left, right, width));
  places.select(-1, 1).copy_(linspace(top, bottom, height).unsqueeze(-1));
  places.select(-1, 2).fill_(1);
  return places.view([1, height * width, 3]);
}

function affineGrid(image: Tensor, matrix: number[], height: number, width: number): Tensor {
  const dtype = asFloatType(image);
  const theta = tensor(matrix, { dtype }).view([1, 2, 3]);
  const places = pixelPlaces(
    -width * 0.5 + 0.5,
    width * 0.5 - 0.5,
    -height * 0.5 + 0.5,
    height * 0.5 - 0.5,
    height,
    width,
    dtype,
  );
  const halves = tensor([0.5 * image.size(-1), 0.5 * image.size(-2)], { dtype });
  return places.bmm(theta.transpose(1, 2).div(halves)).view([1, height, width, 2]);
}

/** The smallest [height, width] that holds the turned corners. */
function expandedSize(matrix: number[], h: number, w: number): [number, number] {
  const corners = tensor(
    [
      [-0.5 * w, -0.5 * h, 1],
      [-0.5 * w, 0.5 * h, 1],
      [0.5 * w, 0.5 * h, 1],
      [0.5 * w, -0.5 * h, 1],
    ],
    { dtype: 'float32' },
  );
  const turned = corners.matmul(tensor(matrix, { dtype: 'float32' }).view([2, 3]).t());
  const middle = tensor([w * 0.5, h * 0.5], { dtype: 'float32' });
  // Cut to 1e-4, so that a rounding error does not add a row.
  const cut = (places: Tensor) => places.add(middle).div(1e-4).trunc().mul(1e-4);
  const size = cut(turned.amax(0))
    .ceil()
    .sub(cut(turned.amin(0)).floor())
    .tolist() as number[];
  return [size[1]!, size[0]!];
}

/** Eight numbers of (ax + by + c, dx + ey + f) / (gx + hy + 1), by least squares. */
function perspectiveCoefficients(start: Points, end: Points): number[] {
  if (start.length !== 4 || end.length !== 4) {
    throw new VisionError(
      'ARGUMENT_INVALID',
      `perspective takes four points each, got ${start.length} and ${end.length}`,
    );
  }
  const rows = end.flatMap(([x, y], i) => {
    const [u, v] = start[i]!;
    return [
      [x, y, 1, 0, 0, 0, -u * x, -u * y],
      [0, 0, 0, x, y, 1, -v * x, -v * y],
    ];
  });
  const wanted = tensor(start.flat(), { dtype: 'float64' });
  return linalgSolve(tensor(rows, { dtype: 'float64' }), wanted).tolist() as number[];
}

/** Takes the pixels at `grid` [1, height, width, 2] for every image of the batch. */
function warp(image: Tensor, grid: Tensor, interpolation: WarpInterpolation, fill: Fill | null): Tensor {
  if (!warpInterpolations.includes(interpolation)) {
    throw new VisionError(
      'OPTION_INVALID',
      `interpolation takes ${warpInterpolations.join(' or ')} here, and got '${interpolation}'`,
    );
  }
  const { shape } = image;
  const [h, w] = shape.slice(-2) as [number, number];
  const channels = shape.length < 3 ? 1 : shape.at(-3)!;
  const values = typeof fill === 'number' ? [fill] : [...(fill ?? [0])];
  if (values.length !== 1 && values.length !== channels) {
    throw new VisionError(
      'OPTION_INVALID',
      `fill has ${values.length} values, and the image ${shapeText(image)} has ${channels} channels`,
    );
  }
  const outSize = grid.shape.slice(1, 3) as [number, number];
  const source = asFloat(image).reshape([1, -1, h, w]);
  const outShape = [...shape.slice(0, -2), ...outSize];
  if (fill === null || (interpolation === 'nearest' && values.every((value) => value === 0))) {
    return castLike(gridSample(source, grid, { mode: interpolation }), image).view(outShape);
  }
  // How much of each new pixel is image; the rest is filled.
  const withMask = cat([source, ones([1, 1, h, w], { dtype: source.dtype })], 1);
  const taken = gridSample(withMask, grid, { mode: interpolation });
  const mask = taken.narrow(1, -1, 1);
  const pixels = taken.narrow(1, 0, source.size(1)).reshape([-1, channels, ...outSize]);
  const filling = tensor(values, { dtype: source.dtype }).view([1, -1, 1, 1]);
  const filled =
    interpolation === 'nearest'
      ? pixels.where(mask.ge(0.5), filling.expandAs(pixels))
      : pixels.mul(mask).add(mask.neg().add(1).mul(filling));
  return castLike(filled, image).view(outShape);
}
