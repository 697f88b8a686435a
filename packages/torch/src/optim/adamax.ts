import { native } from '../native.js';
import { Optimizer, type ParamGroup, type ParamsInput } from './optimizer.js';
import { requireBetas, requireNotNegative } from './settingRanges.js';
import { stepColumn, zerosColumn } from './stateColumns.js';

export interface AdamaxOptions {
  /** Default 2e-3. */
  lr?: number;
  /** Decay of the running mean of the gradient and of its largest size; default [0.9, 0.999]. */
  betas?: [number, number];
  /** Added to the gradient's size; default 1e-8. */
  eps?: number;
  /** Adds weightDecay · p to the gradient; default 0. */
  weightDecay?: number;
  /** Climb instead of descend; default false. */
  maximize?: boolean;
  /** Use the fused native pass where it applies; false runs the engine's operators one by one, with equal results. */
  fused?: boolean;
}

type AdamaxSettings = Required<Omit<AdamaxOptions, 'lr' | 'fused'>>;

const normState = [stepColumn, zerosColumn('exp_avg'), zerosColumn('exp_inf')];

/**
 * Adamax, Adam with the infinity norm (Kingma and Ba 2014).
 *
 * State on disk: `step`, `exp_avg`, `exp_inf`.
 */
export class Adamax extends Optimizer<AdamaxSettings> {
  constructor(params: ParamsInput<AdamaxSettings & { lr: number }>, options: AdamaxOptions = {}) {
    super(
      params,
      {
        lr: options.lr ?? 2e-3,
        betas: options.betas ?? [0.9, 0.999],
        eps: options.eps ?? 1e-8,
        weightDecay: options.weightDecay ?? 0,
        maximize: options.maximize ?? false,
      },
      options.fused ?? true,
    );
  }

  protected checkGroup(group: ParamGroup<AdamaxSettings>): void {
    requireNotNegative('Adamax', group, 'lr', 'eps', 'weightDecay');
    requireBetas('Adamax', group.betas);
  }

  protected stepGroup(group: ParamGroup<AdamaxSettings>, index: number): void {
    const { lr, betas, eps, weightDecay, maximize } = group;
    native.adamaxStep(
      this.planFor(group, index, normState),
      this.pack(lr, betas[0], betas[1], eps, weightDecay, maximize),
      this.fused,
    );
  }
}
