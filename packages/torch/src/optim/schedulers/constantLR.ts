import type { Optimizer } from '../optimizer.js';
import { LRScheduler, type LRSchedulerOptions, requireCount, requireNumber } from './lrScheduler.js';

export interface ConstantLROptions extends LRSchedulerOptions {
  /** From 0 to 1; default 1/3. */
  factor?: number;
  /** Epochs with the factor; default 5. */
  totalIters?: number;
}

/** The rates times `factor`, and after `totalIters` epochs without it. */
export class ConstantLR extends LRScheduler {
  factor: number;
  totalIters: number;

  constructor(optimizer: Optimizer, options: ConstantLROptions = {}) {
    super(optimizer, options);
    const { factor = 1 / 3, totalIters = 5 } = options;
    requireNumber('ConstantLR: factor', factor, (value) => value >= 0 && value <= 1, 'from 0 to 1');
    requireCount('ConstantLR: totalIters', totalIters, 0);
    this.factor = factor;
    this.totalIters = totalIters;
    this.initialStep();
  }

  protected override getLr(): number[] {
    if (this.lastEpoch === 0) return this.mapLr((lr) => lr * this.factor);
    if (this.lastEpoch !== this.totalIters) return this.mapLr((lr) => lr);
    return this.mapLr((lr) => lr * (1 / this.factor));
  }

  protected override getClosedFormLr(): number[] {
    const isOver = this.lastEpoch >= this.totalIters ? 1 : 0;
    return this.baseLrs.map((lr) => lr * (this.factor + isOver * (1 - this.factor)));
  }

  protected override stateFields(): Record<string, string> {
    return { factor: 'factor', total_iters: 'totalIters' };
  }
}
