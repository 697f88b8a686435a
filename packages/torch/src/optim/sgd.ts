import { TorchError } from '../errors.js';
import { native } from '../native.js';
import { Tensor } from '../tensor.js';
import { Optimizer, type ParamGroup, type ParamsInput } from './optimizer.js';
import { requireNotNegative, requireRange } from './settingRanges.js';

export interface SGDOptions {
  /** Default 1e-3. */
  lr?: number;
  /** Share of the last update that is kept; default 0. */
  momentum?: number;
  /** Share of the gradient that is left out of the momentum; default 0. */
  dampening?: number;
  /** Adds weightDecay · p to the gradient; default 0. */
  weightDecay?: number;
  /** Look ahead (needs momentum and no dampening); default false. */
  nesterov?: boolean;
  /** Climb instead of descend; default false. */
  maximize?: boolean;
  /** Use the fused native pass where it applies; false runs the engine's operators one by one, with equal results. */
  fused?: boolean;
}

type SGDSettings = Required<Omit<SGDOptions, 'lr' | 'fused'>>;

// The first buffer is the gradient itself, so the native step makes it.
const bufferState = [{ key: 'momentum_buffer' }];

/** Stochastic gradient descent with momentum, in PyTorch's form. State on disk: `momentum_buffer`. */
export class SGD extends Optimizer<SGDSettings> {
  constructor(params: ParamsInput<SGDSettings & { lr: number }>, options: SGDOptions = {}) {
    super(
      params,
      {
        lr: options.lr ?? 1e-3,
        momentum: options.momentum ?? 0,
        dampening: options.dampening ?? 0,
        weightDecay: options.weightDecay ?? 0,
        nesterov: options.nesterov ?? false,
        maximize: options.maximize ?? false,
      },
      options.fused ?? true,
    );
  }

  protected checkGroup(group: ParamGroup<SGDSettings>): void {
    requireNotNegative('SGD', group, 'lr', 'momentum', 'weightDecay');
    requireRange('SGD', 'dampening', group.dampening, () => true, 'a number');
    if (group.nesterov && (group.momentum <= 0 || group.dampening !== 0))
      throw new TorchError(
        'OPTIMIZER_ARGUMENT',
        `SGD: nesterov needs momentum above 0 and dampening 0, got momentum ${group.momentum} and dampening ${group.dampening}`,
      );
  }

  protected stepGroup(group: ParamGroup<SGDSettings>, index: number): void {
    const { lr, momentum, dampening, weightDecay, nesterov, maximize } = group;
    const plan = this.planFor(group, index, bufferState);
    const madeBuffers = native.sgdStep(
      plan,
      this.pack(lr, momentum, dampening, weightDecay, nesterov, maximize),
      this.fused,
    );
    if (!madeBuffers) return;
    native.stepPlanColumn(plan, 1).forEach((handle, i) => {
      const param = group.params[i]!;
      if (handle !== null && !(this.state.get(param)?.momentum_buffer instanceof Tensor))
        this.state.set(param, { momentum_buffer: new Tensor(handle) });
    });
  }
}
