import { TorchError } from '../errors.js';
import { native } from '../native.js';
import { Optimizer, type ParamGroup, type ParamsInput } from './optimizer.js';
import { requireBetas, requireRange } from './settingRanges.js';
import { stepColumn, zerosColumn } from './stateColumns.js';

export interface SparseAdamOptions {
  /** Above 0; default 1e-3. */
  lr?: number;
  /** Decay of the running means of the gradient and of its square; default [0.9, 0.999]. */
  betas?: [number, number];
  /** Added to the denominator, above 0; default 1e-8. */
  eps?: number;
  /** Climb instead of descend; default false. */
  maximize?: boolean;
}

type SparseAdamSettings = Required<Omit<SparseAdamOptions, 'lr'>>;

const momentsState = [stepColumn, zerosColumn('exp_avg'), zerosColumn('exp_avg_sq')];

/**
 * Adam for sparse gradients, those of an embedding with `sparse: true`: only the rows that a batch used are touched, and
 * the others' running means do not decay.
 *
 * State on disk: `step`, `exp_avg`, `exp_avg_sq`.
 */
export class SparseAdam extends Optimizer<SparseAdamSettings> {
  protected override readonly writesStepAsInt = true;

  constructor(params: ParamsInput<SparseAdamSettings & { lr: number }>, options: SparseAdamOptions = {}) {
    super(params, {
      lr: options.lr ?? 1e-3,
      betas: options.betas ?? [0.9, 0.999],
      eps: options.eps ?? 1e-8,
      maximize: options.maximize ?? false,
    });
  }

  protected checkGroup(group: ParamGroup<SparseAdamSettings>): void {
    requireRange('SparseAdam', 'lr', group.lr, (value) => value > 0, 'above 0');
    requireRange('SparseAdam', 'eps', group.eps, (value) => value > 0, 'above 0');
    requireBetas('SparseAdam', group.betas);
    const sparse = group.params.findIndex((param) => param.layout === 'sparse_coo');
    if (sparse >= 0)
      throw new TorchError(
        'OPTIMIZER_ARGUMENT',
        `SparseAdam: parameters must be dense (their gradients are sparse); entry ${sparse} of a group is sparse`,
      );
  }

  protected stepGroup(group: ParamGroup<SparseAdamSettings>, index: number): void {
    const { lr, betas, eps, maximize } = group;
    native.sparseAdamStep(
      this.planFor(group, index, momentsState),
      this.pack(lr, betas[0], betas[1], eps, maximize),
      false,
    );
  }
}
