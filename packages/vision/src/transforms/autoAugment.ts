import { full, rand, randint, type Tensor } from '@lightning-ts/torch';
import { Dirichlet } from '@lightning-ts/torch/distributions';
import { VisionError } from '../errors.js';
import {
  type AugmentationOptions,
  type AugmentationSpace,
  augment,
  augmentationSpace,
  type OperationName,
} from './augmentations.js';
import { type AutoAugmentPolicy, autoAugmentPolicies } from './autoAugmentPolicies.js';
import { drawInteger } from './draws.js';
import { ImageTransform } from './transform.js';

const geometric = ['ShearX', 'ShearY', 'TranslateX', 'TranslateY', 'Rotate'] as const;
const colors = ['Brightness', 'Color', 'Contrast', 'Sharpness'] as const;
const tones = ['Posterize', 'Solarize', 'AutoContrast', 'Equalize'] as const;
const narrow = { shear: 0.3, rotate: 30, color: 0.9, bits: 8, fewerBits: 4 };

function checkBins(name: string, bins: number): void {
  if (Number.isInteger(bins) && bins >= 2) return;
  throw new VisionError('OPTION_INVALID', `${name}: numMagnitudeBins takes a whole number from 2 up, and got ${bins}`);
}

/** The size of the published policies' images that translations are a part of. */
const part = (length: number): number => (150 / 331) * length;

/**
 * Changes uint8 images [..., 1 or 3, h, w] by one of the 25 pairs of steps that AutoAugment found for a dataset
 * (Cubuk et al. 2018).
 */
export class AutoAugment extends ImageTransform {
  private readonly steps: readonly (readonly { name: OperationName; p: number; level: number | null }[])[];

  constructor(
    readonly policy: AutoAugmentPolicy = 'imagenet',
    readonly options: AugmentationOptions = {},
  ) {
    super();
    const published = autoAugmentPolicies[policy];
    if (published === undefined) {
      throw new VisionError(
        'OPTION_INVALID',
        `AutoAugment has the policies ${Object.keys(autoAugmentPolicies).join(', ')}, and got '${policy}'`,
      );
    }
    this.steps = published.map((pair) =>
      pair.split(', ').map((step) => {
        const [name, p, level] = step.split(' ');
        return { name: name as OperationName, p: Number(p), level: level === undefined ? null : Number(level) };
      }),
    );
  }

  override forward(image: Tensor): Tensor {
    const which = drawInteger(0, this.steps.length);
    const chances = rand([2]).tolist() as number[];
    const signs = randint(2, [2]).tolist() as number[];
    const space = augmentationSpace({
      ...narrow,
      names: [...geometric, ...colors, ...tones, 'Invert'],
      bins: 10,
      translateX: part(image.size(-1)),
      translateY: part(image.size(-2)),
    });
    return this.steps[which]!.reduce((result, { name, p, level }, i) => {
      // Compared in float32, as the drawn numbers are.
      if (chances[i]! > Math.fround(p)) return result;
      const strengths = space.get(name) ?? null;
      const size = strengths === null || level === null ? 0 : strengths.values[level]!;
      return augment(result, name, strengths?.isSigned && signs[i] === 0 ? -size : size, this.options);
    }, image);
  }
}

/** One operation of a space, of a drawn or given strength. */
function augmentAtRandom(
  image: Tensor,
  space: AugmentationSpace,
  level: (count: number) => number,
  options: AugmentationOptions,
): Tensor {
  const [name, strengths] = [...space][drawInteger(0, space.size)]!;
  if (strengths === null) return augment(image, name, 0, options);
  const size = strengths.values[level(strengths.values.length)]!;
  const isNegative = strengths.isSigned && drawInteger(0, 2) === 1;
  return augment(image, name, isNegative ? -size : size, options);
}

export interface RandAugmentOptions extends AugmentationOptions {
  /** Operations one after the other; default 2. */
  numOps?: number;
  /** How strong, from 0 to below `numMagnitudeBins`; default 9. */
  magnitude?: number;
  /** Default 31. */
  numMagnitudeBins?: number;
}

/** Changes uint8 images by random operations of one strength (Cubuk et al. 2019). */
export class RandAugment extends ImageTransform {
  readonly numOps: number;
  readonly magnitude: number;
  readonly numMagnitudeBins: number;

  constructor(readonly options: RandAugmentOptions = {}) {
    super();
    const { numOps = 2, magnitude = 9, numMagnitudeBins = 31 } = options;
    checkBins('RandAugment', numMagnitudeBins);
    if (!Number.isInteger(magnitude) || magnitude < 0 || magnitude >= numMagnitudeBins) {
      throw new VisionError(
        'OPTION_INVALID',
        `RandAugment: magnitude is from 0 to ${numMagnitudeBins - 1}, got ${magnitude}`,
      );
    }
    if (!Number.isInteger(numOps) || numOps < 0) {
      throw new VisionError('OPTION_INVALID', `RandAugment: numOps takes a whole number from 0 up, and got ${numOps}`);
    }
    this.numOps = numOps;
    this.magnitude = magnitude;
    this.numMagnitudeBins = numMagnitudeBins;
  }

  override forward(image: Tensor): Tensor {
    const space = augmentationSpace({
      ...narrow,
      names: ['Identity', ...geometric, ...colors, ...tones],
      bins: this.numMagnitudeBins,
      translateX: part(image.size(-1)),
      translateY: part(image.size(-2)),
    });
    let result = image;
    for (let i = 0; i < this.numOps; i++) result = augmentAtRandom(result, space, () => this.magnitude, this.options);
    return result;
  }
}

export interface TrivialAugmentOptions extends AugmentationOptions {
  /** Default 31. */
  numMagnitudeBins?: number;
}

/** Changes uint8 images by one random operation of random strength (Müller and Hutter 2021). */
export class TrivialAugmentWide extends ImageTransform {
  private readonly space: AugmentationSpace;

  constructor(readonly options: TrivialAugmentOptions = {}) {
    super();
    const { numMagnitudeBins: bins = 31 } = options;
    checkBins('TrivialAugmentWide', bins);
    const limits = { shear: 0.99, translateX: 32, translateY: 32, rotate: 135, color: 0.99, bits: 8, fewerBits: 6 };
    this.space = augmentationSpace({ ...limits, names: ['Identity', ...geometric, ...colors, ...tones], bins });
  }

  override forward(image: Tensor): Tensor {
    return augmentAtRandom(image, this.space, (count) => drawInteger(0, count), this.options);
  }
}

export interface AugMixOptions extends AugmentationOptions {
  /** How strong, from 1 to 10; default 3. */
  severity?: number;
  /** Chains that are mixed; default 3. */
  mixtureWidth?: number;
  /** Operations in a chain; −1, the default, draws from 1 to 3. */
  chainDepth?: number;
  /** Of the distributions the weights are drawn from; default 1. */
  alpha?: number;
  /** Change brightness, contrast, colour and sharpness too; default true. */
  allOps?: boolean;
}

/** Mixes an image with several chains of changes of it (Hendrycks et al. 2020). `interpolation` is bilinear by default. */
export class AugMix extends ImageTransform {
  constructor(readonly options: AugMixOptions = {}) {
    super();
    const { severity = 3, mixtureWidth = 3, alpha = 1 } = options;
    if (!Number.isInteger(severity) || severity < 1 || severity > 10) {
      throw new VisionError('OPTION_INVALID', `AugMix: severity is from 1 to 10, and got ${severity}`);
    }
    if (!Number.isInteger(mixtureWidth) || mixtureWidth < 1 || !(alpha > 0)) {
      throw new VisionError(
        'OPTION_INVALID',
        `AugMix: mixtureWidth is from 1 up and alpha above 0, and got ${mixtureWidth} and ${alpha}`,
      );
    }
  }

  override forward(image: Tensor): Tensor {
    const { severity = 3, mixtureWidth = 3, chainDepth = -1, alpha = 1, allOps = true, fill = null } = this.options;
    const warp = { interpolation: this.options.interpolation ?? 'bilinear', fill } as const;
    const space = augmentationSpace({
      ...narrow,
      names: [...geometric, ...tones, ...(allOps ? colors : [])],
      bins: 10,
      translateX: image.size(-1) / 3,
      translateY: image.size(-2) / 3,
      bits: 4,
    });
    // One image is a batch of one; the weights are drawn for each image, the changes for all.
    const batch = image.dim() < 4 ? image.view([...Array(4 - image.dim()).fill(1), ...image.shape]) : image;
    const count = batch.size(0);
    const each = [count, ...Array(batch.dim() - 1).fill(1)];
    const kept = drawDirichlet(count, 2, alpha);
    const weights = drawDirichlet(count, mixtureWidth, alpha).mul(kept.narrow(1, 1, 1));
    const mixed = batch.mul(kept.select(1, 0).view(each));
    for (let i = 0; i < mixtureWidth; i++) {
      let chain = batch;
      const depth = chainDepth > 0 ? chainDepth : drawInteger(1, 4);
      for (let j = 0; j < depth; j++) chain = augmentAtRandom(chain, space, () => drawInteger(0, severity), warp);
      mixed.add_(chain.mul(weights.select(1, i).view(each)));
    }
    return mixed.view(image.shape).to(image.dtype);
  }
}

/** Shares [count, parts] that sum to 1 in each row. */
const drawDirichlet = (count: number, parts: number, alpha: number): Tensor =>
  new Dirichlet(full([count, parts], alpha, { dtype: 'float32' })).sample();
