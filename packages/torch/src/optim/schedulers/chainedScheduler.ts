import { fail, LRScheduler, type SchedulerState } from './lrScheduler.js';
import { loadEach } from './sequentialLR.js';

function optimizerOf(schedulers: readonly LRScheduler[]): LRScheduler['optimizer'] {
  const first = schedulers[0];
  if (first === undefined) fail('ChainedScheduler needs at least one scheduler');
  schedulers.forEach((scheduler, i) => {
    if (scheduler.optimizer !== first.optimizer)
      fail(`ChainedScheduler: schedulers 0 and ${i} belong to different optimizers`);
  });
  return first.optimizer;
}

/** Several schedulers of one optimizer at once: each changes the rates that the one before has set. */
export class ChainedScheduler extends LRScheduler {
  private readonly schedulers: readonly LRScheduler[];

  constructor(schedulers: readonly LRScheduler[]) {
    super(optimizerOf(schedulers));
    this.schedulers = [...schedulers];
    this.lastEpoch = this.schedulers[0]!.lastEpoch;
  }

  override step(): void {
    for (const scheduler of this.schedulers) scheduler.step();
    this.lastEpoch = this.schedulers[0]!.lastEpoch;
    this.lastLr = this.groups.map((group) => group.lr);
  }

  protected override getLr(): number[] {
    return this.getLastLr();
  }

  override stateDict(): SchedulerState {
    return { _last_lr: this.getLastLr(), _schedulers: this.schedulers.map((scheduler) => scheduler.stateDict()) };
  }

  override loadStateDict(state: SchedulerState): void {
    super.loadStateDict(state);
    loadEach(this.schedulers, state._schedulers);
    this.lastEpoch = this.schedulers[0]!.lastEpoch;
  }
}
