import {
  arange,
  avgPool2d,
  avgPool3d,
  cat,
  conv2d,
  conv3d,
  full,
  maximum,
  pad,
  stack,
  type Tensor,
  tensor,
} from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { checkChoice, floatPair, type SampleReduction } from '../regression/inputs.js';
import { clipped, type DataRange, widthOf } from './peakSignalNoiseRatio.js';
import { checkReduction, sampleStates } from './reduceSamples.js';

interface WindowOptions {
  /** A Gaussian window (default), whose width follows from `sigma`, or an even one of `kernelSize`. */
  readonly gaussianKernel?: boolean;
  /** The standard deviation of the window in pixels, or one for each dimension; default 1.5. */
  readonly sigma?: number | readonly number[];
  /** The width of the even window, odd, or one for each dimension; default 11. */
  readonly kernelSize?: number | readonly number[];
  /** Default `mean`. */
  readonly reduction?: SampleReduction;
  /** Default null: the larger of the two inputs' ranges, batch by batch. */
  readonly dataRange?: DataRange | null;
  /** Keeps the luminance term steady where it is dark; default 0.01. */
  readonly k1?: number;
  /** Keeps the contrast term steady where it is even; default 0.03. */
  readonly k2?: number;
}

export interface StructuralSimilarityOptions extends WindowOptions {
  /** Whether the value is [similarity, image], with the similarity at every pixel. Default false. */
  readonly returnFullImage?: boolean;
}

export interface MultiScaleSSIMOptions extends WindowOptions {
  /** What each scale counts, each at half the size of the one before; default those of Wang and others (2003). */
  readonly betas?: readonly number[];
  /** What becomes of values below 0: `relu` (default) takes 0, `simple` moves -1 ... 1 to 0 ... 1, null leaves NaN. */
  readonly normalize?: 'relu' | 'simple' | null;
}

interface Similarity {
  /** [batch] */
  readonly similarity: Tensor;
  /** [batch] */
  readonly contrast: Tensor;
  /** [batch, channels, ...] */
  readonly image: Tensor;
}

/** Compares two batches of images. */
type Compare = (preds: Tensor, target: Tensor) => Similarity;

function perDimension(owner: string, name: string, value: number | readonly number[], dims: number): number[] {
  const list = typeof value === 'number' ? Array.from({ length: dims }, () => value) : [...value];
  if (list.length === dims) return list;
  throw new MetricError(
    'SHAPE_MISMATCH',
    `${owner}: ${name} has ${list.length} numbers for images of ${dims} dimensions.`,
  );
}

/** Weights of a window along one dimension, with the sum 1. */
function gaussian(size: number, sigma: number, like: Tensor): Tensor {
  const distance = arange((1 - size) / 2, (1 + size) / 2, 1, { dtype: like.dtype, device: like.device });
  const weights = distance.div(sigma).pow(2).div(-2).exp();
  return weights.div(weights.sum());
}

/** A window's weighted means, one dimension after the other. @param images [batch, channels, ...] */
function blur(images: Tensor, windows: readonly Tensor[]): Tensor {
  const channels = images.size(1);
  const dims = windows.length;
  return windows.reduce((blurred, window, dim) => {
    const shape = windows.map((_, i) => (i === dim ? window.size(0) : 1));
    const kernel = window.view([1, 1, ...shape]).expand([channels, 1, ...shape]);
    return dims === 3 ? conv3d(blurred, kernel, { groups: channels }) : conv2d(blurred, kernel, { groups: channels });
  }, images);
}

function comparison(owner: string, options: WindowOptions): Compare {
  const { gaussianKernel = true, sigma = 1.5, kernelSize = 11, dataRange = null, k1 = 0.01, k2 = 0.03 } = options;
  if ([sigma].flat().some((one) => !(one > 0)))
    throw new MetricError('OPTION_INVALID', `${owner}: sigma is ${String(sigma)}. Give numbers above 0.`);
  if ([kernelSize].flat().some((one) => !(Number.isInteger(one) && one > 0 && one % 2 === 1)))
    throw new MetricError('OPTION_INVALID', `${owner}: kernelSize is ${String(kernelSize)}. Give odd whole numbers.`);
  const width = dataRange === null ? null : widthOf(owner, dataRange);
  return (givenPreds, givenTarget) => {
    const [wholePreds, wholeTarget] = floatPair(owner, givenPreds, givenTarget);
    const dims = wholePreds.dim() - 2;
    if (dims !== 2 && dims !== 3) {
      throw new MetricError(
        'SHAPE_MISMATCH',
        `${owner} takes [batch, channels, height, width] or [batch, channels, depth, height, width], but preds has [${wholePreds.shape}].`,
      );
    }
    const [preds, target] = [clipped(wholePreds, dataRange), clipped(wholeTarget, dataRange)];
    const range = width === null ? maximum(spanOf(preds), spanOf(target)) : tensor(width, { dtype: preds.dtype });
    const c1 = range.mul(k1).pow(2);
    const c2 = range.mul(k2).pow(2);
    const sigmas = perDimension(owner, 'sigma', sigma, dims);
    const sizes = sigmas.map((one) => Math.floor(3.5 * one + 0.5) * 2 + 1);
    const margins = sizes.map((size) => (size - 1) / 2);
    checkSize(owner, preds, margins);
    const windows = gaussianKernel
      ? sizes.map((size, dim) => gaussian(size, sigmas[dim]!, preds))
      : perDimension(owner, 'kernelSize', kernelSize, dims).map((size) =>
          full([size], 1 / size, { dtype: preds.dtype }),
        );
    // The engine counts from the last dimension.
    const around = [...margins].reverse().flatMap((margin) => [margin, margin]);
    const [x, y] = [preds, target].map((images) => pad(images, around, 'reflect')) as [Tensor, Tensor];
    const means = blur(cat([x, y, x.mul(x), y.mul(y), x.mul(y)]), windows).chunk(5) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const [meanX, meanY, meanXX, meanYY, meanXY] = means;
    const squareX = meanX.pow(2);
    const squareY = meanY.pow(2);
    const product = meanX.mul(meanY);
    const variances = meanXX.sub(squareX).clampMin(0).add(meanYY.sub(squareY).clampMin(0));
    const contrast = meanXY.sub(product).mul(2).add(c2).div(variances.add(c2));
    const luminance = product.mul(2).add(c1).div(squareX.add(squareY).add(c1));
    const image = luminance.mul(contrast);
    const perImage = (values: Tensor): Tensor => inner(values, margins).flatten(1).mean(-1);
    return { similarity: perImage(image), contrast: perImage(contrast), image };
  };
}

const spanOf = (images: Tensor): Tensor => {
  const { min, max } = images.aminmax();
  return max.sub(min);
};

/** Without the margins, whose values lean on mirrored pixels. */
const inner = (images: Tensor, margins: readonly number[]): Tensor =>
  margins.reduce((cut, margin, dim) => cut.narrow(dim + 2, margin, cut.size(dim + 2) - 2 * margin), images);

function checkSize(owner: string, images: Tensor, margins: readonly number[]): void {
  const small = margins.findIndex((margin, dim) => images.size(dim + 2) <= 2 * margin);
  if (small === -1) return;
  throw new MetricError(
    'SHAPE_MISMATCH',
    `${owner}: images of [${images.shape}] are too small for a window of ${2 * margins[small]! + 1} pixels. Give larger images or a smaller sigma.`,
  );
}

const windowKey = (options: WindowOptions): string => {
  const { gaussianKernel = true, sigma = 1.5, kernelSize = 11, dataRange = null, k1 = 0.01, k2 = 0.03 } = options;
  return JSON.stringify([gaussianKernel, sigma, kernelSize, dataRange, k1, k2]);
};

type FullValue = Tensor | [similarity: Tensor, image: Tensor];

function single<Options extends StructuralSimilarityOptions>(options: Options): Recipe<FullValue> {
  const owner = 'StructuralSimilarityIndexMeasure';
  const { reduction = 'mean', returnFullImage = false } = options;
  checkReduction(owner, reduction);
  const compare = comparison(owner, options);
  const kept = sampleStates(reduction);
  return {
    key: `ssim:${windowKey(options)}:${reduction === 'none'}:${returnFullImage}`,
    higherIsBetter: true,
    states: returnFullImage ? [...kept.states, { name: 'images', zero: null }] : kept.states,
    count(preds, target) {
      const { similarity, image } = compare(preds, target);
      return returnFullImage ? [...kept.count(similarity), image] : kept.count(similarity);
    },
    value: (states) => (returnFullImage ? [kept.value(states), states.at(-1)!] : kept.value(states)),
  };
}

const usualBetas = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

function multiScale(options: MultiScaleSSIMOptions = {}): Recipe<Tensor> {
  const owner = 'MultiScaleStructuralSimilarityIndexMeasure';
  const { reduction = 'mean', betas = usualBetas, normalize = 'relu', kernelSize = 11 } = options;
  checkReduction(owner, reduction);
  checkChoice(owner, 'normalize', normalize, ['relu', 'simple', null]);
  if (betas.length === 0 || betas.some((beta) => typeof beta !== 'number'))
    throw new MetricError('OPTION_INVALID', `${owner}: betas are [${betas}]. Give one number for each scale.`);
  const compare = comparison(owner, options);
  const kept = sampleStates(reduction);
  const toWeights = (values: Tensor): Tensor =>
    normalize === 'relu' ? values.relu() : normalize === 'simple' ? values.add(1).div(2) : values;
  const count = (preds: Tensor, target: Tensor): readonly Tensor[] => {
    let [x, y] = [preds, target];
    checkScales(owner, x, betas.length, Math.max(...[kernelSize].flat()));
    const factors = betas.map((beta, scale) => {
      const { similarity, contrast } = compare(x, y);
      [x, y] = [halved(x), halved(y)];
      // Luminance counts at the coarsest scale alone.
      return toWeights(scale === betas.length - 1 ? similarity : contrast).pow(beta);
    });
    return kept.count(stack(factors).prod(0));
  };
  return {
    key: `msSsim:${windowKey(options)}:${betas}:${normalize}:${reduction === 'none'}`,
    higherIsBetter: true,
    states: kept.states,
    count,
    value: (states) => kept.value(states),
  };
}

const halved = (images: Tensor): Tensor => (images.dim() === 5 ? avgPool3d(images, 2) : avgPool2d(images, 2));

function checkScales(owner: string, images: Tensor, scales: number, window: number): void {
  const least = Math.max(2 ** scales, (window - 1) * Math.max(1, (scales - 1) ** 2) + 1);
  const [height, width] = images.shape.slice(-2);
  if (Math.min(height ?? 0, width ?? 0) >= least) return;
  throw new MetricError(
    'SHAPE_MISMATCH',
    `${owner}: ${scales} scales need images of ${least} pixels or more a side, but preds has [${images.shape}]. Give fewer betas or larger images.`,
  );
}

/**
 * How alike images look, from -1 to 1 (Wang and others 2004): brightness, contrast and structure in a moving window. Inputs
 * `[batch, channels, height, width]`, or with a depth before the height.
 */
export class StructuralSimilarityIndexMeasure<
  Options extends StructuralSimilarityOptions = StructuralSimilarityOptions,
> extends RecipeMetric<SimilarityValue<Options>> {
  constructor(options: Options = {} as Options) {
    super(single(options) as Recipe<SimilarityValue<Options>>);
  }
}

/** A tensor; with `returnFullImage: true`, it and the similarity at every pixel. */
export type SimilarityValue<Options extends StructuralSimilarityOptions> = Options extends { returnFullImage: true }
  ? [similarity: Tensor, image: Tensor]
  : Tensor;

/** Structural similarity over several scales (Wang and others 2003). Inputs as for the one of a single scale, large enough for all. */
export class MultiScaleStructuralSimilarityIndexMeasure extends RecipeMetric<Tensor> {
  constructor(options?: MultiScaleSSIMOptions) {
    super(multiScale(options));
  }
}

export const structuralSimilarityIndexMeasure = <Options extends StructuralSimilarityOptions>(
  preds: Tensor,
  target: Tensor,
  options: Options = {} as Options,
): SimilarityValue<Options> => valueOf(single(options) as Recipe<SimilarityValue<Options>>, preds, target);
export const multiScaleStructuralSimilarityIndexMeasure = (
  preds: Tensor,
  target: Tensor,
  options?: MultiScaleSSIMOptions,
): Tensor => valueOf(multiScale(options), preds, target);
