import { native } from '../native.js';
import { Optimizer, type ParamGroup, type ParamsInput, type StateColumn } from './optimizer.js';
import { requireNotNegative, requireRange } from './settingRanges.js';
import { filledLike, stepColumn, zerosColumn } from './stateColumns.js';

export interface RpropOptions {
  /** The first step size of every element; default 1e-2. */
  lr?: number;
  /** Factors of the step size after a change of the gradient's sign and after none; default [0.5, 1.2]. */
  etas?: [number, number];
  /** Smallest and largest step size; default [1e-6, 50]. */
  stepSizes?: [number, number];
  /** Climb instead of descend; default false. */
  maximize?: boolean;
  /** Use the fused native pass where it applies; false runs the engine's operators one by one, with equal results. */
  fused?: boolean;
}

type RpropSettings = Required<Omit<RpropOptions, 'lr' | 'fused'>>;

const stepSizeState: StateColumn<RpropSettings>[] = [
  stepColumn,
  zerosColumn('prev'),
  { key: 'step_size', start: (param, group) => filledLike(param, group.lr) },
];

/**
 * Resilient backpropagation (Riedmiller and Braun 1993): only the signs of the gradients count. For full batches.
 *
 * State on disk: `step`, `prev` (the last gradient), `step_size`.
 */
export class Rprop extends Optimizer<RpropSettings> {
  protected override readonly writesStepAsInt = true;

  constructor(params: ParamsInput<RpropSettings & { lr: number }>, options: RpropOptions = {}) {
    super(
      params,
      {
        lr: options.lr ?? 1e-2,
        etas: options.etas ?? [0.5, 1.2],
        stepSizes: options.stepSizes ?? [1e-6, 50],
        maximize: options.maximize ?? false,
      },
      options.fused ?? true,
    );
  }

  protected checkGroup(group: ParamGroup<RpropSettings>): void {
    requireNotNegative('Rprop', group, 'lr');
    requireRange('Rprop', 'etas[0]', group.etas?.[0], (value) => value > 0 && value < 1, 'above 0 and below 1');
    requireRange('Rprop', 'etas[1]', group.etas?.[1], (value) => value > 1, 'above 1');
    requireRange('Rprop', 'stepSizes[0]', group.stepSizes?.[0], () => true, 'a number');
    requireRange(
      'Rprop',
      'stepSizes[1]',
      group.stepSizes?.[1],
      (value) => value >= group.stepSizes[0],
      `at least stepSizes[0], ${group.stepSizes?.[0]}`,
    );
  }

  protected stepGroup(group: ParamGroup<RpropSettings>, index: number): void {
    const { etas, stepSizes, maximize } = group;
    native.rpropStep(
      this.planFor(group, index, stepSizeState),
      this.pack(etas[0], etas[1], stepSizes[0], stepSizes[1], maximize),
      this.fused,
    );
  }
}
