import { native } from '../native.js';
import { Optimizer, type ParamGroup, type ParamsInput } from './optimizer.js';
import { requireBetas, requireNotNegative } from './settingRanges.js';
import { stepColumn, zerosColumn } from './stateColumns.js';

export interface AdamOptions {
  /** Default 1e-3. */
  lr?: number;
  /** Decay of the running means of the gradient and of its square; default [0.9, 0.999]. */
  betas?: [number, number];
  /** Added to the denominator; default 1e-8. */
  eps?: number;
  /** Adam adds weightDecay · p to the gradient (default 0); AdamW shrinks p itself (default 0.01). */
  weightDecay?: number;
  /** Divide by the largest mean square so far (Reddi et al. 2018); default false. */
  amsgrad?: boolean;
  /** Climb instead of descend; default false. */
  maximize?: boolean;
  /** Use the fused native pass where it applies; false runs the engine's operators one by one, with equal results. */
  fused?: boolean;
}

type AdamSettings = Required<Omit<AdamOptions, 'lr' | 'fused'>>;

const plainState = [stepColumn, zerosColumn('exp_avg'), zerosColumn('exp_avg_sq')];
const amsgradState = [...plainState, zerosColumn('max_exp_avg_sq')];

/** What Adam and AdamW share. State on disk: `step`, `exp_avg`, `exp_avg_sq` and `max_exp_avg_sq` with amsgrad. */
abstract class AdamBase extends Optimizer<AdamSettings> {
  protected abstract readonly decoupled: boolean;

  constructor(params: ParamsInput<AdamSettings & { lr: number }>, options: AdamOptions, weightDecay: number) {
    super(
      params,
      {
        lr: options.lr ?? 1e-3,
        betas: options.betas ?? [0.9, 0.999],
        eps: options.eps ?? 1e-8,
        weightDecay: options.weightDecay ?? weightDecay,
        amsgrad: options.amsgrad ?? false,
        maximize: options.maximize ?? false,
      },
      options.fused ?? true,
    );
  }

  protected checkGroup(group: ParamGroup<AdamSettings>): void {
    requireNotNegative(this.constructor.name, group, 'lr', 'eps', 'weightDecay');
    requireBetas(this.constructor.name, group.betas);
  }

  protected stepGroup(group: ParamGroup<AdamSettings>, index: number): void {
    const { lr, betas, eps, weightDecay, amsgrad, maximize } = group;
    const settings = this.pack(lr, betas[0], betas[1], eps, weightDecay, amsgrad, maximize, this.decoupled);
    native.adamStep(this.planFor(group, index, amsgrad ? amsgradState : plainState), settings, this.fused);
  }
}

/** Adam (Kingma and Ba 2014). */
export class Adam extends AdamBase {
  protected readonly decoupled = false;
  constructor(params: ParamsInput<AdamSettings & { lr: number }>, options: AdamOptions = {}) {
    super(params, options, 0);
  }
}

/** Adam with decoupled weight decay (Loshchilov and Hutter 2017). */
export class AdamW extends AdamBase {
  protected readonly decoupled = true;
  constructor(params: ParamsInput<AdamSettings & { lr: number }>, options: AdamOptions = {}) {
    super(params, options, 0.01);
  }
}
