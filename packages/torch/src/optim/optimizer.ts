import { enableGrad } from '../autograd.js';
import { TorchError } from '../errors.js';
import { native, type StepPlan } from '../native.js';
import { recordFunction, recording } from '../profiler/recordFunction.js';
import { Tensor } from '../tensor.js';
import { groupFromPython, groupToPython, type PythonGroup, stateFromPython, stateToPython } from './pythonState.js';

/** Parameters that share settings. The settings are read at every step, so schedulers simply change them. */
export type ParamGroup<Settings extends object = object> = {
  params: Tensor[];
  lr: number;
  /** The learning rate before any scheduler; set by schedulers. */
  initialLr?: number;
  name?: string;
} & Settings;

/** A group as it is given: parameters and whatever settings differ from the optimizer's own. */
export type ParamGroupInput<Settings extends object> = {
  params: Tensor | Iterable<Tensor>;
  name?: string;
} & Partial<Settings>;

export type ParamsInput<Settings extends object> = Iterable<Tensor> | Iterable<ParamGroupInput<Settings>>;

export type StateValue = Tensor | number | null | readonly StateValue[];
/** The state of one parameter, by Python's names: `exp_avg`, `momentum_buffer`, `step`. */
export type ParamState = Record<string, StateValue>;

/** One kind of state that an optimizer keeps for its parameters. */
export interface StateColumn<Settings extends object> {
  /** Python's name of it, which is also its name in files. */
  key: string;
  /**
   * The first value, made when a parameter has its first gradient; null where this parameter has none of this kind.
   * Left out where the native step makes it.
   */
  start?: (param: Tensor, group: ParamGroup<Settings>) => Tensor | null;
}

/** A group's tensors as the native step takes them, and what would make them out of date. */
interface GroupPlan {
  native: StepPlan;
  columns: readonly unknown[];
  waiting: Tensor[];
}

/** What `stateDict` gives: plain data with Python's keys, parameters numbered in group order. */
export interface OptimizerState {
  state: Map<number, Record<string, unknown>>;
  param_groups: PythonGroup[];
}

export type Closure = () => Tensor | number | null | undefined;

/**
 * The base of all optimizers, as `torch.optim.Optimizer`.
 *
 * `paramGroups` and `state` look as in Python; a step is one native call for each group and gives Python's numbers bit
 * for bit on the same libtorch. torch's `foreach` and `capturable` choose between implementations with equal results;
 * here the native step takes their place. `differentiable` (a step that is itself recorded) has no counterpart.
 */
export abstract class Optimizer<Settings extends object = object> {
  readonly defaults: Settings & { lr: number };
  readonly paramGroups: ParamGroup<Settings>[] = [];
  readonly state = new Map<Tensor, ParamState>();
  /** Steps taken since construction; schedulers use it to notice a wrong order of calls. */
  stepCount = 0;
  /** Whether `step` stands in files as an int, as torch 1.13 writes it for some optimizers; the others have a tensor. */
  protected readonly writesStepAsInt: boolean = false;
  protected readonly fused: boolean;
  private readonly plans: (GroupPlan | undefined)[] = [];
  private readonly packed = new Float64Array(12);

  /** @param fused whether the native step may use its fused pass, where the optimizer has one */
  constructor(params: ParamsInput<Settings & { lr: number }>, defaults: Settings & { lr: number }, fused = false) {
    this.defaults = defaults;
    this.fused = fused;
    if (params instanceof Tensor)
      throw new TorchError(
        'OPTIMIZER_ARGUMENT',
        `${this.constructor.name} takes a list of parameters or of groups, got one tensor; write [parameter]`,
      );
    const list = [...params];
    if (list.length === 0)
      throw new TorchError('OPTIMIZER_ARGUMENT', `${this.constructor.name} got an empty parameter list`);
    const groups =
      list[0] instanceof Tensor
        ? [{ params: list as Tensor[] }]
        : (list as ParamGroupInput<Settings & { lr: number }>[]);
    for (const group of groups) this.addParamGroup(group as ParamGroupInput<Settings & { lr: number }>);
  }

  /** Adds parameters with their own settings, for example layers that are trained from now on. */
  addParamGroup(group: ParamGroupInput<Settings & { lr: number }>): void {
    const params = group.params instanceof Tensor ? [group.params] : [...group.params];
    const name = this.constructor.name;
    for (const [i, param] of params.entries()) {
      if (!(param instanceof Tensor))
        throw new TorchError(
          'OPTIMIZER_ARGUMENT',
          `${name} optimizes tensors; entry ${i} of a group is ${param === null ? 'null' : typeof param}`,
        );
      if (!param.isLeaf)
        throw new TorchError(
          'OPTIMIZER_ARGUMENT',
          `${name} optimizes leaves; entry ${i} of a group was computed (${param.gradFn}). Detach it, or pass what it was computed from.`,
        );
    }
    if (new Set(params).size !== params.length)
      throw new TorchError('OPTIMIZER_ARGUMENT', `a group of ${name} lists a parameter twice`);
    const taken = new Set(this.paramGroups.flatMap((existing) => existing.params));
    if (params.some((param) => taken.has(param)))
      throw new TorchError('OPTIMIZER_ARGUMENT', `a parameter is in more than one group of ${name}`);
    const full = { ...this.defaults, ...withoutUndefined(group), params } as unknown as ParamGroup<Settings>;
    this.checkGroup(full);
    this.paramGroups.push(full);
    this.forgetPlans();
  }

  /** Clears the gradients of all parameters: to null (default), or to zeros. */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    const setToNone = options.setToNone ?? true;
    for (const group of this.paramGroups) native.zeroGrad(group.params, setToNone);
  }

  /** Updates all parameters that have a gradient. A closure is run first, with gradients on, and its loss returned. */
  step(closure?: Closure): Tensor | number | null {
    const loss = closure === undefined ? null : (enableGrad(closure) ?? null);
    // A native step is no operator, so profiles would not show it.
    if (recording.isOn) recordFunction(`Optimizer.step#${this.constructor.name}.step`, () => this.stepGroups());
    else this.stepGroups();
    this.stepCount += 1;
    return loss;
  }

  private stepGroups(): void {
    this.paramGroups.forEach((group, i) => {
      this.stepGroup(group, i);
    });
  }

  /** Throws when a setting is out of range. */
  protected abstract checkGroup(group: ParamGroup<Settings>): void;
  protected abstract stepGroup(group: ParamGroup<Settings>, index: number): void;

  /**
   * The group's parameters and their state for the native step: first the parameters, then one column for each entry
   * of `columns`. Gathered once; gathered again when a parameter gets its first gradient, when the state was replaced,
   * or when other columns are asked for (so give the same array for the same settings).
   */
  protected planFor(group: ParamGroup<Settings>, index: number, columns: readonly StateColumn<Settings>[]): StepPlan {
    const plan = this.plans[index];
    if (
      plan !== undefined &&
      plan.columns === columns &&
      (plan.waiting.length === 0 || plan.waiting.every((param) => param.grad === null))
    )
      return plan.native;
    const startsState = columns.some((column) => column.start !== undefined);
    const waiting: Tensor[] = [];
    const ready: Tensor[] = [];
    for (const param of group.params) {
      // A parameter gets its state with its first gradient, as in Python.
      if (startsState && !this.state.has(param) && param.grad === null) {
        waiting.push(param);
        continue;
      }
      if (startsState) this.startState(param, group, columns);
      ready.push(param);
    }
    const kept = columns.map(({ key }) => ready.map((param) => this.state.get(param)?.[key] ?? null));
    const made = native.createStepPlan([ready, ...kept]);
    this.plans[index] = { native: made, columns, waiting };
    return made;
  }

  /** Gives a parameter the state that it lacks. A number (a count from a file) becomes the tensor that the step works on. */
  protected startState(param: Tensor, group: ParamGroup<Settings>, columns: readonly StateColumn<Settings>[]): void {
    const state = this.state.get(param) ?? {};
    this.state.set(param, state);
    for (const { key, start } of columns) {
      const present = state[key];
      if (start === undefined || present instanceof Tensor) continue;
      const value = start(param, group);
      if (value !== null) state[key] = typeof present === 'number' ? value.fill_(present) : value;
    }
  }

  /** Called when groups or state were replaced from outside. */
  protected forgetPlans(): void {
    this.plans.length = 0;
  }

  /** The settings of a group as the native step takes them, in its order. The array is used again for the next call. */
  protected pack(...values: (number | boolean)[]): Float64Array {
    values.forEach((value, i) => {
      this.packed[i] = Number(value);
    });
    return this.packed;
  }

  /** Everything a checkpoint needs. Tensors are shared, not copied. */
  stateDict(): OptimizerState {
    const numbers = new Map<Tensor, number>();
    const param_groups = this.paramGroups.map((group) => {
      for (const param of group.params) if (!numbers.has(param)) numbers.set(param, numbers.size);
      return groupToPython(
        group,
        group.params.map((param) => numbers.get(param)!),
      );
    });
    const state: OptimizerState['state'] = new Map();
    for (const [param, number] of numbers) {
      const own = this.state.get(param);
      if (own !== undefined) state.set(number, stateToPython(own, this.writesStepAsInt));
    }
    return { state, param_groups };
  }

  /** Takes over settings and state, ours or Python's. The groups must have the same numbers of parameters. */
  loadStateDict(saved: {
    state: Map<unknown, unknown> | Record<string, unknown>;
    param_groups: readonly PythonGroup[];
  }): void {
    const groups = saved.param_groups;
    const describe = (counts: number[]) => `${counts.length} group(s) of ${counts.join(', ')} parameter(s)`;
    const own = this.paramGroups.map((group) => group.params.length);
    const given = groups.map((group) => group.params.length);
    if (String(own) !== String(given))
      throw new TorchError(
        'OPTIMIZER_ARGUMENT',
        `the saved state does not fit ${this.constructor.name}: expected ${describe(own)}, got ${describe(given)}`,
      );
    const byNumber = new Map<number, Tensor>();
    groups.forEach((group, g) => {
      group.params.forEach((number, i) => {
        byNumber.set(Number(number), this.paramGroups[g]!.params[i]!);
      });
      const { params } = this.paramGroups[g]!;
      this.paramGroups[g] = Object.assign({}, this.paramGroups[g], groupFromPython(group), {
        params,
      }) as ParamGroup<Settings>;
    });
    this.state.clear();
    const entries = saved.state instanceof Map ? saved.state : new Map(Object.entries(saved.state));
    for (const [number, value] of entries) {
      const param = byNumber.get(Number(number));
      if (param !== undefined) this.state.set(param, stateFromPython(value, param));
    }
    this.forgetPlans();
  }

  toString(): string {
    const groups = this.paramGroups.map((group, i) => {
      const settings = Object.entries(group).filter(([key]) => key !== 'params');
      return [`Parameter Group ${i}`, ...settings.map(([key, value]) => `    ${key}: ${value}`)].join('\n');
    });
    return `${this.constructor.name} (\n${groups.join('\n\n')}\n)`;
  }
}

const withoutUndefined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as T;
