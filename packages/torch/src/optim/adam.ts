import { zeros } from '../creation.js';
import { zerosLike } from '../functions.js';
import { native, type StepPlan } from '../native.js';
import { Tensor } from '../tensor.js';
import { Optimizer, type ParamGroup, type ParamsInput, requireRange } from './optimizer.js';

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

/** Which of a group's parameters have state, gathered for the native step. */
interface Plan {
  native: StepPlan;
  waiting: Tensor[];
  amsgrad: boolean;
}

/** What Adam and AdamW share. State on disk: `step`, `exp_avg`, `exp_avg_sq` and `max_exp_avg_sq` with amsgrad. */
abstract class AdamBase extends Optimizer<AdamSettings> {
  protected abstract readonly decoupled: boolean;
  private readonly plans: (Plan | undefined)[] = [];
  private readonly settings = new Float64Array(8);
  private readonly fused: boolean;

  constructor(params: ParamsInput<AdamSettings & { lr: number }>, options: AdamOptions, weightDecay: number) {
    super(params, {
      lr: options.lr ?? 1e-3,
      betas: options.betas ?? [0.9, 0.999],
      eps: options.eps ?? 1e-8,
      weightDecay: options.weightDecay ?? weightDecay,
      amsgrad: options.amsgrad ?? false,
      maximize: options.maximize ?? false,
    });
    this.fused = options.fused ?? true;
  }

  protected checkGroup(group: ParamGroup<AdamSettings>): void {
    const name = this.constructor.name;
    requireRange(name, 'lr', group.lr, (v) => v >= 0, '0 or more');
    requireRange(name, 'eps', group.eps, (v) => v >= 0, '0 or more');
    requireRange(name, 'betas[0]', group.betas?.[0], (v) => v >= 0 && v < 1, 'from 0 up to but not including 1');
    requireRange(name, 'betas[1]', group.betas?.[1], (v) => v >= 0 && v < 1, 'from 0 up to but not including 1');
    requireRange(name, 'weightDecay', group.weightDecay, (v) => v >= 0, '0 or more');
  }

  // A field initialiser of this class runs after the base constructor, which adds groups already.
  protected forgetPlans(): void {
    if (this.plans !== undefined) this.plans.length = 0;
  }

  private planFor(group: ParamGroup<AdamSettings>, index: number): Plan {
    let plan = this.plans[index];
    // A parameter gets its state with its first gradient, as in Python.
    if (plan !== undefined && plan.amsgrad === group.amsgrad && (plan.waiting.length === 0 || plan.waiting.every((param) => param.grad === null))) return plan;
    const waiting: Tensor[] = [];
    const ready: Tensor[] = [];
    for (const param of group.params) {
      if (!this.state.has(param) && param.grad === null) {
        waiting.push(param);
        continue;
      }
      if (!this.state.has(param))
        this.state.set(param, { step: zeros([]), exp_avg: zerosLike(param.detach()), exp_avg_sq: zerosLike(param.detach()) });
      const state = this.state.get(param)!;
      if (group.amsgrad && !(state.max_exp_avg_sq instanceof Tensor)) state.max_exp_avg_sq = zerosLike(param.detach());
      if (!(state.step instanceof Tensor)) state.step = zeros([]).add(Number(state.step ?? 0));
      ready.push(param);
    }
    const column = (key: string) => ready.map((param) => this.state.get(param)![key]);
    const columns: unknown[][] = [ready, column('exp_avg'), column('exp_avg_sq'), column('step')];
    if (group.amsgrad) columns.push(column('max_exp_avg_sq'));
    plan = { native: native.createStepPlan(columns), waiting, amsgrad: group.amsgrad };
    this.plans[index] = plan;
    return plan;
  }

  protected stepGroup(group: ParamGroup<AdamSettings>, index: number): void {
    const { settings } = this;
    settings[0] = group.lr;
    settings[1] = group.betas[0];
    settings[2] = group.betas[1];
    settings[3] = group.eps;
    settings[4] = group.weightDecay;
    settings[5] = group.amsgrad ? 1 : 0;
    settings[6] = group.maximize ? 1 : 0;
    settings[7] = this.decoupled ? 1 : 0;
    native.adamStep(this.planFor(group, index).native, settings, this.fused);
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
