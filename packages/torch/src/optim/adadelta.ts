import { native } from '../native.js';
import { Optimizer, type ParamGroup, type ParamsInput } from './optimizer.js';
import { requireNotNegative, requireRange } from './settingRanges.js';
import { stepColumn, zerosColumn } from './stateColumns.js';

export interface AdadeltaOptions {
  /** A factor of the whole update; default 1. */
  lr?: number;
  /** Decay of the two running means; default 0.9. */
  rho?: number;
  /** Added under the roots; default 1e-6. */
  eps?: number;
  /** Adds weightDecay · p to the gradient; default 0. */
  weightDecay?: number;
  /** Climb instead of descend; default false. */
  maximize?: boolean;
  /** Use the fused native pass where it applies; false runs the engine's operators one by one, with equal results. */
  fused?: boolean;
}

type AdadeltaSettings = Required<Omit<AdadeltaOptions, 'lr' | 'fused'>>;

const meansState = [stepColumn, zerosColumn('square_avg'), zerosColumn('acc_delta')];

/**
 * Adadelta (Zeiler 2012): steps in proportion to the size of recent steps.
 *
 * State on disk: `step`, `square_avg`, `acc_delta`.
 */
export class Adadelta extends Optimizer<AdadeltaSettings> {
  protected override readonly writesStepAsInt = true;

  constructor(params: ParamsInput<AdadeltaSettings & { lr: number }>, options: AdadeltaOptions = {}) {
    super(
      params,
      {
        lr: options.lr ?? 1,
        rho: options.rho ?? 0.9,
        eps: options.eps ?? 1e-6,
        weightDecay: options.weightDecay ?? 0,
        maximize: options.maximize ?? false,
      },
      options.fused ?? true,
    );
  }

  protected checkGroup(group: ParamGroup<AdadeltaSettings>): void {
    requireNotNegative('Adadelta', group, 'lr', 'eps', 'weightDecay');
    requireRange('Adadelta', 'rho', group.rho, (value) => value >= 0 && value <= 1, 'from 0 to 1');
  }

  protected stepGroup(group: ParamGroup<AdadeltaSettings>, index: number): void {
    const { lr, rho, eps, weightDecay, maximize } = group;
    native.adadeltaStep(
      this.planFor(group, index, meansState),
      this.pack(lr, rho, eps, weightDecay, maximize),
      this.fused,
    );
  }
}
