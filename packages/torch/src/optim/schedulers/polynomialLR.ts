import type { Optimizer } from '../optimizer.js';
import { power } from './exactMath.js';
import { LRScheduler, type LRSchedulerOptions, requireCount, requireNumber } from './lrScheduler.js';

export interface PolynomialLROptions extends LRSchedulerOptions {
  /** Epochs until the rate is 0; default 5. */
  totalIters?: number;
  /** Default 1, a straight line. */
  power?: number;
}

/** The rates go down to 0 in `totalIters` epochs, as (1 - epoch / totalIters) to the power of `power`. */
export class PolynomialLR extends LRScheduler {
  totalIters: number;
  power: number;

  constructor(optimizer: Optimizer, options: PolynomialLROptions = {}) {
    super(optimizer, options);
    const { totalIters = 5 } = options;
    requireCount('PolynomialLR: totalIters', totalIters);
    requireNumber('PolynomialLR: power', options.power ?? 1);
    this.totalIters = totalIters;
    this.power = options.power ?? 1;
    this.initialStep();
  }

  protected override getLr(): number[] {
    const { lastEpoch, totalIters } = this;
    if (lastEpoch === 0 || lastEpoch > totalIters) return this.mapLr((lr) => lr);
    const decay = power((1 - lastEpoch / totalIters) / (1 - (lastEpoch - 1) / totalIters), this.power);
    return this.mapLr((lr) => lr * decay);
  }

  protected override getClosedFormLr(): number[] {
    const left = power(1 - Math.min(this.totalIters, this.lastEpoch) / this.totalIters, this.power);
    return this.baseLrs.map((lr) => lr * left);
  }

  protected override stateFields(): Record<string, string> {
    return { total_iters: 'totalIters', power: 'power' };
  }
}
