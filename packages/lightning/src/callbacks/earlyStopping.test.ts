import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from '@lightning-ts/torch/serialize';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { batches, LossModel } from '../../test/lossModel.js';
import type { LightningError } from '../errors.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';
import { EarlyStopping, type EarlyStoppingOptions, StoppingReason } from './earlyStopping.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'early-stopping-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function fit(
  options: Partial<EarlyStoppingOptions>,
  scores: readonly number[],
  given: TrainerOptions & { ckptPath?: string } = {},
) {
  const { ckptPath, ...trainerOptions } = given;
  const callback = new EarlyStopping({ monitor: 'val_loss', ...options });
  const trainer = new Trainer({
    maxEpochs: 10,
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: folder,
    callbacks: callback,
    ...trainerOptions,
  });
  const module = new LossModel(scores);
  await trainer.fit(module, { trainDataloaders: batches(4), valDataloaders: batches(1), ckptPath });
  return { callback, trainer, module, epochs: module.validations };
}

describe('EarlyStopping', () => {
  it('stops when the metric has not improved for `patience` checks', async () => {
    const { callback, epochs } = await fit({ patience: 2 }, [1, 0.5, 0.6, 0.5, 0.4]);
    expect(epochs).toBe(4);
    expect(callback.stoppingReason).toBe(StoppingReason.PATIENCE_EXHAUSTED);
    expect([callback.waitCount, callback.stoppedEpoch, callback.bestScore]).toEqual([2, 3, 0.5]);
    expect(callback.stoppingReasonMessage).toBe(
      'Monitored metric val_loss did not improve in the last 2 records. Best score: 0.500. Signaling Trainer to stop.',
    );
  });

  it('with patience 0 stops at the first check without improvement', async () => {
    expect((await fit({ patience: 0 }, [1, 0.5, 0.5])).epochs).toBe(3);
  });

  it('asks for more than minDelta, whatever its sign', async () => {
    expect((await fit({ patience: 1, minDelta: 0.25 }, [1, 0.5, 0.3])).epochs).toBe(3);
    expect((await fit({ patience: 1, minDelta: -0.25, mode: 'max' }, [0, 0.5, 0.7])).epochs).toBe(3);
  });

  it.each<[Partial<EarlyStoppingOptions>, number[], keyof typeof StoppingReason, number]>([
    [{}, [1, Number.NaN], 'NON_FINITE_METRIC', 2],
    [{}, [1, Number.POSITIVE_INFINITY], 'NON_FINITE_METRIC', 2],
    [{ stoppingThreshold: 0.5 }, [1, 0.5, 0.4], 'STOPPING_THRESHOLD', 3],
    [{ divergenceThreshold: 5 }, [1, 5, 6], 'DIVERGENCE_THRESHOLD', 3],
    [{ stoppingThreshold: 0.9, mode: 'max' }, [0.1, 0.95], 'STOPPING_THRESHOLD', 2],
    [{ divergenceThreshold: 0.1, mode: 'max' }, [0.5, 0.05], 'DIVERGENCE_THRESHOLD', 2],
  ])('%j stops on %j: %s', async (options, scores, reason, epochs) => {
    const run = await fit(options, scores);
    expect(run.callback.stoppingReason).toBe(StoppingReason[reason]);
    expect(run.epochs).toBe(epochs);
  });

  it('goes on over NaN when told to, which is no improvement', async () => {
    const { callback, epochs } = await fit({ checkFinite: false, patience: 2 }, [1, Number.NaN, Number.NaN]);
    expect([epochs, callback.stoppingReason]).toEqual([3, StoppingReason.PATIENCE_EXHAUSTED]);
  });

  it('checks after each validation when there are several in an epoch', async () => {
    const { trainer, module } = await fit({ patience: 1 }, [1, 0.5, 0.5], { valCheckInterval: 2 });
    expect(module.validations).toBe(3);
    expect(trainer.globalStep).toBe(6);
  });

  it('works with an interval by time', async () => {
    const { callback } = await fit({ patience: 1 }, [1, 1, 1], { valCheckInterval: { milliseconds: 1 } });
    expect(callback.stoppingReason).toBe(StoppingReason.PATIENCE_EXHAUSTED);
  });

  it('waits for a metric that comes only every other epoch, and counts each value once', async () => {
    const { module, trainer } = await fit({ patience: 2, checkOnTrainEpochEnd: true }, [1, 1, 1], {
      checkValEveryNEpoch: 2,
    });
    expect(module.validations).toBe(3);
    expect(trainer.currentEpoch).toBe(6);
  });

  it('judges a second run by its own values', async () => {
    const callback = new EarlyStopping({ monitor: 'val_loss', patience: 2 });
    const options = {
      maxEpochs: 10,
      logger: false,
      enableCheckpointing: false,
      enableProgressBar: false,
      enableModelSummary: false,
    };
    const data = { trainDataloaders: batches(2), valDataloaders: batches(1) };
    await new Trainer({ ...options, callbacks: callback }).fit(new LossModel([0.1, 0.2, 0.3]), data);
    expect(callback.stoppingReason).toBe(StoppingReason.PATIENCE_EXHAUSTED);
    const worse = new LossModel([5, 4, 3, 3, 3]);
    await new Trainer({ ...options, callbacks: callback }).fit(worse, data);
    expect([worse.validations, callback.bestScore]).toEqual([5, 3]);
  });

  it('fails at the end when the metric never came, unless told not to', async () => {
    const code = await fit({ monitor: 'val_los' }, [1], { maxEpochs: 2 }).catch((error: LightningError) => error.code);
    expect(code).toBe('MONITOR_MISSING');
    await fit({ monitor: 'val_los', strict: false }, [1], { maxEpochs: 1 });
  });

  it('is quiet in fastDevRun', async () => {
    expect((await fit({ monitor: 'absent' }, [], { fastDevRun: true })).callback.waitCount).toBe(0);
  });

  it('tells of improvements and of the stop when verbose', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    await fit({ verbose: true, patience: 1 }, [0.6, 0.5, 0.5]);
    const lines = log.mock.calls.map(([text]) => String(text));
    log.mockRestore();
    expect(lines.filter((line) => !line.startsWith('Training on'))).toEqual([
      'Metric val_loss improved. New best score: 0.600',
      'Metric val_loss improved by 0.100 >= min_delta = 0.0. New best score: 0.500',
      'Monitored metric val_loss did not improve in the last 1 records. Best score: 0.500. Signaling Trainer to stop.',
    ]);
  });

  it('keeps its state in checkpoints, and a resumed run goes on waiting', async () => {
    const first = await fit({ patience: 5 }, [0.5, 0.6, 0.7], { maxEpochs: 3 });
    const path = join(folder, 'three.ckpt');
    await first.trainer.saveCheckpoint(path);
    const saved = (await load(path)) as { callbacks: Record<string, Record<string, unknown>> };
    expect(Object.keys(saved.callbacks)).toEqual(["EarlyStopping{'monitor': 'val_loss', 'mode': 'min'}"]);
    const resumed = await fit({ patience: 1 }, [0.8], { ckptPath: path });
    expect(resumed.callback.patience).toBe(5);
    expect(resumed.callback.bestScore).toBe(0.5);
    // Two checks without improvement before, three after.
    expect(resumed.module.validations).toBe(3);
  });

  it.each([
    [{ monitor: '' }],
    [{ mode: 'best' }],
    [{ patience: -1 }],
    [{ patience: 1.5 }],
    [{ minDelta: Number.NaN }],
    [{ strict: 'no' }],
    [{ stoppingThreshold: '1' }],
    [{ checkFinite: 0 }],
  ])('refuses %j when it is made', (options) => {
    expect(() => new EarlyStopping({ monitor: 'val_loss', ...(options as object) })).toThrow(/OPTION_INVALID/);
  });
});
