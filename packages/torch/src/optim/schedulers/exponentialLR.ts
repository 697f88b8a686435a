import type { Optimizer } from '../optimizer.js';
import { power } from './exactMath.js';
import { LRScheduler, type LRSchedulerOptions, requireNumber } from './lrScheduler.js';

export interface ExponentialLROptions extends LRSchedulerOptions {
  /** Factor of each epoch. */
  gamma: number;
}

/** Multiplies the rates by `gamma` every epoch. */
export class ExponentialLR extends LRScheduler {
  gamma: number;

  constructor(optimizer: Optimizer, options: ExponentialLROptions) {
    super(optimizer, options);
    requireNumber('ExponentialLR: gamma', options?.gamma);
    this.gamma = options.gamma;
    this.initialStep();
  }

  protected override getLr(): number[] {
    return this.mapLr((lr) => (this.lastEpoch === 0 ? lr : lr * this.gamma));
  }

  protected override getClosedFormLr(): number[] {
    return this.baseLrs.map((lr) => lr * power(this.gamma, this.lastEpoch));
  }

  protected override stateFields(): Record<string, string> {
    return { gamma: 'gamma' };
  }
}
