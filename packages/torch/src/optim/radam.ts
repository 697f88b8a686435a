import { native } from '../native.js';
import { Optimizer, type ParamGroup, type ParamsInput } from './optimizer.js';
import { requireBetas, requireNotNegative } from './settingRanges.js';
import { stepColumn, zerosColumn } from './stateColumns.js';

export interface RAdamOptions {
  /** Default 1e-3. */
  lr?: number;
  /** Decay of the running means of the gradient and of its square; default [0.9, 0.999]. */
  betas?: [number, number];
  /** Added to the denominator; default 1e-8. */
  eps?: number;
  /** Adds weightDecay · p to the gradient; default 0. */
  weightDecay?: number;
  /** Shrink p itself by lr · weightDecay instead of adding to the gradient (as in AdamW; torch 2 has it too); default false. */
  decoupledWeightDecay?: boolean;
  /** Climb instead of descend; default false. */
  maximize?: boolean;
  /** Use the fused native pass where it applies; false runs the engine's operators one by one, with equal results. */
  fused?: boolean;
}

type RAdamSettings = Required<Omit<RAdamOptions, 'lr' | 'fused'>>;

const momentsState = [stepColumn, zerosColumn('exp_avg'), zerosColumn('exp_avg_sq')];

/**
 * RAdam, Adam that warms up by itself: it leaves the division out until the running mean of squares can be trusted
 * (Liu et al. 2019).
 *
 * State on disk: `step`, `exp_avg`, `exp_avg_sq`.
 */
export class RAdam extends Optimizer<RAdamSettings> {
  constructor(params: ParamsInput<RAdamSettings & { lr: number }>, options: RAdamOptions = {}) {
    super(
      params,
      {
        lr: options.lr ?? 1e-3,
        betas: options.betas ?? [0.9, 0.999],
        eps: options.eps ?? 1e-8,
        weightDecay: options.weightDecay ?? 0,
        decoupledWeightDecay: options.decoupledWeightDecay ?? false,
        maximize: options.maximize ?? false,
      },
      options.fused ?? true,
    );
  }

  protected checkGroup(group: ParamGroup<RAdamSettings>): void {
    requireNotNegative('RAdam', group, 'lr', 'eps', 'weightDecay');
    requireBetas('RAdam', group.betas);
  }

  protected stepGroup(group: ParamGroup<RAdamSettings>, index: number): void {
    const { lr, betas, eps, weightDecay, decoupledWeightDecay, maximize } = group;
    const settings = this.pack(lr, betas[0], betas[1], eps, weightDecay, decoupledWeightDecay, maximize);
    native.radamStep(this.planFor(group, index, momentsState), settings, this.fused);
  }
}
