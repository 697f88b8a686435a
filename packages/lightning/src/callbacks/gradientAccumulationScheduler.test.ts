import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

  it('can count optimizer steps, and changes where windows of both sizes end', async () => {
    const seen: string[] = [];
    const watch = new LambdaCallback({
      onTrainBatchEnd: (trainer, _module, _outputs, _batch, batchIdx) =>
        void seen.push(`${batchIdx}:${trainer.globalStep}/${trainer.accumulateGradBatches}`),
    });
    const schedule = new GradientAccumulationScheduler({ 0: 1, 2: 3 }, { by: 'step' });
    const trainer = trainerWith([schedule, watch]);
    await trainer.fit(new LossModel(), { trainDataloaders: batches(7) });
    // Two steps are done after batch 1, but windows of three end after batch 2.
    expect(seen.slice(0, 7)).toEqual(['0:1/1', '1:2/1', '2:3/3', '3:3/3', '4:3/3', '5:4/3', '6:5/3']);
    expect(seen.slice(7, 11)).toEqual(['0:5/3', '1:5/3', '2:6/3', '3:6/3']);
  });

  it('goes on with its number of batches in a run that is resumed inside an epoch', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'accumulation-'));
    const path = join(folder, 'inside.ckpt');
    try {
      for (const by of ['epoch', 'step'] as const) {
        const make = () => new GradientAccumulationScheduler(by === 'epoch' ? { 1: 2 } : { 4: 2 }, { by });
        const save = new LambdaCallback({
          onTrainBatchEnd: (trainer, _module, _outputs, _batch, batchIdx) =>
            trainer.currentEpoch === 1 && batchIdx === 1 ? trainer.saveCheckpoint(path) : undefined,
        });
        const straight = trainerWith([make(), save]);
        await straight.fit(new LossModel(), { trainDataloaders: batches(4) });
        const resumed = trainerWith([make()]);
        await resumed.fit(new LossModel(), { trainDataloaders: batches(4), ckptPath: path });
        expect(resumed.globalStep).toBe(straight.globalStep);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
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
    expect(() => new GradientAccumulationScheduler({ 0: 2 }, { by: 'batch' as never })).toThrow(/OPTION_INVALID/);
    expect(() => new GradientAccumulationScheduler(null as never)).toThrow(/OPTION_INVALID/);
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
