import { native } from '../native.js';
import { Optimizer, type ParamGroup, type ParamGroupInput, type ParamsInput, type StateColumn } from './optimizer.js';
import { requireNotNegative } from './settingRanges.js';
import { filledLike, stepColumn } from './stateColumns.js';

export interface AdagradOptions {
  /** Default 1e-2. */
  lr?: number;
  /** The rate becomes lr / (1 + (step − 1) · lrDecay); default 0. */
  lrDecay?: number;
  /** Adds weightDecay · p to the gradient; default 0. */
  weightDecay?: number;
  /** What the sums of squared gradients start from; default 0. */
  initialAccumulatorValue?: number;
  /** Added to the denominator; default 1e-10. */
  eps?: number;
  /** Climb instead of descend; default false. */
  maximize?: boolean;
  /** Use the fused native pass where it applies; false runs the engine's operators one by one, with equal results. */
  fused?: boolean;
}

type AdagradSettings = Required<Omit<AdagradOptions, 'lr' | 'fused'>>;

const sumState: StateColumn<AdagradSettings>[] = [
  stepColumn,
  { key: 'sum', start: (param, group) => filledLike(param, group.initialAccumulatorValue) },
];

/**
 * Adagrad (Duchi, Hazan and Singer 2011): divides by the root of the sum of all squared gradients. Takes sparse gradients.
 *
 * State on disk: `step`, `sum`; both are there from the start, before any step.
 */
export class Adagrad extends Optimizer<AdagradSettings> {
  constructor(params: ParamsInput<AdagradSettings & { lr: number }>, options: AdagradOptions = {}) {
    super(
      params,
      {
        lr: options.lr ?? 1e-2,
        lrDecay: options.lrDecay ?? 0,
        eps: options.eps ?? 1e-10,
        weightDecay: options.weightDecay ?? 0,
        initialAccumulatorValue: options.initialAccumulatorValue ?? 0,
        maximize: options.maximize ?? false,
      },
      options.fused ?? true,
    );
  }

  override addParamGroup(group: ParamGroupInput<AdagradSettings & { lr: number }>): void {
    super.addParamGroup(group);
    const added = this.paramGroups.at(-1)!;
    for (const param of added.params) this.startState(param, added, sumState);
  }

  protected checkGroup(group: ParamGroup<AdagradSettings>): void {
    requireNotNegative('Adagrad', group, 'lr', 'lrDecay', 'weightDecay', 'initialAccumulatorValue', 'eps');
  }

  protected stepGroup(group: ParamGroup<AdagradSettings>, index: number): void {
    const { lr, lrDecay, eps, weightDecay, maximize } = group;
    native.adagradStep(
      this.planFor(group, index, sumState),
      this.pack(lr, lrDecay, eps, weightDecay, maximize),
      this.fused,
    );
  }
}
