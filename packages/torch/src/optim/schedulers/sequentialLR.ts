import type { Optimizer } from '../optimizer.js';
import {
  countUpTo,
  fail,
  LRScheduler,
  type LRSchedulerOptions,
  requireCount,
  type SchedulerState,
} from './lrScheduler.js';

export interface SequentialLROptions extends LRSchedulerOptions {
  /** In the order in which they take over; all of the same optimizer. */
  schedulers: readonly LRScheduler[];
  /** The epochs at which the second, third, … scheduler begins. */
  milestones: readonly number[];
}

/** One scheduler after the other: a warm-up and then a decay, for example. */
export class SequentialLR extends LRScheduler {
  private readonly schedulers: readonly LRScheduler[];
  private milestones: number[];

  constructor(optimizer: Optimizer, options: SequentialLROptions) {
    const { schedulers, milestones, lastEpoch = -1 } = options;
    super(optimizer, { lastEpoch });
    const first = schedulers[0];
    if (first === undefined) fail('SequentialLR needs at least one scheduler');
    schedulers.forEach((scheduler, i) => {
      if (scheduler.optimizer !== optimizer) fail(`SequentialLR: scheduler ${i} belongs to another optimizer`);
    });
    if (milestones.length !== schedulers.length - 1)
      fail(
        `SequentialLR needs one milestone less than schedulers, got ${schedulers.length} schedulers and ${milestones.length} milestones`,
      );
    for (const milestone of milestones) requireCount('SequentialLR: a milestone', milestone, 0);
    this.schedulers = schedulers;
    this.milestones = [...milestones];
    this.lastEpoch = lastEpoch + 1;
    // Every scheduler has made its initial step by now; only the first one's counts.
    for (const group of optimizer.paramGroups) group.lr = group.initialLr!;
    for (const scheduler of schedulers) scheduler.lastEpoch -= 1;
    first.initialStep();
    this.lastLr = first.getLastLr();
  }

  override step(): void {
    this.lastEpoch += 1;
    const index = countUpTo(this.milestones, this.lastEpoch);
    const scheduler = this.schedulers[index]!;
    if (index > 0 && this.milestones[index - 1] === this.lastEpoch) scheduler.step(0);
    else scheduler.step();
    this.lastLr = scheduler.getLastLr();
  }

  protected override getLr(): number[] {
    return this.getLastLr();
  }

  override stateDict(): SchedulerState {
    return {
      _milestones: [...this.milestones],
      last_epoch: this.lastEpoch,
      _last_lr: this.getLastLr(),
      _schedulers: this.schedulers.map((scheduler) => scheduler.stateDict()),
    };
  }

  override loadStateDict(state: SchedulerState): void {
    super.loadStateDict(state);
    if (state._milestones !== undefined) this.milestones = [...(state._milestones as number[])];
    loadEach(this.schedulers, state._schedulers);
  }
}

/** Hands each scheduler its part of the state. */
export function loadEach(schedulers: readonly LRScheduler[], states: unknown): void {
  if (!Array.isArray(states) || states.length !== schedulers.length)
    fail(`the state has ${Array.isArray(states) ? states.length : 'no'} schedulers, expected ${schedulers.length}`);
  schedulers.forEach((scheduler, i) => {
    scheduler.loadStateDict(states[i] as SchedulerState);
  });
}
