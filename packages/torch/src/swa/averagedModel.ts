import { noGrad } from '../autograd.js';
import { tensor } from '../creation.js';
import type { DeviceLike } from '../device.js';
import { TorchError } from '../errors.js';
import { Module } from '../nn/module.js';
import type { Tensor } from '../tensor.js';

/** The new average of one tensor, from the present average, the model's value, and how many models the average has. */
export type AverageFunction = (averaged: Tensor, current: Tensor, numAveraged: number) => Tensor;
/** The same for all tensors at once; changes `averaged` in place. */
export type MultiAverageFunction = (averaged: Tensor[], current: Tensor[], numAveraged: number) => void;

export interface AveragedModelOptions {
  /** Where the averages live; default: where the model is. */
  device?: DeviceLike;
  /** How one tensor is averaged; default: the plain mean of all models so far. */
  avgFn?: AverageFunction;
  /** How all tensors are averaged; instead of `avgFn`. See `getEmaMultiAvgFn`. */
  multiAvgFn?: MultiAverageFunction;
  /** Average the buffers, too (running statistics); default false: they are copied from the model. */
  useBuffers?: boolean;
}

const runningMean: AverageFunction = (averaged, current, numAveraged) =>
  averaged.add(current.sub(averaged).div(numAveraged + 1));

/**
 * A copy of a model whose parameters are averages over a training (Izmailov et al. 2018), used like the model itself.
 *
 * The first `updateParameters` copies, each later one averages. Batch normalisation wants fresh statistics for averaged
 * weights: see `updateBn`, or `useBuffers`. State keys as Python's: `n_averaged`, `module.*`.
 *
 * Buffers that are not averaged are copied at each update, as in torch 2; torch 1.13 leaves them as they were.
 *
 * @example
 * const averaged = new AveragedModel(model, { multiAvgFn: getEmaMultiAvgFn(0.999) });
 * // after each optimizer step
 * averaged.updateParameters(model);
 */
export class AveragedModel<M extends Module = Module> extends Module {
  /** How many models the average has: int64 scalar. */
  declare nAveraged: Tensor;
  readonly module: M;
  private readonly avgFn: AverageFunction | undefined;
  private readonly multiAvgFn: MultiAverageFunction | undefined;
  private readonly useBuffers: boolean;

  constructor(model: M, options: AveragedModelOptions = {}) {
    super();
    const { device, avgFn, multiAvgFn, useBuffers = false } = options;
    if (avgFn !== undefined && multiAvgFn !== undefined)
      throw new TorchError('OPTIMIZER_ARGUMENT', 'AveragedModel takes avgFn or multiAvgFn, got both');
    this.registerBuffer('nAveraged', tensor(0, { dtype: 'int64', ...(device === undefined ? {} : { device }) }));
    this.module = noGrad(() => model.clone());
    if (device !== undefined) this.module.to({ device });
    this.avgFn = avgFn;
    this.multiAvgFn = multiAvgFn;
    this.useBuffers = useBuffers;
  }

  override forward(...inputs: Parameters<M['forward']>): ReturnType<M['forward']> {
    return this.module.forward(...inputs) as ReturnType<M['forward']>;
  }

  /** Takes the model's present parameters into the average. */
  updateParameters(model: M): void {
    const tensorsOf = (source: Module): Tensor[] => [
      ...source.parameters(),
      ...(this.useBuffers ? source.buffers() : []),
    ];
    const averaged = tensorsOf(this.module).map((entry) => entry.detach());
    const given = tensorsOf(model);
    if (given.length !== averaged.length)
      throw new TorchError(
        'OPTIMIZER_ARGUMENT',
        `AveragedModel was made of a model with ${averaged.length} tensors to average, this one has ${given.length}`,
      );
    noGrad(() => {
      const current = given.map((entry, i) => entry.detach().to({ device: averaged[i]!.device }));
      const count = Number(this.nAveraged.item());
      if (count > 0 && this.multiAvgFn !== undefined) this.multiAvgFn(averaged, current, count);
      else
        averaged.forEach((mean, i) => {
          mean.copy_(count === 0 ? current[i]! : (this.avgFn ?? runningMean)(mean, current[i]!, count));
        });
      if (!this.useBuffers) {
        const buffers = model.buffers();
        this.module.buffers().forEach((buffer, i) => {
          buffer.copy_(buffers[i]!);
        });
      }
      this.nAveraged.add_(1);
    });
  }
}

/**
 * An exponential moving average for `AveragedModel`: of each average `decay` is kept, the rest comes from the model.
 *
 * @param decay from 0 to 1; default 0.999
 */
export function getEmaMultiAvgFn(decay = 0.999): MultiAverageFunction {
  if (!(decay >= 0 && decay <= 1))
    throw new TorchError('OPTIMIZER_ARGUMENT', `getEmaMultiAvgFn: decay must be from 0 to 1, got ${decay}`);
  return (averaged, current) => {
    averaged.forEach((mean, i) => {
      const value = current[i]!;
      // Counts among the buffers have no lerp.
      if (mean.isFloatingPoint() || mean.isComplex()) mean.lerp_(value, 1 - decay);
      else mean.copy_(mean.mul(decay).add(value.mul(1 - decay)));
    });
  };
}
