import { TorchError } from '../../errors.js';
import { warn } from '../../warnings.js';
import type { Optimizer, ParamGroup } from '../optimizer.js';

/** What `stateDict` gives: plain data under Python's names. */
export type SchedulerState = Record<string, unknown>;

/** A group with the settings that some schedulers change or keep there. */
export type ScheduledGroup = ParamGroup & {
  momentum?: number;
  betas?: readonly number[];
  maxLr?: number;
  minLr?: number;
  maxMomentum?: number;
  baseMomentum?: number;
  swaLr?: number;
};

export interface LRSchedulerOptions {
  /** The epoch before the first one, to continue a schedule whose groups have `initialLr`; default -1, a new schedule. */
  lastEpoch?: number;
}

export function fail(message: string): never {
  throw new TorchError('OPTIMIZER_ARGUMENT', message);
}

/** A number for each group: the list itself, or one number repeated. */
export function forEachGroup(name: string, value: number | readonly number[], optimizer: Optimizer): number[] {
  const count = optimizer.paramGroups.length;
  const values = typeof value === 'number' ? Array.from({ length: count }, () => value) : [...value];
  if (values.length !== count)
    fail(`${name}: expected ${count} values, one for each parameter group, got ${values.length}`);
  for (const entry of values) requireNumber(name, entry);
  return values;
}

export function requireNumber(
  name: string,
  value: unknown,
  fits: (value: number) => boolean = () => true,
  wanted = 'a number',
): void {
  if (typeof value !== 'number' || Number.isNaN(value) || !fits(value))
    fail(`${name} must be ${wanted}, got ${String(value)}`);
}

export const requireCount = (name: string, value: unknown, least = 1): void =>
  requireNumber(name, value, (number) => Number.isInteger(number) && number >= least, `an integer from ${least} up`);

/** How many of the sorted values are at most `value`. */
export function countUpTo(sorted: readonly number[], value: number): number {
  let count = 0;
  while (count < sorted.length && sorted[count]! <= value) count += 1;
  return count;
}

/**
 * The base of the schedulers: sets the learning rate of each parameter group, step by step.
 *
 * A scheduler of your own has `getLr()`, which computes the rates for `lastEpoch` (mostly from the present ones), and
 * calls `initialStep()` at the end of its constructor. `stateFields()` names what goes into its state dict.
 *
 * A group's rate before any scheduler is kept as its `initialLr`. The arithmetic is in doubles, in Python's order.
 */
export abstract class LRScheduler {
  readonly optimizer: Optimizer;
  /** The groups' rates before any scheduler. */
  baseLrs: number[];
  /** The number of steps after the initial one; -1 before it. */
  lastEpoch: number;
  protected stepCount = 0;
  protected lastLr: number[];
  private optimizerStepsAtStart: number;

  constructor(optimizer: Optimizer, options: LRSchedulerOptions = {}) {
    if (!Array.isArray((optimizer as Partial<Optimizer> | null)?.paramGroups))
      fail(`${this.constructor.name} needs an optimizer first, got ${String(optimizer)}`);
    const { lastEpoch = -1 } = options;
    requireCount('lastEpoch', lastEpoch, -1);
    this.optimizer = optimizer;
    optimizer.paramGroups.forEach((group, i) => {
      if (lastEpoch === -1) group.initialLr ??= group.lr;
      else if (group.initialLr === undefined)
        fail(
          `lastEpoch is ${lastEpoch}, but parameter group ${i} has no initialLr; load the optimizer's state first, or leave lastEpoch out`,
        );
    });
    this.baseLrs = optimizer.paramGroups.map((group) => group.initialLr!);
    this.lastEpoch = lastEpoch;
    this.lastLr = this.groups.map((group) => group.lr);
    this.optimizerStepsAtStart = optimizer.stepCount;
  }

  /** The rates for `lastEpoch`, one for each group. */
  protected abstract getLr(): number[];
  /** The same without the present rates, where there is a formula; used when a step jumps to an epoch. */
  protected getClosedFormLr?(): number[];

  /** Attributes that belong in the state dict: Python's name of each, and ours. */
  protected stateFields(): Record<string, string> {
    return {};
  }

  /**
   * Goes one step on: after the optimizer's step or after the epoch, as the schedule counts.
   *
   * @param epoch jumps there instead
   */
  step(epoch?: number): void {
    if (this.stepCount === 1 && this.optimizer.stepCount === this.optimizerStepsAtStart)
      warn(
        'SCHEDULER_BEFORE_OPTIMIZER',
        'scheduler.step() was called before optimizer.step(): the first value of the schedule is skipped. Call optimizer.step() first.',
      );
    this.stepCount += 1;
    if (epoch !== undefined) requireNumber('epoch', epoch, (value) => value >= 0, 'a number from 0 up');
    this.lastEpoch = epoch ?? this.lastEpoch + 1;
    this.setLr(epoch !== undefined && this.getClosedFormLr ? this.getClosedFormLr() : this.getLr());
  }

  /** The rates that the last step set, one for each group. */
  getLastLr(): number[] {
    return [...this.lastLr];
  }

  /** Everything but the optimizer, under Python's names. Save the optimizer's state along with it. */
  stateDict(): SchedulerState {
    const state: SchedulerState = {};
    for (const [name, field] of Object.entries(this.stateFields())) state[name] = copied(this.field(field));
    return {
      ...state,
      base_lrs: [...this.baseLrs],
      last_epoch: this.lastEpoch,
      verbose: false,
      _step_count: this.stepCount,
      _get_lr_called_within_step: false,
      _last_lr: [...this.lastLr],
    };
  }

  /** Takes over a state, ours or Python's. What it does not have stays as it is. */
  loadStateDict(state: SchedulerState): void {
    const own = { base_lrs: 'baseLrs', last_epoch: 'lastEpoch', _step_count: 'stepCount', _last_lr: 'lastLr' };
    for (const [name, field] of Object.entries({ ...this.stateFields(), ...own }))
      if (state[name] !== undefined) Object.assign(this, { [field]: copied(state[name]) });
  }

  /** The step that sets the first rates; SequentialLR repeats it. */
  initialStep(): void {
    this.optimizerStepsAtStart = this.optimizer.stepCount;
    this.stepCount = 0;
    this.step();
  }

  protected get groups(): ScheduledGroup[] {
    return this.optimizer.paramGroups;
  }

  /** The groups' present rates, each changed by `change`. */
  protected mapLr(change: (lr: number) => number): number[] {
    return this.groups.map((group) => change(group.lr));
  }

  protected setLr(values: readonly number[]): void {
    values.forEach((lr, i) => {
      const group = this.groups[i];
      if (group !== undefined) group.lr = lr;
    });
    this.lastLr = this.groups.map((group) => group.lr);
  }

  private field(name: string): unknown {
    return (this as unknown as Record<string, unknown>)[name];
  }
}

const copied = (value: unknown): unknown => (Array.isArray(value) ? value.map(copied) : value);
