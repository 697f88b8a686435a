import { zeros } from '../creation.js';
import { TorchError } from '../errors.js';
import { native } from '../native.js';
import type { Tensor } from '../tensor.js';
import { Optimizer, type ParamGroup, type ParamsInput, type StateColumn } from './optimizer.js';
import { requireNotNegative, requireRange } from './settingRanges.js';
import { filledLike, stepColumn } from './stateColumns.js';

export interface AdafactorOptions {
  /** The largest relative step, and the rate of the decay; default 1e-2. */
  lr?: number;
  /** Power of the step by which the running means' memory grows, 0 or less; default -0.8. */
  beta2Decay?: number;
  /** The least root mean square to divide by (null: the dtype's precision), and the least scale of a parameter; default [null, 1e-3]. */
  eps?: [number | null, number];
  /** Updates with a root mean square above this are scaled down, 1 or more; default 1. */
  d?: number;
  /** Shrinks p itself by lr · weightDecay; default 0. */
  weightDecay?: number;
  /** Climb instead of descend; default false. */
  maximize?: boolean;
}

type AdafactorSettings = Required<Omit<AdafactorOptions, 'lr'>>;

/** Zeros of a matrix's shape with one dimension reduced to one; nothing for vectors and scalars. */
const reducedColumn = (key: string, dim: -1 | -2) => ({
  key,
  start: (param: Tensor): Tensor | null => {
    if (param.dim() < 2) return null;
    const shape = [...param.shape];
    shape[shape.length + dim] = 1;
    return zeros(shape, { dtype: param.dtype, device: param.device });
  },
});
const varianceState: StateColumn<AdafactorSettings>[] = [
  stepColumn,
  reducedColumn('row_var', -1),
  reducedColumn('col_var', -2),
  { key: 'variance', start: (param) => (param.dim() < 2 ? filledLike(param, 0) : null) },
];

/**
 * Adafactor (Shazeer and Stern 2018) in the form of torch 2.9; torch 1.13 has none. Steps are relative to the size of the
 * parameter, and the squared gradients of a matrix are remembered as one row and one column, which saves their memory.
 *
 * State on disk, as torch 2.9 writes it: `step`, and `row_var` and `col_var` or, for vectors, `variance`.
 */
export class Adafactor extends Optimizer<AdafactorSettings> {
  constructor(params: ParamsInput<AdafactorSettings & { lr: number }>, options: AdafactorOptions = {}) {
    super(params, {
      lr: options.lr ?? 1e-2,
      beta2Decay: options.beta2Decay ?? -0.8,
      eps: options.eps ?? [null, 1e-3],
      d: options.d ?? 1,
      weightDecay: options.weightDecay ?? 0,
      maximize: options.maximize ?? false,
    });
  }

  protected checkGroup(group: ParamGroup<AdafactorSettings>): void {
    requireNotNegative('Adafactor', group, 'lr', 'weightDecay');
    requireRange('Adafactor', 'beta2Decay', group.beta2Decay, (value) => value <= 0, '0 or less');
    if (group.eps?.[0] !== null)
      requireRange('Adafactor', 'eps[0]', group.eps?.[0], (value) => value >= 0, 'null, or 0 or more');
    requireRange('Adafactor', 'eps[1]', group.eps?.[1], (value) => value >= 0, '0 or more');
    requireRange('Adafactor', 'd', group.d, (value) => value >= 1, '1 or more');
    const complex = group.params.findIndex((param) => param.isComplex());
    if (complex >= 0)
      throw new TorchError(
        'OPTIMIZER_ARGUMENT',
        `Adafactor: parameters must be real; entry ${complex} of a group is ${group.params[complex]!.dtype}`,
      );
  }

  protected stepGroup(group: ParamGroup<AdafactorSettings>, index: number): void {
    const { lr, beta2Decay, eps, d, weightDecay, maximize } = group;
    const settings = this.pack(lr, beta2Decay, eps[0] ?? Number.NaN, eps[1], d, weightDecay, maximize);
    native.adafactorStep(this.planFor(group, index, varianceState), settings, false);
  }
}
