import type { Tensor } from '../../tensor.js';
import type { Optimizer } from '../optimizer.js';
import { fail, forEachGroup, requireCount, requireNumber, type SchedulerState } from './lrScheduler.js';

export interface ReduceLROnPlateauOptions {
  /** Whether a lower (default) or a higher value is better. */
  mode?: 'min' | 'max';
  /** Factor of a reduction, below 1; default 0.1. */
  factor?: number;
  /** Epochs without improvement that are put up with; default 10. */
  patience?: number;
  /** How much better counts as better; default 1e-4. */
  threshold?: number;
  /** Whether the threshold is a share of the best value (default) or an amount. */
  thresholdMode?: 'rel' | 'abs';
  /** Epochs after a reduction in which nothing is counted; default 0. */
  cooldown?: number;
  /** The lowest rate, for all groups or for each; default 0. */
  minLr?: number | readonly number[];
  /** Reductions by no more than this are left out; default 1e-8. */
  eps?: number;
}

/** Python's names of what is saved as it is, and ours. */
const stateFields = {
  factor: 'factor',
  default_min_lr: 'defaultMinLr',
  min_lrs: 'minLrs',
  patience: 'patience',
  cooldown: 'cooldown',
  cooldown_counter: 'cooldownCounter',
  mode: 'mode',
  threshold: 'threshold',
  threshold_mode: 'thresholdMode',
  best: 'best',
  num_bad_epochs: 'numBadEpochs',
  eps: 'eps',
  last_epoch: 'lastEpoch',
  _last_lr: 'lastLr',
} as const;

/** Reduces the rates when a metric has stopped improving: `scheduler.step(validationLoss)` after each epoch. */
export class ReduceLROnPlateau {
  readonly optimizer: Optimizer;
  mode: 'min' | 'max';
  factor: number;
  patience: number;
  threshold: number;
  thresholdMode: 'rel' | 'abs';
  cooldown: number;
  minLrs: number[];
  eps: number;
  best: number;
  numBadEpochs = 0;
  cooldownCounter = 0;
  lastEpoch = 0;
  /** For groups that are added later; null when each group was given its own. */
  private defaultMinLr: number | null;
  private lastLr: number[];

  constructor(optimizer: Optimizer, options: ReduceLROnPlateauOptions = {}) {
    if (!Array.isArray((optimizer as Partial<Optimizer> | null)?.paramGroups))
      fail(`ReduceLROnPlateau needs an optimizer first, got ${String(optimizer)}`);
    const { mode = 'min', factor = 0.1, patience = 10, threshold = 1e-4, thresholdMode = 'rel' } = options;
    const { cooldown = 0, minLr = 0, eps = 1e-8 } = options;
    if (mode !== 'min' && mode !== 'max') fail(`ReduceLROnPlateau: mode must be 'min' or 'max', got ${String(mode)}`);
    if (thresholdMode !== 'rel' && thresholdMode !== 'abs')
      fail(`ReduceLROnPlateau: thresholdMode must be 'rel' or 'abs', got ${String(thresholdMode)}`);
    requireNumber('ReduceLROnPlateau: factor', factor, (value) => value < 1, 'below 1');
    requireCount('ReduceLROnPlateau: patience', patience, 0);
    requireCount('ReduceLROnPlateau: cooldown', cooldown, 0);
    requireNumber('ReduceLROnPlateau: threshold', threshold);
    requireNumber('ReduceLROnPlateau: eps', eps);
    this.optimizer = optimizer;
    this.mode = mode;
    this.factor = factor;
    this.patience = patience;
    this.threshold = threshold;
    this.thresholdMode = thresholdMode;
    this.cooldown = cooldown;
    this.minLrs = forEachGroup('ReduceLROnPlateau: minLr', minLr, optimizer);
    this.defaultMinLr = typeof minLr === 'number' ? minLr : null;
    this.eps = eps;
    this.best = this.modeWorse;
    this.lastLr = optimizer.paramGroups.map((group) => group.lr);
  }

  get inCooldown(): boolean {
    return this.cooldownCounter > 0;
  }

  /** Tells the metric's value at the end of an epoch; a tensor must have one element. */
  step(metric: number | Tensor): void {
    const current = typeof metric === 'number' ? metric : metric.item();
    this.lastEpoch += 1;
    if (this.isBetter(current)) {
      this.best = current;
      this.numBadEpochs = 0;
    } else this.numBadEpochs += 1;
    if (this.inCooldown) {
      this.cooldownCounter -= 1;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs > this.patience) {
      this.reduce();
      this.cooldownCounter = this.cooldown;
      this.numBadEpochs = 0;
    }
    this.lastLr = this.optimizer.paramGroups.map((group) => group.lr);
  }

  /** The rates after the last step, one for each group. */
  getLastLr(): number[] {
    return [...this.lastLr];
  }

  /** Everything but the optimizer, under Python's names. */
  stateDict(): SchedulerState {
    const own = this as unknown as Record<string, unknown>;
    const entries = Object.entries(stateFields).map(([name, field]) => {
      const value = own[field];
      return [name, Array.isArray(value) ? [...value] : value];
    });
    return { ...Object.fromEntries(entries), mode_worse: this.modeWorse, verbose: false };
  }

  /** Takes over a state, ours or Python's. What it does not have stays as it is. */
  loadStateDict(state: SchedulerState): void {
    for (const [name, field] of Object.entries(stateFields)) {
      const value = state[name];
      if (value !== undefined) Object.assign(this, { [field]: Array.isArray(value) ? [...value] : value });
    }
  }

  /** Worse than any value. */
  private get modeWorse(): number {
    return this.mode === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }

  private isBetter(value: number): boolean {
    const { best, threshold } = this;
    if (this.mode === 'min') return value < (this.thresholdMode === 'rel' ? best * (1 - threshold) : best - threshold);
    return value > (this.thresholdMode === 'rel' ? best * (threshold + 1) : best + threshold);
  }

  private reduce(): void {
    this.optimizer.paramGroups.forEach((group, i) => {
      const lowest = this.minLrs[i] ?? this.defaultMinLr;
      if (lowest === null)
        fail(
          `ReduceLROnPlateau was given ${this.minLrs.length} values of minLr, but the optimizer now has ${this.optimizer.paramGroups.length} groups`,
        );
      const reduced = Math.max(group.lr * this.factor, lowest);
      if (group.lr - reduced > this.eps) group.lr = reduced;
    });
  }
}
