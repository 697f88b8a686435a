import { describe, expect, it } from 'vitest';
import { batches, LossModel } from '../../test/lossModel.js';
import { Trainer } from '../trainer/trainer.js';
import type { Callback } from './callback.js';
import { GradientAccumulationScheduler } from './gradientAccumulationScheduler.js';
import { LambdaCallback } from './lambdaCallback.js';

const trainerWith = (callbacks: Callback[], accumulateGradBatches?: number): Trainer =>
  new Trainer({
    maxEpochs: 4,
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    callbacks,
    accumulateGradBatches,
  });

describe('GradientAccumulationScheduler', () => {
  it('changes how many batches make a step', async () => {
    const steps: number[] = [];
    const watch = new LambdaCallback({ onTrainEpochEnd: (trainer) => void steps.push(trainer.globalStep) });
    await trainerWith([new GradientAccumulationScheduler({ 1: 4, 3: 2 }), watch]).fit(new LossModel(), {
      trainDataloaders: batches(4),
    });
    expect(steps).toEqual([4, 5, 6, 8]);
  });

  it('may be used in a second run of the same Trainer', async () => {
    const trainer = trainerWith([new GradientAccumulationScheduler({ 0: 2 })]);
    await trainer.fit(new LossModel(), { trainDataloaders: batches(4) });
    expect(trainer.globalStep).toBe(8);
    await trainer.fit(new LossModel(), { trainDataloaders: batches(4) });
    expect(trainer.globalStep).toBe(8);
  });

  it('refuses what it cannot work with', async () => {
    const schedules: Record<string, number>[] = [{}, { 0: 0 }, { '-1': 2 }, { 0: 1.5 }, { x: 1 }];
    for (const schedule of schedules) {
      expect(() => new GradientAccumulationScheduler(schedule)).toThrow(/OPTION_INVALID/);
    }
    const conflict = trainerWith([new GradientAccumulationScheduler({ 0: 2 })], 4);
    await expect(conflict.fit(new LossModel(), { trainDataloaders: batches(1) })).rejects.toThrow(/OPTION_CONFLICT/);
    const manual = new LossModel();
    manual.automaticOptimization = false;
    const run = trainerWith([new GradientAccumulationScheduler({ 0: 2 })]).fit(manual, {
      trainDataloaders: batches(1),
    });
    await expect(run).rejects.toThrow(/OPTION_CONFLICT/);
  });
});
