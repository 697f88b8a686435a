import { native } from '../native.js';
import { Optimizer, type ParamGroup, type ParamsInput } from './optimizer.js';
import { requireBetas, requireNotNegative } from './settingRanges.js';
import { scalarColumn, stepColumn, zerosColumn } from './stateColumns.js';

export interface NAdamOptions {
  /** Default 2e-3. */
  lr?: number;
  /** Decay of the running means of the gradient and of its square; default [0.9, 0.999]. */
  betas?: [number, number];
  /** Added to the denominator; default 1e-8. */
  eps?: number;
  /** Adds weightDecay · p to the gradient; default 0. */
  weightDecay?: number;
  /** How fast the momentum approaches betas[0]; default 4e-3. */
  momentumDecay?: number;
  /** Shrink p itself by lr · weightDecay instead of adding to the gradient (as in AdamW; torch 2 has it too); default false. */
  decoupledWeightDecay?: boolean;
  /** Climb instead of descend; default false. */
  maximize?: boolean;
  /** Use the fused native pass where it applies; false runs the engine's operators one by one, with equal results. */
  fused?: boolean;
}

type NAdamSettings = Required<Omit<NAdamOptions, 'lr' | 'fused'>>;

const momentsState = [stepColumn, scalarColumn('mu_product', 1), zerosColumn('exp_avg'), zerosColumn('exp_avg_sq')];

/**
 * NAdam, Adam with Nesterov momentum (Dozat 2016). On libtorch 1.13 it has the numbers of torch 1.13, which counts one
 * factor of the momentum twice; from libtorch 2 on those of torch 2, which does not.
 *
 * State on disk: `step`, `mu_product`, `exp_avg`, `exp_avg_sq`.
 */
export class NAdam extends Optimizer<NAdamSettings> {
  constructor(params: ParamsInput<NAdamSettings & { lr: number }>, options: NAdamOptions = {}) {
    super(
      params,
      {
        lr: options.lr ?? 2e-3,
        betas: options.betas ?? [0.9, 0.999],
        eps: options.eps ?? 1e-8,
        weightDecay: options.weightDecay ?? 0,
        momentumDecay: options.momentumDecay ?? 4e-3,
        decoupledWeightDecay: options.decoupledWeightDecay ?? false,
        maximize: options.maximize ?? false,
      },
      options.fused ?? true,
    );
  }

  protected checkGroup(group: ParamGroup<NAdamSettings>): void {
    requireNotNegative('NAdam', group, 'lr', 'eps', 'weightDecay', 'momentumDecay');
    requireBetas('NAdam', group.betas);
  }

  protected stepGroup(group: ParamGroup<NAdamSettings>, index: number): void {
    const { lr, betas, eps, weightDecay, momentumDecay, decoupledWeightDecay, maximize } = group;
    const settings = this.pack(lr, betas[0], betas[1], eps, weightDecay, decoupledWeightDecay, maximize, momentumDecay);
    native.nadamStep(this.planFor(group, index, momentsState), settings, this.fused);
  }
}
