import type { Optimizer } from '../optimizer.js';
import { cosine } from './exactMath.js';
import { fail, forEachGroup, LRScheduler, type LRSchedulerOptions, requireCount } from './lrScheduler.js';

export interface SWALROptions extends LRSchedulerOptions {
  /** The rate to arrive at: one number, or one for each parameter group. */
  swaLr: number | readonly number[];
  /** Steps until then; default 10. With 0 the rate is there at the first step. */
  annealEpochs?: number;
  /** The way there: 'cos' (default) or 'linear'. */
  annealStrategy?: 'cos' | 'linear';
}

const clamp = (value: number): number => Math.max(0, Math.min(1, value));

/**
 * Takes the rates from where they are to `swaLr`, and leaves them there: for the phase of a training whose weights are
 * averaged (see `AveragedModel`).
 *
 * Source: Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization (2018). The target stands
 * in each group as `swaLr`.
 */
export class SWALR extends LRScheduler {
  annealEpochs: number;
  readonly annealStrategy: 'cos' | 'linear';

  constructor(optimizer: Optimizer, options: SWALROptions) {
    super(optimizer, options);
    const { swaLr, annealEpochs = 10, annealStrategy = 'cos' } = options;
    const targets = forEachGroup('SWALR: swaLr', swaLr, optimizer);
    requireCount('SWALR: annealEpochs', annealEpochs, 0);
    if (annealStrategy !== 'cos' && annealStrategy !== 'linear')
      fail(`SWALR: annealStrategy must be 'cos' or 'linear', got ${String(annealStrategy)}`);
    this.annealEpochs = annealEpochs;
    this.annealStrategy = annealStrategy;
    this.groups.forEach((group, i) => {
      group.swaLr = targets[i]!;
    });
    this.initialStep();
  }

  /** How much of the way is done after a number of steps, from 0 to 1. */
  private share(step: number): number {
    const t = clamp(step / Math.max(1, this.annealEpochs));
    return this.annealStrategy === 'linear' ? t : (1 - cosine(Math.PI * t)) / 2;
  }

  protected override getLr(): number[] {
    const step = this.annealEpochs === 0 ? Math.max(1, this.stepCount - 1) : this.stepCount - 1;
    const before = this.share(step - 1);
    const now = this.share(step);
    // Counted from the present rate, so that other changes of it stay.
    return this.groups.map(({ lr, swaLr = lr }) => {
      const start = before === 1 ? swaLr : (lr - before * swaLr) / (1 - before);
      return swaLr * now + start * (1 - now);
    });
  }

  protected override stateFields(): Record<string, string> {
    return { anneal_epochs: 'annealEpochs' };
  }
}
