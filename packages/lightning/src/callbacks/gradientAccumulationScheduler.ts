import { LightningError } from '../errors.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import type { Trainer } from '../trainer/trainer.js';
import { Callback } from './callback.js';

/**
 * Changes how many batches make one optimizer step as training goes on: `{ 0: 8, 4: 4, 8: 1 }` accumulates 8 batches in the
 * epochs 0 to 3, 4 in 4 to 7, and none after.
 */
export class GradientAccumulationScheduler extends Callback {
  /** Epoch -> batches, ascending, starting with epoch 0. */
  readonly scheduling: ReadonlyMap<number, number>;

  /** @throws LightningError OPTION_INVALID for an empty schedule, an epoch below 0 or a factor below 1 */
  constructor(scheduling: Readonly<Record<number, number>>) {
    super();
    const entries = Object.entries(scheduling ?? {}).map(([epoch, factor]) => [Number(epoch), factor] as const);
    const isValid = entries.every(
      ([epoch, factor]) => Number.isInteger(epoch) && epoch >= 0 && Number.isInteger(factor) && factor >= 1,
    );
    if (entries.length === 0 || !isValid) {
      throw new LightningError(
        'OPTION_INVALID',
        `GradientAccumulationScheduler: ${JSON.stringify(scheduling)} is not a schedule. Give epochs from 0 up with whole numbers ` +
          'of batches from 1 up: { 0: 8, 4: 1 }.',
      );
    }
    const first: [number, number][] = entries.some(([epoch]) => epoch === 0) ? [] : [[0, 1]];
    this.scheduling = new Map([...first, ...entries].sort(([a], [b]) => a - b));
  }

  /** How many batches are accumulated in an epoch. */
  factorAt(epoch: number): number {
    let factor = 1;
    for (const [start, value] of this.scheduling) if (start <= epoch) factor = value;
    return factor;
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
  }

  override onTrainEpochStart(trainer: Trainer): void {
    trainer.accumulateGradBatches = this.factorAt(trainer.currentEpoch);
  }
}
