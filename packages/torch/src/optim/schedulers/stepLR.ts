import type { Optimizer } from '../optimizer.js';
import { power } from './exactMath.js';
import { LRScheduler, type LRSchedulerOptions, requireCount, requireNumber } from './lrScheduler.js';

export interface StepLROptions extends LRSchedulerOptions {
  /** Epochs between two decays. */
  stepSize: number;
  /** Factor of a decay; default 0.1. */
  gamma?: number;
}

/** Multiplies the rates by `gamma` every `stepSize` epochs. */
export class StepLR extends LRScheduler {
  stepSize: number;
  gamma: number;

  constructor(optimizer: Optimizer, options: StepLROptions) {
    super(optimizer, options);
    const { stepSize, gamma = 0.1 } = options;
    requireCount('StepLR: stepSize', stepSize);
    requireNumber('StepLR: gamma', gamma);
    this.stepSize = stepSize;
    this.gamma = gamma;
    this.initialStep();
  }

  protected override getLr(): number[] {
    const decays = this.lastEpoch !== 0 && this.lastEpoch % this.stepSize === 0;
    return this.mapLr((lr) => (decays ? lr * this.gamma : lr));
  }

  protected override getClosedFormLr(): number[] {
    return this.baseLrs.map((lr) => lr * power(this.gamma, Math.floor(this.lastEpoch / this.stepSize)));
  }

  protected override stateFields(): Record<string, string> {
    return { step_size: 'stepSize', gamma: 'gamma' };
  }
}
