import { tensor as makeTensor, ones, zeros } from '../../creation.js';
import { TorchError } from '../../errors.js';
import { batchNorm } from '../../functions.js';
import { Parameter } from '../../parameter.js';
import type { Tensor } from '../../tensor.js';
import { ones_, zeros_ } from '../init.js';
import { Module } from '../module.js';

export interface BatchNormOptions {
  /** Added to the variance; default 1e-5. */
  eps?: number;
  /** Weight of the new batch in the running statistics; null averages over all batches. Default 0.1. */
  momentum?: number | null;
  /** Learnable scale and shift; default true. */
  affine?: boolean;
  /** Keep running statistics for evaluation; default true. */
  trackRunningStats?: boolean;
}

/** What the batch normalisations share (Ioffe and Szegedy 2015). */
export abstract class BatchNormNd extends Module {
  readonly weight: Parameter | null; // [numFeatures]
  readonly bias: Parameter | null; // [numFeatures]
  declare runningMean: Tensor | null; // [numFeatures]
  declare runningVar: Tensor | null; // [numFeatures], unbiased
  declare numBatchesTracked: Tensor | null; // int64 scalar
  readonly eps: number;
  momentum: number | null;
  readonly affine: boolean;
  readonly trackRunningStats: boolean;

  constructor(
    readonly numFeatures: number,
    options: BatchNormOptions,
  ) {
    super();
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options;
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

  protected abstract readonly dimensions: readonly number[];

  override forward(input: Tensor): Tensor {
    const dim = input.dim();
    if (!this.dimensions.includes(dim))
      throw new TorchError(
        'SHAPE_MISMATCH',
        `${this.constructor.name} expects ${this.dimensions.join(' or ')} dimensions, got [${input.shape.join(', ')}]`,
      );
    let factor = this.momentum ?? 0;
    if (this.training && this.numBatchesTracked !== null) {
      this.numBatchesTracked.add_(1);
      if (this.momentum === null) factor = 1 / this.numBatchesTracked.item();
    }
    const usesBatch = this.training || this.runningMean === null;
    const updates = !this.training || this.trackRunningStats;
    return this.normalize(
      input,
      usesBatch,
      factor,
      updates ? this.runningMean : null,
      updates ? this.runningVar : null,
    );
  }

  /** @param factor weight of this batch in the running statistics, which are null when there are none to update */
  protected normalize(
    input: Tensor,
    usesBatch: boolean,
    factor: number,
    runningMean: Tensor | null,
    runningVar: Tensor | null,
  ): Tensor {
    if (usesBatch && input.numel() === input.size(1))
      throw new TorchError(
        'SHAPE_MISMATCH',
        `${this.constructor.name} needs more than one value per channel when training, got input [${input.shape.join(', ')}]. Use a larger batch (dropLast: true), or eval().`,
      );
    return batchNorm(input, this.weight, this.bias, runningMean, runningVar, usesBatch, factor, this.eps, true);
  }

  override extraRepr(): string {
    const flag = (value: boolean) => (value ? 'True' : 'False');
    return `${this.numFeatures}, eps=${this.eps < 1e-4 ? this.eps.toExponential().replace(/e-(\d)$/, 'e-0$1') : this.eps}, momentum=${this.momentum ?? 'None'}, affine=${flag(this.affine)}, track_running_stats=${flag(this.trackRunningStats)}`;
  }
}

/** Normalises each feature over the batch: [batch, features] or [batch, features, length]. */
export class BatchNorm1d extends BatchNormNd {
  static override readonly keepsNoTensors = true;
  protected readonly dimensions = [2, 3];
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super(numFeatures, options);
  }
}
/** Normalises each channel over batch and space: [batch, channels, height, width]. */
export class BatchNorm2d extends BatchNormNd {
  static override readonly keepsNoTensors = true;
  protected readonly dimensions = [4];
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super(numFeatures, options);
  }
}
/** Normalises each channel over batch and space: [batch, channels, depth, height, width]. */
export class BatchNorm3d extends BatchNormNd {
  static override readonly keepsNoTensors = true;
  protected readonly dimensions = [5];
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super(numFeatures, options);
  }
}
