import type { Optimizer } from '../optimizer.js';
import { cosine } from './exactMath.js';
import { LRScheduler, type LRSchedulerOptions, requireCount, requireNumber } from './lrScheduler.js';

export interface CosineAnnealingLROptions extends LRSchedulerOptions {
  /** Epochs from the initial rate down to `etaMin` (Python's `T_max`). */
  tMax: number;
  /** The lowest rate; default 0. */
  etaMin?: number;
}

/**
 * The rates follow half a cosine from the initial rate down to `etaMin` in `tMax` epochs, and back up after that.
 *
 * Source: Loshchilov and Hutter, SGDR (2016), without the restarts; computed from the present rate, so that other
 * changes of it stay.
 */
export class CosineAnnealingLR extends LRScheduler {
  tMax: number;
  etaMin: number;

  constructor(optimizer: Optimizer, options: CosineAnnealingLROptions) {
    super(optimizer, options);
    const { tMax, etaMin = 0 } = options;
    requireCount('CosineAnnealingLR: tMax', tMax);
    requireNumber('CosineAnnealingLR: etaMin', etaMin);
    this.tMax = tMax;
    this.etaMin = etaMin;
    this.initialStep();
  }

  protected override getLr(): number[] {
    const { lastEpoch, tMax, etaMin } = this;
    if (lastEpoch === 0) return this.mapLr((lr) => lr);
    if (this.stepCount === 1)
      return this.baseLrs.map((base) => etaMin + ((base - etaMin) * (1 + cosine((lastEpoch * Math.PI) / tMax))) / 2);
    // At the lowest point the present rate says nothing about how high it was.
    if ((lastEpoch - 1 - tMax) % (2 * tMax) === 0)
      return this.groups.map((group, i) => group.lr + ((this.baseLrs[i]! - etaMin) * (1 - cosine(Math.PI / tMax))) / 2);
    const change = (1 + cosine((Math.PI * lastEpoch) / tMax)) / (1 + cosine((Math.PI * (lastEpoch - 1)) / tMax));
    return this.mapLr((lr) => change * (lr - etaMin) + etaMin);
  }

  protected override getClosedFormLr(): number[] {
    const { lastEpoch, tMax, etaMin } = this;
    return this.baseLrs.map((base) => etaMin + ((base - etaMin) * (1 + cosine((Math.PI * lastEpoch) / tMax))) / 2);
  }

  protected override stateFields(): Record<string, string> {
    return { T_max: 'tMax', eta_min: 'etaMin' };
  }
}
