import { tensor as makeTensor, ones, zeros } from '../../creation.js';
import { TorchError } from '../../errors.js';
import { Parameter } from '../../parameter.js';
import type { Tensor } from '../../tensor.js';
import { instanceNorm } from '../functional/normalization.js';
import { ones_, zeros_ } from '../init.js';
import { Module } from '../module.js';
import { boolText, floatText } from '../pythonText.js';

export interface InstanceNormLayerOptions {
  /** Added to the variance; default 1e-5. */
  eps?: number;
  /** Weight of the new batch in the running statistics; default 0.1. */
  momentum?: number;
  /** Learnable scale and shift; default false. */
  affine?: boolean;
  /** Keep running statistics for evaluation; default false. */
  trackRunningStats?: boolean;
}

/** What the instance normalisations share (Ulyanov et al. 2016). */
abstract class InstanceNormNd extends Module {
  readonly weight: Parameter | null; // [numFeatures]
  readonly bias: Parameter | null; // [numFeatures]
  declare runningMean: Tensor | null; // [numFeatures]
  declare runningVar: Tensor | null; // [numFeatures]
  declare numBatchesTracked: Tensor | null; // int64 scalar; never counted up, kept for the state dict
  readonly eps: number;
  readonly momentum: number;
  readonly affine: boolean;
  readonly trackRunningStats: boolean;

  constructor(
    readonly numFeatures: number,
    private readonly dimensions: number,
    options: InstanceNormLayerOptions,
  ) {
    super();
    const { eps = 1e-5, momentum = 0.1, affine = false, trackRunningStats = false } = options;
    this.eps = eps;
    this.momentum = momentum;
    this.affine = affine;
    this.trackRunningStats = trackRunningStats;
    this.weight = affine ? new Parameter(ones([numFeatures])) : null;
    this.bias = affine ? new Parameter(zeros([numFeatures])) : null;
    this.registerBuffer('runningMean', trackRunningStats ? zeros([numFeatures]) : null);
    this.registerBuffer('runningVar', trackRunningStats ? ones([numFeatures]) : null);
    this.registerBuffer('numBatchesTracked', trackRunningStats ? makeTensor(0) : null);
  }

  resetRunningStats(): void {
    this.runningMean?.zero_();
    this.runningVar?.fill_(1);
    this.numBatchesTracked?.zero_();
  }
  resetParameters(): void {
    this.resetRunningStats();
    if (this.weight !== null) ones_(this.weight);
    if (this.bias !== null) zeros_(this.bias);
  }

  override forward(input: Tensor): Tensor {
    const dim = input.dim();
    const batched = this.dimensions + 2;
    if (dim !== batched && dim !== batched - 1)
      throw new TorchError(
        'SHAPE_MISMATCH',
        `${this.constructor.name} expects ${batched} dimensions, or ${batched - 1} without a batch, got [${input.shape.join(', ')}]`,
      );
    const options = {
      runningMean: this.runningMean,
      runningVar: this.runningVar,
      weight: this.weight,
      bias: this.bias,
      useInputStats: this.training || !this.trackRunningStats,
      momentum: this.momentum,
      eps: this.eps,
    };
    return dim === batched ? instanceNorm(input, options) : instanceNorm(input.unsqueeze(0), options).squeeze(0);
  }

  override extraRepr(): string {
    return `${this.numFeatures}, eps=${floatText(this.eps)}, momentum=${floatText(this.momentum)}, affine=${boolText(this.affine)}, track_running_stats=${boolText(this.trackRunningStats)}`;
  }
}

/** Normalises each channel of each sample: [batch, channels, length] or [channels, length]. */
export class InstanceNorm1d extends InstanceNormNd {
  static override readonly keepsNoTensors = true;
  constructor(numFeatures: number, options: InstanceNormLayerOptions = {}) {
    super(numFeatures, 1, options);
  }
}
/** Normalises each channel of each sample: [batch, channels, height, width] or without the batch. */
export class InstanceNorm2d extends InstanceNormNd {
  static override readonly keepsNoTensors = true;
  constructor(numFeatures: number, options: InstanceNormLayerOptions = {}) {
    super(numFeatures, 2, options);
  }
}
/** Normalises each channel of each sample: [batch, channels, depth, height, width] or without the batch. */
export class InstanceNorm3d extends InstanceNormNd {
  static override readonly keepsNoTensors = true;
  constructor(numFeatures: number, options: InstanceNormLayerOptions = {}) {
    super(numFeatures, 3, options);
  }
}
