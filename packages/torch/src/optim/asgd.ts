import { native } from '../native.js';
import { Optimizer, type ParamGroup, type ParamsInput, type StateColumn } from './optimizer.js';
import { requireNotNegative, requireRange } from './settingRanges.js';
import { scalarColumn, stepColumn, zerosColumn } from './stateColumns.js';

export interface ASGDOptions {
  /** Default 1e-2. */
  lr?: number;
  /** Decay of the parameters, in proportion to the present rate; default 1e-4. */
  lambd?: number;
  /** Power of the rate's decay; default 0.75. */
  alpha?: number;
  /** The step from which on the parameters are averaged; default 1e6. */
  t0?: number;
  /** Adds weightDecay · p to the gradient; default 0. */
  weightDecay?: number;
  /** Climb instead of descend; default false. */
  maximize?: boolean;
  /** Use the fused native pass where it applies; false runs the engine's operators one by one, with equal results. */
  fused?: boolean;
}

type ASGDSettings = Required<Omit<ASGDOptions, 'lr' | 'fused'>>;

const averageState: StateColumn<ASGDSettings>[] = [
  stepColumn,
  scalarColumn('eta', (group) => group.lr),
  scalarColumn('mu', 1),
  zerosColumn('ax'),
];

/**
 * Averaged stochastic gradient descent (Polyak and Juditsky 1992). The averaged parameters are in the state as `ax`.
 *
 * State on disk: `step`, `eta` (the present rate), `mu` (the share of the next average), `ax`.
 */
export class ASGD extends Optimizer<ASGDSettings> {
  constructor(params: ParamsInput<ASGDSettings & { lr: number }>, options: ASGDOptions = {}) {
    super(
      params,
      {
        lr: options.lr ?? 1e-2,
        lambd: options.lambd ?? 1e-4,
        alpha: options.alpha ?? 0.75,
        t0: options.t0 ?? 1e6,
        weightDecay: options.weightDecay ?? 0,
        maximize: options.maximize ?? false,
      },
      options.fused ?? true,
    );
  }

  protected checkGroup(group: ParamGroup<ASGDSettings>): void {
    requireNotNegative('ASGD', group, 'lr', 'weightDecay');
    for (const name of ['lambd', 'alpha', 't0'] as const)
      requireRange('ASGD', name, group[name], () => true, 'a number');
  }

  protected stepGroup(group: ParamGroup<ASGDSettings>, index: number): void {
    const { lr, lambd, alpha, t0, weightDecay, maximize } = group;
    native.asgdStep(
      this.planFor(group, index, averageState),
      this.pack(lr, lambd, alpha, t0, weightDecay, maximize),
      this.fused,
    );
  }
}
