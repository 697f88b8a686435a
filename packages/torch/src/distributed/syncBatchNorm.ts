import { noGrad } from '../autograd.js';
import { Function, type FunctionContext } from '../autogradFunction.js';
import { full, ones, zeros } from '../creation.js';
import { batchNorm, cat, varMean } from '../functions.js';
import { BatchNorm1d, BatchNorm2d, BatchNorm3d, BatchNormNd, type BatchNormOptions } from '../nn/layers/norm.js';
import type { Module } from '../nn/module.js';
import { ops } from '../ops.js';
import type { Tensor } from '../tensor.js';
import { defaultGroup, isInitialized } from './job.js';
import type { ProcessGroup } from './processGroup.js';
import { replaceModules } from './replaceModules.js';

export interface SyncBatchNormOptions extends BatchNormOptions {
  /** Default: all processes, looked up at each forward; a process alone normalises its own batch. */
  processGroup?: ProcessGroup;
}

/**
 * Batch normalisation over the batches of all processes together: each rank's output is what `BatchNorm` gives for its
 * part of the joined batch, and so are the gradients. Parts may differ in size.
 *
 * Takes [batch, channels] or [batch, channels, ...]. Needs one small exchange in forward and one in backward; in
 * evaluation it is a plain batch normalisation. State keys are those of `BatchNorm`.
 */
export class SyncBatchNorm extends BatchNormNd {
  static override readonly keepsNoTensors = true;
  protected readonly dimensions = [2, 3, 4, 5];
  private readonly processGroup: ProcessGroup | null;
  /** What it was made from, to go back to. */
  private plainClass: PlainClass | null = null;

  constructor(numFeatures: number, options: SyncBatchNormOptions = {}) {
    super(numFeatures, options);
    this.processGroup = options.processGroup ?? null;
  }

  protected override normalize(
    input: Tensor,
    usesBatch: boolean,
    factor: number,
    runningMean: Tensor | null,
    runningVar: Tensor | null,
  ): Tensor {
    const group = this.processGroup ?? (isInitialized() ? defaultGroup() : null);
    if (!usesBatch || group === null || group.size === 1)
      return super.normalize(input, usesBatch, factor, runningMean, runningVar);
    const { dtype } = input;
    // The statistics of short floating point types need more digits than they have.
    if (dtype === 'float16' || dtype === 'bfloat16')
      return this.normalize(input.to('float32'), usesBatch, factor, runningMean, runningVar).to(dtype);
    const { mean, variance, count } = noGrad(() => jointStatistics(input, group));
    if (runningMean !== null && runningVar !== null)
      noGrad(() => {
        runningMean.mul_(1 - factor).add_(mean, { alpha: factor });
        runningVar.mul_(1 - factor).add_(variance, { alpha: (factor * count) / Math.max(count - 1, 1) });
      });
    return JointNormalization.apply(input, this.weight, this.bias, mean, variance, count, this.eps, group);
  }

  /**
   * Puts a `SyncBatchNorm` with the same parameters and buffers in place of each batch normalisation in `module`, and
   * returns the module, or the layer that takes its place.
   */
  static convertSyncBatchnorm<M extends Module>(module: M, processGroup?: ProcessGroup): M {
    return replaceModules(module, (each) => {
      const plain = plainClasses.find((one) => each.constructor === one);
      if (plain === undefined) return each;
      const made = taking(
        each as BatchNormNd,
        (features, options) =>
          new SyncBatchNorm(features, processGroup === undefined ? options : { ...options, processGroup }),
      );
      made.plainClass = plain;
      return made;
    }) as M;
  }

  /** Undoes `convertSyncBatchnorm`: each layer becomes what it was, with its present parameters and buffers. */
  static revertSyncBatchnorm<M extends Module>(module: M): M {
    return replaceModules(module, (each) => {
      if (!(each instanceof SyncBatchNorm) || each.plainClass === null) return each;
      const Plain = each.plainClass;
      return taking(each, (features, options) => new Plain(features, options));
    }) as M;
  }
}

const plainClasses = [BatchNorm1d, BatchNorm2d, BatchNorm3d] as const;
type PlainClass = (typeof plainClasses)[number];

/** A layer of another class with the same tensors. */
function taking<B extends BatchNormNd>(
  layer: BatchNormNd,
  make: (numFeatures: number, options: BatchNormOptions) => B,
): B {
  const { numFeatures, eps, momentum, affine, trackRunningStats } = layer;
  const made = make(numFeatures, { eps, momentum, affine, trackRunningStats });
  const { weight, bias, runningMean, runningVar, numBatchesTracked, training } = layer;
  return Object.assign(made, { weight, bias, runningMean, runningVar, numBatchesTracked, training });
}

interface JointStatistics {
  /** [channels] */
  mean: Tensor;
  /** [channels], biased */
  variance: Tensor;
  /** Values of each channel, over all ranks. */
  count: number;
}

const allButChannels = (input: Tensor): number[] => input.shape.map((_, i) => i).filter((i) => i !== 1);

/** Means and variances of all ranks' values, from those of each rank (Chan, Golub and LeVeque 1979). */
function jointStatistics(input: Tensor, group: ProcessGroup): JointStatistics {
  const channels = input.size(1);
  const own = input.numel() / channels;
  const options = { dtype: input.dtype, device: input.device };
  const [variance, mean] =
    own === 0
      ? [zeros([channels], options), zeros([channels], options)]
      : varMean(input, allButChannels(input), { correction: 0 });
  const packed = cat([mean, variance, full([1], own, options)]);
  const all = zeros([group.size, 2 * channels + 1], options);
  group.allGatherIntoTensor(all, packed);
  const counts = all.narrow(1, 2 * channels, 1);
  const count = counts.sum().item() as number;
  const weights = counts.div(count);
  const means = all.narrow(1, 0, channels);
  const jointMean = means.mul(weights).sum(0);
  const jointVariance = means
    .sub(jointMean)
    .square_()
    .add_(all.narrow(1, channels, channels))
    .mul_(weights)
    .sum(0);
  return { mean: jointMean, variance: jointVariance, count };
}

/** The normalisation itself, whose backward sums over all ranks. */
class JointNormalization extends Function {
  static forward(
    context: FunctionContext,
    input: Tensor,
    weight: Tensor | null,
    bias: Tensor | null,
    mean: Tensor,
    variance: Tensor,
    count: number,
    eps: number,
    group: ProcessGroup,
  ): Tensor {
    context.saveForBackward(input, weight, mean, variance);
    context.extra.given = { count, eps, group };
    return batchNorm(input, weight, bias, mean, variance, false, 0, eps, true);
  }

  static backward(context: FunctionContext, gradient: Tensor): (Tensor | null)[] {
    const [input, weight, mean, variance] = context.savedTensors as [Tensor, Tensor | null, Tensor, Tensor];
    const { count, eps, group } = context.extra.given as { count: number; eps: number; group: ProcessGroup };
    const [wantsInput, wantsWeight = false, wantsBias = false] = context.needsInputGrad;
    const channels = input.size(1);
    const scale = weight ?? ones([channels], { dtype: input.dtype, device: input.device });
    // With mean and variance taken as constants; the rest below is their part.
    const [direct, ownWeight, ownBias] = ops.aten.nativeBatchNormBackward(
      gradient,
      input,
      scale,
      mean,
      variance,
      null,
      null,
      false,
      eps,
      [true, true, true],
    ) as [Tensor, Tensor, Tensor];
    const rest = new Array<null>(5).fill(null);
    if (!wantsInput) return [null, wantsWeight ? ownWeight : null, wantsBias ? ownBias : null, ...rest];

    const sums = cat([ownBias, ownWeight]);
    group.allReduce(sums);
    sums.div_(count);
    const meanGradient = sums.narrow(0, 0, channels);
    const meanProjection = sums.narrow(0, channels, channels);
    const inverse = variance.add(eps).rsqrt_();
    const perChannel = (values: Tensor) => values.view([1, channels, ...new Array<number>(input.dim() - 2).fill(1)]);
    const slope = inverse.square().mul_(scale).mul_(meanProjection).neg_();
    const offset = inverse.mul(scale).mul_(meanGradient).neg_().sub_(slope.mul(mean));
    direct.addcmul_(input, perChannel(slope)).add_(perChannel(offset));
    return [direct, wantsWeight ? ownWeight : null, wantsBias ? ownBias : null, ...rest];
  }
}
