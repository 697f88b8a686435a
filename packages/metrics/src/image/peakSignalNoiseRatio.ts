import { fullLike, type Tensor, tensor } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { type Recipe, RecipeMetric, type RecipeState, valueOf } from '../recipe.js';
import { countOf, floatPair, type SampleReduction, sumState, totalState } from '../regression/inputs.js';
import { checkReduction, reduceSamples } from './reduceSamples.js';

/** How far values may lie apart: a width, or [lowest, highest], which inputs are cut to. */
export type DataRange = number | readonly [lowest: number, highest: number];

export interface PeakSignalNoiseRatioOptions {
  /** Default null: from the lowest to the highest target seen, which needs `dim` to be null. */
  readonly dataRange?: DataRange | null;
  /** Of the logarithm; default 10. */
  readonly base?: number;
  /** How the values along the other dimensions become one where `dim` is given; default `mean`. */
  readonly reduction?: SampleReduction;
  /** The dimensions that make one value together, such as [1, 2, 3] for a value an image; default null, all. */
  readonly dim?: readonly number[] | null;
}

const owner = 'PeakSignalNoiseRatio';

/** Inputs within a range, where one is given. */
export const clipped = (values: Tensor, range: DataRange | null): Tensor =>
  Array.isArray(range) ? values.clamp(range[0], range[1]) : values;

/** @throws MetricError OPTION_INVALID for a range without width */
export function widthOf(name: string, range: DataRange): number {
  const width = typeof range === 'number' ? range : range[1] - range[0];
  if (!(width > 0))
    throw new MetricError(
      'OPTION_INVALID',
      `${name}: dataRange ${String(range)} has no width. Give a number above 0, or [low, high].`,
    );
  return width;
}

function decibels(meanSquare: Tensor, range: Tensor, base: number): Tensor {
  return range
    .log()
    .mul(2)
    .sub(meanSquare.log())
    .mul(10 / Math.log(base));
}

function recipe(options: PeakSignalNoiseRatioOptions = {}): Recipe<Tensor> {
  const { dataRange = null, base = 10, reduction = 'mean', dim = null } = options;
  checkReduction(owner, reduction);
  const width = dataRange === null ? null : widthOf(owner, dataRange);
  const key = `squares:${JSON.stringify([dataRange, dim])}`;
  const pair = (preds: Tensor, target: Tensor): [Tensor, Tensor] => {
    const [x, y] = floatPair(owner, preds, target);
    return [clipped(x, dataRange), clipped(y, dataRange)];
  };
  if (dim !== null) {
    if (width === null)
      throw new MetricError(
        'OPTION_INVALID',
        `${owner}: dim needs dataRange, because each part has a range of its own.`,
      );
    return {
      key,
      higherIsBetter: true,
      states: [{ name: 'meanSquares', zero: null }],
      count(preds, target) {
        const [x, y] = pair(preds, target);
        const difference = x.sub(y);
        return [
          difference
            .mul(difference)
            .mean([...dim])
            .flatten(),
        ];
      },
      value: ([means]) => reduceSamples(decibels(means!, tensor(width, { dtype: means!.dtype }), base), reduction),
    };
  }
  const extremes: RecipeState[] = [
    { name: 'minTarget', zero: () => tensor(Number.POSITIVE_INFINITY), reduction: 'min' },
    { name: 'maxTarget', zero: () => tensor(Number.NEGATIVE_INFINITY), reduction: 'max' },
  ];
  return {
    key,
    higherIsBetter: true,
    states: [sumState('squares', 1), totalState, ...(width === null ? extremes : [])],
    count(preds, target) {
      const [x, y] = pair(preds, target);
      const difference = x.sub(y);
      const sums = [difference.mul(difference).sum(), countOf(y.numel())];
      if (width !== null) return sums;
      const { min, max } = y.aminmax();
      return [...sums, min, max];
    },
    value([squares, total, lowest, highest]) {
      const range = width === null ? highest!.sub(lowest!) : fullLike(squares!, width);
      return decibels(squares!.div(total!), range, base);
    },
  };
}

/** Decibels between the largest possible value and the error: more is better, inf for equal images. Inputs of any one shape. */
export class PeakSignalNoiseRatio extends RecipeMetric<Tensor> {
  constructor(options?: PeakSignalNoiseRatioOptions) {
    super(recipe(options));
  }
}

export const peakSignalNoiseRatio = (preds: Tensor, target: Tensor, options?: PeakSignalNoiseRatioOptions): Tensor =>
  valueOf(recipe(options), preds, target);
