import { TorchError } from '../errors.js';
import { native, type StepPlan } from '../native.js';
import { Tensor } from '../tensor.js';
import { Optimizer, type ParamGroup, type ParamsInput, requireRange } from './optimizer.js';

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

/** Stochastic gradient descent with momentum, in PyTorch's form. State on disk: `momentum_buffer`. */
export class SGD extends Optimizer<SGDSettings> {
  private readonly plans: (StepPlan | undefined)[] = [];
  private readonly settings = new Float64Array(6);
  private readonly fused: boolean;

  constructor(params: ParamsInput<SGDSettings & { lr: number }>, options: SGDOptions = {}) {
    super(params, {
      lr: options.lr ?? 1e-3,
      momentum: options.momentum ?? 0,
      dampening: options.dampening ?? 0,
      weightDecay: options.weightDecay ?? 0,
      nesterov: options.nesterov ?? false,
      maximize: options.maximize ?? false,
    });
    this.fused = options.fused ?? true;
  }

  protected checkGroup(group: ParamGroup<SGDSettings>): void {
    requireRange('SGD', 'lr', group.lr, (v) => v >= 0, '0 or more');
    requireRange('SGD', 'momentum', group.momentum, (v) => v >= 0, '0 or more');
    requireRange('SGD', 'weightDecay', group.weightDecay, (v) => v >= 0, '0 or more');
    requireRange('SGD', 'dampening', group.dampening, () => true, 'a number');
    if (group.nesterov && (group.momentum <= 0 || group.dampening !== 0))
      throw new TorchError('OPTIMIZER_ARGUMENT', `SGD: nesterov needs momentum above 0 and dampening 0, got momentum ${group.momentum} and dampening ${group.dampening}`);
  }

  // A field initialiser of this class runs after the base constructor, which adds groups already.
  protected forgetPlans(): void {
    if (this.plans !== undefined) this.plans.length = 0;
  }

  private planFor(group: ParamGroup<SGDSettings>, index: number): StepPlan {
    let plan = this.plans[index];
    if (plan === undefined) {
      const buffers = group.params.map((param) => this.state.get(param)?.momentum_buffer ?? null);
      plan = native.createStepPlan([group.params, buffers]);
      this.plans[index] = plan;
    }
    return plan;
  }

  protected stepGroup(group: ParamGroup<SGDSettings>, index: number): void {
    const { settings } = this;
    settings[0] = group.lr;
    settings[1] = group.momentum;
    settings[2] = group.dampening;
    settings[3] = group.weightDecay;
    settings[4] = group.nesterov ? 1 : 0;
    settings[5] = group.maximize ? 1 : 0;
    const plan = this.planFor(group, index);
    const madeBuffers = native.sgdStep(plan, settings, this.fused);
    if (!madeBuffers) return;
    native.stepPlanColumn(plan, 1).forEach((handle, i) => {
      const param = group.params[i]!;
      if (handle !== null && !this.state.has(param)) this.state.set(param, { momentum_buffer: new Tensor(handle) });
    });
  }
}
