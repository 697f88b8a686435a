import { enableGrad } from '../autograd.js';
import { TorchError } from '../errors.js';
import { native } from '../native.js';
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
export type ParamGroupInput<Settings extends object> = { params: Tensor | Iterable<Tensor>; name?: string } & Partial<Settings>;

export type ParamsInput<Settings extends object> = Iterable<Tensor> | Iterable<ParamGroupInput<Settings>>;

/** The state of one parameter, by Python's names: `exp_avg`, `momentum_buffer`, `step`. */
export type ParamState = Record<string, Tensor | number | null>;

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
 * for bit on the same libtorch.
 */
export abstract class Optimizer<Settings extends object = object> {
  readonly defaults: Settings & { lr: number };
  readonly paramGroups: ParamGroup<Settings>[] = [];
  readonly state = new Map<Tensor, ParamState>();
  /** Steps taken since construction; schedulers use it to notice a wrong order of calls. */
  stepCount = 0;

  constructor(params: ParamsInput<Settings & { lr: number }>, defaults: Settings & { lr: number }) {
    this.defaults = defaults;
    if (params instanceof Tensor)
      throw new TorchError('OPTIMIZER_ARGUMENT', `${this.constructor.name} takes a list of parameters or of groups, got one tensor; write [parameter]`);
    const list = [...params];
    if (list.length === 0) throw new TorchError('OPTIMIZER_ARGUMENT', `${this.constructor.name} got an empty parameter list`);
    const groups = list[0] instanceof Tensor ? [{ params: list as Tensor[] }] : (list as ParamGroupInput<Settings & { lr: number }>[]);
    for (const group of groups) this.addParamGroup(group as ParamGroupInput<Settings & { lr: number }>);
  }

  /** Adds parameters with their own settings, for example layers that are trained from now on. */
  addParamGroup(group: ParamGroupInput<Settings & { lr: number }>): void {
    const params = group.params instanceof Tensor ? [group.params] : [...group.params];
    const name = this.constructor.name;
    for (const [i, param] of params.entries()) {
      if (!(param instanceof Tensor)) throw new TorchError('OPTIMIZER_ARGUMENT', `${name} optimizes tensors; entry ${i} of a group is ${param === null ? 'null' : typeof param}`);
      if (!param.isLeaf) throw new TorchError('OPTIMIZER_ARGUMENT', `${name} optimizes leaves; entry ${i} of a group was computed (${param.gradFn}). Detach it, or pass what it was computed from.`);
    }
    if (new Set(params).size !== params.length) throw new TorchError('OPTIMIZER_ARGUMENT', `a group of ${name} lists a parameter twice`);
    const taken = new Set(this.paramGroups.flatMap((existing) => existing.params));
    if (params.some((param) => taken.has(param))) throw new TorchError('OPTIMIZER_ARGUMENT', `a parameter is in more than one group of ${name}`);
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
    this.paramGroups.forEach((group, i) => {
      this.stepGroup(group, i);
    });
    this.stepCount += 1;
    return loss;
  }

  /** Throws when a setting is out of range. */
  protected abstract checkGroup(group: ParamGroup<Settings>): void;
  protected abstract stepGroup(group: ParamGroup<Settings>, index: number): void;
  /** Called when groups or state were replaced from outside. */
  protected abstract forgetPlans(): void;

  /** Everything a checkpoint needs. Tensors are shared, not copied. */
  stateDict(): OptimizerState {
    const numbers = new Map<Tensor, number>();
    const param_groups = this.paramGroups.map((group) => {
      for (const param of group.params) if (!numbers.has(param)) numbers.set(param, numbers.size);
      return groupToPython(group, group.params.map((param) => numbers.get(param)!));
    });
    const state: OptimizerState['state'] = new Map();
    for (const [param, number] of numbers) {
      const own = this.state.get(param);
      if (own !== undefined) state.set(number, stateToPython(own));
    }
    return { state, param_groups };
  }

  /** Takes over settings and state, ours or Python's. The groups must have the same numbers of parameters. */
  loadStateDict(saved: { state: Map<unknown, unknown> | Record<string, unknown>; param_groups: readonly PythonGroup[] }): void {
    const groups = saved.param_groups;
    const describe = (counts: number[]) => `${counts.length} group(s) of ${counts.join(', ')} parameter(s)`;
    const own = this.paramGroups.map((group) => group.params.length);
    const given = groups.map((group) => group.params.length);
    if (String(own) !== String(given))
      throw new TorchError('OPTIMIZER_ARGUMENT', `the saved state does not fit ${this.constructor.name}: expected ${describe(own)}, got ${describe(given)}`);
    const byNumber = new Map<number, Tensor>();
    groups.forEach((group, g) => {
      group.params.forEach((number, i) => byNumber.set(Number(number), this.paramGroups[g]!.params[i]!));
      const { params } = this.paramGroups[g]!;
      this.paramGroups[g] = Object.assign({}, this.paramGroups[g], groupFromPython(group), { params }) as ParamGroup<Settings>;
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

/** The check that every optimizer makes of its numbers. */
export function requireRange(optimizer: string, name: string, value: unknown, isValid: (value: number) => boolean, expected: string): void {
  if (typeof value !== 'number' || Number.isNaN(value) || !isValid(value))
    throw new TorchError('OPTIMIZER_ARGUMENT', `${optimizer}: ${name} must be ${expected}, got ${String(value)}`);
}
