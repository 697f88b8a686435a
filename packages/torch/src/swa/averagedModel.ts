import { noGrad } from '../autograd.js';
import { tensor } from '../creation.js';
import type { DeviceLike } from '../device.js';
import { TorchError } from '../errors.js';
import { Module } from '../nn/module.js';
import type { Tensor } from '../tensor.js';
import { type AverageFunction, getSwaAvgFn, type MultiAverageFunction } from './averageFunctions.js';

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

const runningMean = getSwaAvgFn();

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
