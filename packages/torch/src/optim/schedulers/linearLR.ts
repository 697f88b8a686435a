import type { Optimizer } from '../optimizer.js';
import { LRScheduler, type LRSchedulerOptions, requireCount, requireNumber } from './lrScheduler.js';

export interface LinearLROptions extends LRSchedulerOptions {
  /** Above 0, at most 1; default 1/3. */
  startFactor?: number;
  /** From 0 to 1; default 1. */
  endFactor?: number;
  /** Epochs from the start factor to the end factor; default 5. */
  totalIters?: number;
}

/** The rates times a factor that goes evenly from `startFactor` to `endFactor`. A usual warm-up. */
export class LinearLR extends LRScheduler {
  startFactor: number;
  endFactor: number;
  totalIters: number;

  constructor(optimizer: Optimizer, options: LinearLROptions = {}) {
    super(optimizer, options);
    const { startFactor = 1 / 3, endFactor = 1, totalIters = 5 } = options;
    // From 0 there is no way up by multiplying.
    requireNumber('LinearLR: startFactor', startFactor, (value) => value > 0 && value <= 1, 'above 0 and at most 1');
    requireNumber('LinearLR: endFactor', endFactor, (value) => value >= 0 && value <= 1, 'from 0 to 1');
    requireCount('LinearLR: totalIters', totalIters);
    this.startFactor = startFactor;
    this.endFactor = endFactor;
    this.totalIters = totalIters;
    this.initialStep();
  }

  protected override getLr(): number[] {
    const { startFactor, endFactor, totalIters, lastEpoch } = this;
    if (lastEpoch === 0) return this.mapLr((lr) => lr * startFactor);
    if (lastEpoch > totalIters) return this.mapLr((lr) => lr);
    const growth = endFactor - startFactor;
    return this.mapLr((lr) => lr * (1 + growth / (totalIters * startFactor + (lastEpoch - 1) * growth)));
  }

  protected override getClosedFormLr(): number[] {
    const { startFactor, endFactor, totalIters, lastEpoch } = this;
    const done = Math.min(totalIters, lastEpoch);
    return this.baseLrs.map((lr) => lr * (startFactor + ((endFactor - startFactor) * done) / totalIters));
  }

  protected override stateFields(): Record<string, string> {
    return { start_factor: 'startFactor', end_factor: 'endFactor', total_iters: 'totalIters' };
  }
}
