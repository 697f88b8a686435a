import type { Optimizer } from '../optimizer.js';
import { power } from './exactMath.js';
import {
  fail,
  forEachGroup,
  LRScheduler,
  type LRSchedulerOptions,
  requireNumber,
  type SchedulerState,
} from './lrScheduler.js';
import { momentumOf, setMomentum, usesBeta1 } from './momentumCycle.js';

export type CyclicMode = 'triangular' | 'triangular2' | 'exp_range';

export interface CyclicLROptions extends LRSchedulerOptions {
  /** The lowest rate, for all groups or for each. */
  baseLr: number | readonly number[];
  /** The highest rate. */
  maxLr: number | readonly number[];
  /** Steps from the lowest to the highest; default 2000. */
  stepSizeUp?: number;
  /** Steps back down; default `stepSizeUp`. */
  stepSizeDown?: number;
  /** Height of the cycles: the same (default), half as high each time, or by `gamma` with every step. */
  mode?: CyclicMode;
  /** For the mode 'exp_range'; default 1. */
  gamma?: number;
  /** Height of a cycle as a factor; overrides `mode`. */
  scaleFn?: (x: number) => number;
  /** Whether `scaleFn` gets the number of the cycle, from 1 (default), or of the step. */
  scaleMode?: 'cycle' | 'iterations';
  /** Move momentum the other way, between the bounds below; default true. */
  cycleMomentum?: boolean;
  /** Default 0.8. */
  baseMomentum?: number | readonly number[];
  /** Default 0.9. */
  maxMomentum?: number | readonly number[];
}

/**
 * The rates go up and down between two bounds; step it after every batch.
 *
 * Source: Smith, Cyclical Learning Rates for Training Neural Networks (2015).
 */
export class CyclicLR extends LRScheduler {
  maxLrs: number[];
  totalSize: number;
  stepRatio: number;
  mode: CyclicMode;
  gamma: number;
  scaleMode: 'cycle' | 'iterations';
  cycleMomentum: boolean;
  private readonly scaleFn: ((x: number) => number) | null;
  private useBeta1 = false;
  private baseMomentums: number[] = [];
  private maxMomentums: number[] = [];

  constructor(optimizer: Optimizer, options: CyclicLROptions) {
    const { stepSizeUp = 2000, stepSizeDown = stepSizeUp, mode = 'triangular', gamma = 1, lastEpoch = -1 } = options;
    const baseLrs = forEachGroup('CyclicLR: baseLr', options.baseLr, optimizer);
    const maxLrs = forEachGroup('CyclicLR: maxLr', options.maxLr, optimizer);
    for (const [name, value] of Object.entries({ stepSizeUp, stepSizeDown }))
      requireNumber(`CyclicLR: ${name}`, value, (steps) => steps > 0, 'above 0');
    requireNumber('CyclicLR: gamma', gamma);
    if (!['triangular', 'triangular2', 'exp_range'].includes(mode) && options.scaleFn === undefined)
      fail(
        `CyclicLR: mode must be 'triangular', 'triangular2' or 'exp_range', or scaleFn be given; got ${String(mode)}`,
      );
    if (lastEpoch === -1)
      optimizer.paramGroups.forEach((group, i) => {
        group.lr = baseLrs[i]!;
      });
    super(optimizer, { lastEpoch });
    this.maxLrs = maxLrs;
    this.totalSize = stepSizeUp + stepSizeDown;
    this.stepRatio = stepSizeUp / this.totalSize;
    this.mode = mode;
    this.gamma = gamma;
    this.scaleFn = options.scaleFn ?? null;
    this.scaleMode = this.scaleFn ? (options.scaleMode ?? 'cycle') : mode === 'exp_range' ? 'iterations' : 'cycle';
    this.cycleMomentum = options.cycleMomentum ?? true;
    if (this.cycleMomentum) this.setUpMomentum(options, lastEpoch);
    this.initialStep();
    // The lowest rates are the base of the cycles, whatever a group had before.
    this.baseLrs = baseLrs;
  }

  protected override getLr(): number[] {
    const { lastEpoch, totalSize, stepRatio } = this;
    const cycle = Math.floor(1 + lastEpoch / totalSize);
    const x = 1 + lastEpoch / totalSize - cycle;
    const height = x <= stepRatio ? x / stepRatio : (x - 1) / (stepRatio - 1);
    const scale = this.scale(this.scaleMode === 'cycle' ? cycle : lastEpoch);
    if (this.cycleMomentum)
      this.maxMomentums.forEach((highest, i) => {
        const momentum = highest - (highest - this.baseMomentums[i]!) * height * scale;
        setMomentum(this.groups[i]!, this.useBeta1, momentum);
      });
    return this.baseLrs.map((base, i) => base + (this.maxLrs[i]! - base) * height * scale);
  }

  protected override stateFields(): Record<string, string> {
    const fields = {
      max_lrs: 'maxLrs',
      total_size: 'totalSize',
      step_ratio: 'stepRatio',
      mode: 'mode',
      gamma: 'gamma',
      scale_mode: 'scaleMode',
      cycle_momentum: 'cycleMomentum',
    };
    if (!this.cycleMomentum) return fields;
    return { ...fields, base_momentums: 'baseMomentums', max_momentums: 'maxMomentums' };
  }

  /** A function cannot be saved; null stands for it. */
  override stateDict(): SchedulerState {
    return { ...super.stateDict(), _scale_fn_custom: null };
  }

  private scale(x: number): number {
    if (this.scaleFn !== null) return this.scaleFn(x);
    if (this.mode === 'triangular') return 1;
    return this.mode === 'triangular2' ? 1 / 2 ** (x - 1) : power(this.gamma, x);
  }

  private setUpMomentum(options: CyclicLROptions, lastEpoch: number): void {
    const { optimizer } = this;
    this.useBeta1 = usesBeta1('CyclicLR', optimizer);
    const lowest = forEachGroup('CyclicLR: baseMomentum', options.baseMomentum ?? 0.8, optimizer);
    for (const [i, group] of this.groups.entries()) if (lastEpoch === -1) setMomentum(group, this.useBeta1, lowest[i]!);
    this.baseMomentums = this.groups.map((group) => momentumOf(group, this.useBeta1));
    this.maxMomentums = forEachGroup('CyclicLR: maxMomentum', options.maxMomentum ?? 0.9, optimizer);
  }
}
