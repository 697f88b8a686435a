import { empty } from '../../creation.js';
import { TorchError } from '../../errors.js';
import * as torch from '../../functions.js';
import { Parameter } from '../../parameter.js';
import type { Tensor } from '../../tensor.js';
import { type LocalResponseNormOptions, localResponseNorm, rmsNorm } from '../functional/normalization.js';
import { ones_, zeros_ } from '../init.js';
import { Module } from '../module.js';
import { boolText, floatText, sizeText } from '../pythonText.js';

export interface LayerNormOptions {
  /** Added to the variance; default 1e-5. */
  eps?: number;
  /** Learnable scale and shift for each element; default true. */
  elementwiseAffine?: boolean;
}

/** Normalises over the last dimensions: [..., ...normalizedShape] keeps its shape (Ba et al. 2016). */
export class LayerNorm extends Module {
  static override readonly keepsNoTensors = true;
  readonly normalizedShape: number[];
  readonly weight: Parameter | null; // [...normalizedShape]
  readonly bias: Parameter | null; // [...normalizedShape]
  readonly eps: number;
  readonly elementwiseAffine: boolean;

  constructor(normalizedShape: number | number[], options: LayerNormOptions = {}) {
    super();
    this.normalizedShape = typeof normalizedShape === 'number' ? [normalizedShape] : [...normalizedShape];
    this.eps = options.eps ?? 1e-5;
    this.elementwiseAffine = options.elementwiseAffine ?? true;
    this.weight = this.elementwiseAffine ? new Parameter(empty(this.normalizedShape)) : null;
    this.bias = this.elementwiseAffine ? new Parameter(empty(this.normalizedShape)) : null;
    this.resetParameters();
  }

  resetParameters(): void {
    if (this.weight !== null) ones_(this.weight);
    if (this.bias !== null) zeros_(this.bias);
  }

  override forward(input: Tensor): Tensor {
    return torch.layerNorm(input, this.normalizedShape, this.weight, this.bias, this.eps, true);
  }

  override extraRepr(): string {
    return `${sizeText(this.normalizedShape)}, eps=${floatText(this.eps)}, elementwise_affine=${boolText(this.elementwiseAffine)}`;
  }
}

export interface RMSNormOptions {
  /** Added to the mean square; default null, the dtype's machine epsilon. */
  eps?: number | null;
  /** Learnable scale for each element; default true. */
  elementwiseAffine?: boolean;
}

/** Divides by the root mean square over the last dimensions: [..., ...normalizedShape] (Zhang and Sennrich 2019). */
export class RMSNorm extends Module {
  static override readonly keepsNoTensors = true;
  readonly normalizedShape: number[];
  readonly weight: Parameter | null; // [...normalizedShape]
  readonly eps: number | null;
  readonly elementwiseAffine: boolean;

  constructor(normalizedShape: number | number[], options: RMSNormOptions = {}) {
    super();
    this.normalizedShape = typeof normalizedShape === 'number' ? [normalizedShape] : [...normalizedShape];
    this.eps = options.eps ?? null;
    this.elementwiseAffine = options.elementwiseAffine ?? true;
    this.weight = this.elementwiseAffine ? new Parameter(empty(this.normalizedShape)) : null;
    this.resetParameters();
  }

  resetParameters(): void {
    if (this.weight !== null) ones_(this.weight);
  }

  override forward(input: Tensor): Tensor {
    return rmsNorm(input, this.normalizedShape, { weight: this.weight, eps: this.eps });
  }

  override extraRepr(): string {
    const eps = this.eps === null ? 'None' : floatText(this.eps);
    return `${sizeText(this.normalizedShape)}, eps=${eps}, elementwise_affine=${boolText(this.elementwiseAffine)}`;
  }
}

export interface GroupNormOptions {
  /** Added to the variance; default 1e-5. */
  eps?: number;
  /** Learnable scale and shift for each channel; default true. */
  affine?: boolean;
}

/** Normalises groups of channels of each sample: [batch, numChannels, …] (Wu and He 2018). */
export class GroupNorm extends Module {
  static override readonly keepsNoTensors = true;
  readonly weight: Parameter | null; // [numChannels]
  readonly bias: Parameter | null; // [numChannels]
  readonly eps: number;
  readonly affine: boolean;

  constructor(
    readonly numGroups: number,
    readonly numChannels: number,
    options: GroupNormOptions = {},
  ) {
    super();
    if (numChannels % numGroups !== 0)
      throw new TorchError(
        'ARGUMENT_RANGE',
        `numChannels (${numChannels}) must be divisible by numGroups (${numGroups})`,
      );
    this.eps = options.eps ?? 1e-5;
    this.affine = options.affine ?? true;
    this.weight = this.affine ? new Parameter(empty([numChannels])) : null;
    this.bias = this.affine ? new Parameter(empty([numChannels])) : null;
    this.resetParameters();
  }

  resetParameters(): void {
    if (this.weight !== null) ones_(this.weight);
    if (this.bias !== null) zeros_(this.bias);
  }

  override forward(input: Tensor): Tensor {
    return torch.groupNorm(input, this.numGroups, this.weight, this.bias, this.eps, true);
  }

  override extraRepr(): string {
    return `${this.numGroups}, ${this.numChannels}, eps=${floatText(this.eps)}, affine=${boolText(this.affine)}`;
  }
}

/** Divides by a power of the mean square of `size` neighbouring channels: [batch, channels, …] (Krizhevsky et al. 2012). */
export class LocalResponseNorm extends Module {
  static override readonly keepsNoTensors = true;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;
  constructor(
    readonly neighbours: number,
    { alpha = 1e-4, beta = 0.75, k = 1 }: LocalResponseNormOptions = {},
  ) {
    super();
    this.alpha = alpha;
    this.beta = beta;
    this.k = k;
  }
  override forward(input: Tensor): Tensor {
    return localResponseNorm(input, this.neighbours, { alpha: this.alpha, beta: this.beta, k: this.k });
  }
  override extraRepr(): string {
    return `${this.neighbours}, alpha=${floatText(this.alpha)}, beta=${floatText(this.beta)}, k=${floatText(this.k)}`;
  }
}
