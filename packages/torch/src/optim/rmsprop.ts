import { native } from '../native.js';
import { Optimizer, type ParamGroup, type ParamsInput } from './optimizer.js';
import { requireNotNegative } from './settingRanges.js';
import { stepColumn, zerosColumn } from './stateColumns.js';

export interface RMSpropOptions {
  /** Default 1e-2. */
  lr?: number;
  /** Decay of the running mean of squared gradients; default 0.99. */
  alpha?: number;
  /** Added to the denominator; default 1e-8. */
  eps?: number;
  /** Adds weightDecay · p to the gradient; default 0. */
  weightDecay?: number;
  /** Share of the last update that is kept; default 0. */
  momentum?: number;
  /** Divide by an estimate of the gradient's standard deviation instead of its root mean square; default false. */
  centered?: boolean;
  /** Climb instead of descend; default false. */
  maximize?: boolean;
  /** Use the fused native pass where it applies; false runs the engine's operators one by one, with equal results. */
  fused?: boolean;
}

type RMSpropSettings = Required<Omit<RMSpropOptions, 'lr' | 'fused'>>;

const plainState = [stepColumn, zerosColumn('square_avg')];
const momentumState = [...plainState, zerosColumn('momentum_buffer')];
const centeredState = [...plainState, zerosColumn('grad_avg')];
const fullState = [...momentumState, zerosColumn('grad_avg')];

/**
 * RMSprop (Hinton's lecture notes; centered: Graves 2013), in PyTorch's form: eps is added after the root.
 *
 * State on disk: `step`, `square_avg`, `momentum_buffer` with momentum, `grad_avg` when centered.
 */
export class RMSprop extends Optimizer<RMSpropSettings> {
  protected override readonly writesStepAsInt = true;

  constructor(params: ParamsInput<RMSpropSettings & { lr: number }>, options: RMSpropOptions = {}) {
    super(
      params,
      {
        lr: options.lr ?? 1e-2,
        alpha: options.alpha ?? 0.99,
        eps: options.eps ?? 1e-8,
        weightDecay: options.weightDecay ?? 0,
        momentum: options.momentum ?? 0,
        centered: options.centered ?? false,
        maximize: options.maximize ?? false,
      },
      options.fused ?? true,
    );
  }

  protected checkGroup(group: ParamGroup<RMSpropSettings>): void {
    requireNotNegative('RMSprop', group, 'lr', 'alpha', 'eps', 'weightDecay', 'momentum');
  }

  protected stepGroup(group: ParamGroup<RMSpropSettings>, index: number): void {
    const { lr, alpha, eps, weightDecay, momentum, centered, maximize } = group;
    const columns = momentum > 0 ? (centered ? fullState : momentumState) : centered ? centeredState : plainState;
    native.rmspropStep(
      this.planFor(group, index, columns),
      this.pack(lr, alpha, eps, weightDecay, momentum, centered, maximize),
      this.fused,
    );
  }
}
