import type { Optimizer } from '../optimizer.js';
import { cosine } from './exactMath.js';
import {
  fail,
  forEachGroup,
  LRScheduler,
  type LRSchedulerOptions,
  requireCount,
  requireNumber,
  type ScheduledGroup,
  type SchedulerState,
} from './lrScheduler.js';
import { setMomentum, usesBeta1 } from './momentumCycle.js';

export interface OneCycleLROptions extends LRSchedulerOptions {
  /** The highest rate, for all groups or for each. */
  maxLr: number | readonly number[];
  /** Steps of the whole cycle; or give `epochs` and `stepsPerEpoch`. */
  totalSteps?: number;
  epochs?: number;
  stepsPerEpoch?: number;
  /** Share of the steps that go up; default 0.3. */
  pctStart?: number;
  /** Default 'cos'. */
  annealStrategy?: 'cos' | 'linear';
  /** Move momentum the other way; default true. */
  cycleMomentum?: boolean;
  /** Momentum at the highest rate; default 0.85. */
  baseMomentum?: number | readonly number[];
  /** Momentum at the lowest rates; default 0.95. */
  maxMomentum?: number | readonly number[];
  /** The first rate is maxLr / divFactor; default 25. */
  divFactor?: number;
  /** The last rate is the first one / finalDivFactor; default 1e4. */
  finalDivFactor?: number;
  /** Down to the first rate as fast as up, then to the last rate; default false. */
  threePhase?: boolean;
}

type Rate = 'initial_lr' | 'max_lr' | 'min_lr';
type Momentum = 'base_momentum' | 'max_momentum';

/** A part of the cycle, as Python's state has it. */
interface Phase {
  end_step: number;
  start_lr: Rate;
  end_lr: Rate;
  start_momentum: Momentum;
  end_momentum: Momentum;
}

const rateOf = (group: ScheduledGroup, name: Rate): number =>
  (name === 'initial_lr' ? group.initialLr : name === 'max_lr' ? group.maxLr : group.minLr)!;
const boundOf = (group: ScheduledGroup, name: Momentum): number =>
  (name === 'base_momentum' ? group.baseMomentum : group.maxMomentum)!;

function phasesOf(totalSteps: number, pctStart: number, threePhase: boolean): Phase[] {
  const up: Phase = {
    end_step: pctStart * totalSteps - 1,
    start_lr: 'initial_lr',
    end_lr: 'max_lr',
    start_momentum: 'max_momentum',
    end_momentum: 'base_momentum',
  };
  const down = { start_lr: 'max_lr', start_momentum: 'base_momentum', end_momentum: 'max_momentum' } as const;
  if (!threePhase) return [up, { end_step: totalSteps - 1, ...down, end_lr: 'min_lr' }];
  return [
    up,
    { end_step: 2 * pctStart * totalSteps - 2, ...down, end_lr: 'initial_lr' },
    {
      end_step: totalSteps - 1,
      start_lr: 'initial_lr',
      end_lr: 'min_lr',
      start_momentum: 'max_momentum',
      end_momentum: 'max_momentum',
    },
  ];
}

function stepsOf({ totalSteps, epochs, stepsPerEpoch }: OneCycleLROptions): number {
  if (totalSteps !== undefined) {
    requireCount('OneCycleLR: totalSteps', totalSteps);
    return totalSteps;
  }
  if (epochs === undefined || stepsPerEpoch === undefined)
    fail('OneCycleLR needs totalSteps, or epochs and stepsPerEpoch');
  requireCount('OneCycleLR: epochs', epochs);
  requireCount('OneCycleLR: stepsPerEpoch', stepsPerEpoch);
  return epochs * stepsPerEpoch;
}

/**
 * The rates go from low up to `maxLr` and down to nearly nothing, once; step it after every batch.
 *
 * The bounds are kept in the parameter groups (`initialLr`, `maxLr`, `minLr`, `maxMomentum`, `baseMomentum`). A step
 * past the end throws. Source: Smith and Topin, Super-Convergence (2017).
 */
export class OneCycleLR extends LRScheduler {
  totalSteps: number;
  cycleMomentum: boolean;
  annealStrategy: 'cos' | 'linear';
  private useBeta1 = false;
  private phases: Phase[];

  constructor(optimizer: Optimizer, options: OneCycleLROptions) {
    const {
      pctStart = 0.3,
      annealStrategy = 'cos',
      cycleMomentum = true,
      divFactor = 25,
      finalDivFactor = 1e4,
    } = options;
    const { threePhase = false, lastEpoch = -1 } = options;
    const totalSteps = stepsOf(options);
    requireNumber('OneCycleLR: pctStart', pctStart, (value) => value >= 0 && value <= 1, 'from 0 to 1');
    if (annealStrategy !== 'cos' && annealStrategy !== 'linear')
      fail(`OneCycleLR: annealStrategy must be 'cos' or 'linear', got ${String(annealStrategy)}`);
    requireNumber('OneCycleLR: divFactor', divFactor);
    requireNumber('OneCycleLR: finalDivFactor', finalDivFactor);
    const maxLrs = forEachGroup('OneCycleLR: maxLr', options.maxLr, optimizer);
    const useBeta1 = cycleMomentum && usesBeta1('OneCycleLR', optimizer);
    if (lastEpoch === -1) {
      setRates(optimizer.paramGroups, maxLrs, divFactor, finalDivFactor);
      if (cycleMomentum) setMomentumBounds(optimizer, options, useBeta1);
    }
    super(optimizer, { lastEpoch });
    this.totalSteps = totalSteps;
    this.annealStrategy = annealStrategy;
    this.cycleMomentum = cycleMomentum;
    this.useBeta1 = useBeta1;
    this.phases = phasesOf(totalSteps, pctStart, threePhase);
    this.initialStep();
  }

  protected override getLr(): number[] {
    const { lastEpoch, totalSteps, phases } = this;
    if (lastEpoch > totalSteps)
      fail(`Tried to step ${lastEpoch} times. The specified number of total steps is ${totalSteps}`);
    const found = phases.findIndex((phase) => lastEpoch <= phase.end_step);
    const which = found < 0 ? phases.length - 1 : found;
    const phase = phases[which]!;
    const start = which === 0 ? 0 : phases[which - 1]!.end_step;
    const done = (lastEpoch - start) / (phase.end_step - start);
    return this.groups.map((group) => {
      if (this.cycleMomentum) {
        const momentum = this.anneal(boundOf(group, phase.start_momentum), boundOf(group, phase.end_momentum), done);
        setMomentum(group, this.useBeta1, momentum);
      }
      return this.anneal(rateOf(group, phase.start_lr), rateOf(group, phase.end_lr), done);
    });
  }

  protected override stateFields(): Record<string, string> {
    const fields = { total_steps: 'totalSteps', cycle_momentum: 'cycleMomentum', _anneal_func_type: 'annealStrategy' };
    return this.cycleMomentum ? { ...fields, use_beta1: 'useBeta1' } : fields;
  }

  override stateDict(): SchedulerState {
    return { ...super.stateDict(), _schedule_phases: this.phases.map((phase) => ({ ...phase })) };
  }

  override loadStateDict(state: SchedulerState): void {
    super.loadStateDict(state);
    if (state._schedule_phases !== undefined)
      this.phases = (state._schedule_phases as Phase[]).map((phase) => ({ ...phase }));
  }

  private anneal(start: number, end: number, done: number): number {
    if (this.annealStrategy === 'linear') return (end - start) * done + start;
    return end + ((start - end) / 2) * (cosine(Math.PI * done) + 1);
  }
}

function setRates(groups: ScheduledGroup[], maxLrs: number[], divFactor: number, finalDivFactor: number): void {
  groups.forEach((group, i) => {
    group.initialLr = maxLrs[i]! / divFactor;
    group.maxLr = maxLrs[i]!;
    group.minLr = group.initialLr / finalDivFactor;
  });
}

function setMomentumBounds(optimizer: Optimizer, options: OneCycleLROptions, useBeta1: boolean): void {
  const highest = forEachGroup('OneCycleLR: maxMomentum', options.maxMomentum ?? 0.95, optimizer);
  const lowest = forEachGroup('OneCycleLR: baseMomentum', options.baseMomentum ?? 0.85, optimizer);
  (optimizer.paramGroups as ScheduledGroup[]).forEach((group, i) => {
    setMomentum(group, useBeta1, highest[i]!);
    group.maxMomentum = highest[i]!;
    group.baseMomentum = lowest[i]!;
  });
}
