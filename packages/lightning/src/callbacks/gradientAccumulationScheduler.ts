import { describe } from '../describe.js';
import { LightningError } from '../errors.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import { OptionReader } from '../optionReader.js';
import type { Trainer } from '../trainer/trainer.js';
import { Callback } from './callback.js';

export interface GradientAccumulationSchedulerOptions {
  /**
   * What the schedule counts: epochs, or optimizer steps over the whole run. By steps, a new number of batches takes effect
   * where accumulation windows of the old and the new size both end, at the latest with the next epoch. Default `'epoch'`.
   */
  readonly by?: 'epoch' | 'step';
}

/**
 * Changes how many batches make one optimizer step as training goes on: `{ 0: 8, 4: 4, 8: 1 }` accumulates 8 batches in the
 * epochs 0 to 3, 4 in 4 to 7, and none after.
 */
export class GradientAccumulationScheduler extends Callback {
  /** Epoch or step -> batches, ascending, starting with 0. */
  readonly scheduling: ReadonlyMap<number, number>;
  private readonly by: 'epoch' | 'step';
  /** What is in use, by steps: what a resumed run has to go on with. */
  private current: number | null = null;
  private resumed: number | null = null;

  /** @throws LightningError OPTION_INVALID for an empty schedule, a place below 0 or a factor below 1; OPTION_UNKNOWN */
  constructor(scheduling: Readonly<Record<number, number>>, options: GradientAccumulationSchedulerOptions = {}) {
    super();
    const reader = new OptionReader<GradientAccumulationSchedulerOptions>(this.constructor.name, options);
    this.by = reader.choice('by', ['epoch', 'step'], 'epoch');
    reader.done();
    const entries = Object.entries(scheduling ?? {}).map(([start, factor]) => [Number(start), factor] as const);
    const isValid = entries.every(
      ([start, factor]) => Number.isInteger(start) && start >= 0 && Number.isInteger(factor) && factor >= 1,
    );
    if (typeof scheduling !== 'object' || entries.length === 0 || !isValid) {
      throw new LightningError(
        'OPTION_INVALID',
        `GradientAccumulationScheduler: ${JSON.stringify(scheduling) ?? describe(scheduling)} is not a schedule. Give ${this.by}s from 0 ` +
          'up with whole numbers of batches from 1 up: { 0: 8, 4: 1 }.',
      );
    }
    const first: [number, number][] = entries.some(([start]) => start === 0) ? [] : [[0, 1]];
    this.scheduling = new Map([...first, ...entries].sort(([a], [b]) => a - b));
  }

  /** How many batches are accumulated from an epoch or step on. */
  factorAt(place: number): number {
    let factor = 1;
    for (const [start, value] of this.scheduling) if (start <= place) factor = value;
    return factor;
  }

  override setup(_trainer: Trainer, _module: AnyLightningModule, stage: string): void {
    if (stage === 'fit') this.resumed = null;
  }

  override onTrainStart(trainer: Trainer, module: AnyLightningModule): void {
    if (!module.automaticOptimization) {
      throw new LightningError(
        'OPTION_CONFLICT',
        `GradientAccumulationScheduler cannot work: ${module.constructor.name} turns automatic optimization off. Accumulate in ` +
          'trainingStep instead.',
      );
    }
    // A resumed run, or a second fit, finds what this callback itself has set.
    const isOurs = [...this.scheduling.values()].includes(trainer.accumulateGradBatches);
    if (trainer.accumulateGradBatches !== 1 && !isOurs) {
      throw new LightningError(
        'OPTION_CONFLICT',
        `GradientAccumulationScheduler sets the accumulation, but the Trainer was given accumulateGradBatches: ` +
          `${trainer.accumulateGradBatches}. Remove one of the two.`,
      );
    }
    // Also for a run that goes on inside an epoch, which has no epoch's start.
    this.use(trainer, this.resumed ?? this.factorAt(this.by === 'epoch' ? trainer.currentEpoch : trainer.globalStep));
    this.resumed = null;
  }

  override onTrainEpochStart(trainer: Trainer): void {
    this.use(trainer, this.factorAt(this.by === 'epoch' ? trainer.currentEpoch : trainer.globalStep));
  }

  override onTrainBatchEnd(
    trainer: Trainer,
    _module: AnyLightningModule,
    _outputs: unknown,
    _batch: unknown,
    batchIdx: number,
  ): void {
    if (this.by === 'epoch') return;
    const wanted = this.factorAt(trainer.globalStep);
    const done = batchIdx + 1;
    if (wanted !== this.current && done % wanted === 0 && done % (this.current ?? 1) === 0) this.use(trainer, wanted);
  }

  private use(trainer: Trainer, factor: number): void {
    this.current = factor;
    trainer.accumulateGradBatches = factor;
  }

  override stateDict(): Record<string, unknown> {
    const factor = this.resumed ?? this.current;
    return this.by === 'step' && factor !== null ? { factor } : {};
  }

  override loadStateDict(state: Record<string, unknown>): void {
    if (typeof state.factor === 'number') this.resumed = state.factor;
  }
}
