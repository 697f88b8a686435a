import { PickledObject, Tuple } from '../../serialize/pythonValues.js';
import type { Optimizer } from '../optimizer.js';
import { power } from './exactMath.js';
import {
  countUpTo,
  fail,
  LRScheduler,
  type LRSchedulerOptions,
  requireCount,
  requireNumber,
  type SchedulerState,
} from './lrScheduler.js';

export interface MultiStepLROptions extends LRSchedulerOptions {
  /** Epochs at which the rates decay; one that is listed twice decays twice. */
  milestones: readonly number[];
  /** Factor of a decay; default 0.1. */
  gamma?: number;
}

/** Multiplies the rates by `gamma` at each of the given epochs. */
export class MultiStepLR extends LRScheduler {
  /** How often each epoch is listed. */
  milestones: Map<number, number>;
  gamma: number;

  constructor(optimizer: Optimizer, options: MultiStepLROptions) {
    super(optimizer, options);
    const { milestones, gamma = 0.1 } = options;
    if (!Array.isArray(milestones)) fail(`MultiStepLR: milestones must be a list of epochs, got ${String(milestones)}`);
    for (const milestone of milestones) requireCount('MultiStepLR: a milestone', milestone, 0);
    requireNumber('MultiStepLR: gamma', gamma);
    this.milestones = new Map();
    for (const milestone of milestones) this.milestones.set(milestone, (this.milestones.get(milestone) ?? 0) + 1);
    this.gamma = gamma;
    this.initialStep();
  }

  protected override getLr(): number[] {
    const times = this.milestones.get(this.lastEpoch);
    return this.mapLr((lr) => (times === undefined ? lr : lr * power(this.gamma, times)));
  }

  protected override getClosedFormLr(): number[] {
    const sorted = [...this.milestones].flatMap(([epoch, times]) => Array.from({ length: times }, () => epoch));
    sorted.sort((a, b) => a - b);
    return this.baseLrs.map((lr) => lr * power(this.gamma, countUpTo(sorted, this.lastEpoch)));
  }

  protected override stateFields(): Record<string, string> {
    return { gamma: 'gamma' };
  }

  /** `milestones` is a `collections.Counter`, which Python's scheduler works with. */
  override stateDict(): SchedulerState {
    const counter = new PickledObject('collections', 'Counter', 'call', Tuple.of(new Map(this.milestones)));
    return { milestones: counter, ...super.stateDict() };
  }

  override loadStateDict(state: SchedulerState): void {
    super.loadStateDict(state);
    if (state.milestones !== undefined) this.milestones = readCounter(state.milestones);
  }
}

/** A counter as our reader gives it, or the plain dict in it. */
function readCounter(value: unknown): Map<number, number> {
  const dict = value instanceof PickledObject ? (value.args[0] ?? {}) : value;
  const entries = dict instanceof Map ? [...dict] : Object.entries(dict as object);
  return new Map(entries.map(([epoch, times]) => [Number(epoch), Number(times)]));
}
