import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ones, resetWarnings, silenceWarnings, Tensor } from '@lightning-ts/torch';
import { load } from '@lightning-ts/torch/serialize';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { batches, LossModel } from '../../test/lossModel.js';
import { MemoryLogger } from '../testing/memoryLogger.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';
import type { Callback } from './callback.js';
import { DeviceStatsMonitor } from './deviceStatsMonitor.js';
import { EarlyStopping } from './earlyStopping.js';
import { EMAWeightAveraging } from './emaWeightAveraging.js';
import { GradientAccumulationScheduler } from './gradientAccumulationScheduler.js';
import { LambdaCallback } from './lambdaCallback.js';
import { LearningRateMonitor } from './learningRateMonitor.js';
import { ModelCheckpoint } from './modelCheckpoint.js';
import { ModelSummary } from './modelSummary.js';
import { OnExceptionCheckpoint } from './onExceptionCheckpoint.js';
import { ProgressBar } from './progressBar.js';
import { RichModelSummary } from './richModelSummary.js';
import { RichProgressBar } from './richProgressBar.js';
import { Timer } from './timer.js';
import { TQDMProgressBar } from './tqdmProgressBar.js';
import { WeightAveraging } from './weightAveraging.js';

let folder: string;

const stream = { write: () => true, columns: 80 };
const makers: Readonly<Record<string, () => Callback>> = {
  DeviceStatsMonitor: () => new DeviceStatsMonitor(),
  EarlyStopping: () => new EarlyStopping({ monitor: 'val_loss', patience: 5 }),
  EMAWeightAveraging: () => new EMAWeightAveraging({ decay: 0.5, updateStartingAtEpoch: 1 }),
  'GradientAccumulationScheduler by epoch': () => new GradientAccumulationScheduler({ 1: 2 }),
  'GradientAccumulationScheduler by step': () => new GradientAccumulationScheduler({ 2: 2 }, { by: 'step' }),
  LambdaCallback: () => new LambdaCallback({ onTrainEpochEnd: () => {} }),
  LearningRateMonitor: () => new LearningRateMonitor({ logMomentum: true, logWeightDecay: true }),
  'ModelCheckpoint with a monitor': () =>
    new ModelCheckpoint({ monitor: 'val_loss', dirpath: join(folder, 'best'), saveTopK: 2, saveLast: true }),
  'ModelCheckpoint by steps': () =>
    new ModelCheckpoint({ everyNTrainSteps: 2, dirpath: join(folder, 'steps'), saveTopK: -1 }),
  ModelSummary: () => new ModelSummary(),
  OnExceptionCheckpoint: () => new OnExceptionCheckpoint(join(folder, 'failed')),
  ProgressBar: () => new ProgressBar({ stream }),
  RichModelSummary: () => new RichModelSummary({ stream, time: true }),
  RichProgressBar: () => new RichProgressBar({ stream }),
  TQDMProgressBar: () => new TQDMProgressBar({ stream }),
  WeightAveraging: () => new WeightAveraging(),
  Timer: () => new Timer({ duration: { hours: 1 } }),
};
const each = Object.entries(makers);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'every-callback-'));
  silenceWarnings('CHECKPOINT_DIRECTORY_NOT_EMPTY');
  vi.spyOn(console, 'log').mockImplementation(() => {});
});

afterEach(() => {
  vi.restoreAllMocks();
  resetWarnings();
  rmSync(folder, { recursive: true, force: true });
});

const trainerWith = (callbacks: Callback | Callback[], options: TrainerOptions = {}): Trainer => {
  const list = [callbacks].flat();
  return new Trainer({
    maxEpochs: 2,
    logger: new MemoryLogger(),
    logEveryNSteps: 1,
    enableCheckpointing: list.some((callback) => callback instanceof ModelCheckpoint),
    enableProgressBar: list.some((callback) => callback instanceof ProgressBar),
    enableModelSummary: list.some((callback) => callback instanceof ModelSummary),
    defaultRootDir: folder,
    callbacks,
    ...options,
  });
};

class Shown extends LossModel {
  override exampleInputArray = ones([1, 2]);
  failsAtStep = -1;

  override trainingStep(batch: Tensor, batchIdx: number): Tensor {
    if (this.globalStep === this.failsAtStep) throw new Error('no luck');
    return super.trainingStep(batch, batchIdx);
  }
}

const model = (failsAtStep = -1): Shown => Object.assign(new Shown([1, 0.5, 0.75]), { failsAtStep });
const data = () => ({ trainDataloaders: batches(4), valDataloaders: batches(1) });

/** A state as text: scores are tensors. */
const textOf = (state: unknown): string =>
  JSON.stringify(state, (_, value) => {
    if (value instanceof Map) return [...value];
    return value instanceof Tensor ? value.tolist() : value;
  });

describe.each(each)('%s', (_name, make) => {
  it('gets back from a checkpoint what it put there', async () => {
    const first = make();
    const trainer = trainerWith(first);
    await trainer.fit(model(), data());
    const path = join(folder, 'state.ckpt');
    await trainer.saveCheckpoint(path);
    const before = first.stateDict();
    const saved = ((await load(path)) as { callbacks: Record<string, unknown> }).callbacks;
    expect(Object.keys(saved).includes(first.stateKey)).toBe(Object.keys(before).length > 0);
    const second = make();
    // Nothing is left to train, so nothing changes the state.
    await trainerWith(second).fit(model(), { ...data(), ckptPath: path });
    const after = second.stateDict();
    if (second instanceof Timer)
      expect(second.timeElapsed()).toBeGreaterThanOrEqual(Number((before.time_elapsed as { train: number }).train));
    else expect(textOf(after)).toBe(textOf(before));
  });

  it('passes a failure on as it is, and can be used again', async () => {
    const callback = make();
    await expect(trainerWith(callback).fit(model(2), data())).rejects.toThrow('no luck');
    const again = trainerWith(callback);
    await again.fit(model(), data());
    expect(again.currentEpoch).toBe(2);
  });

  it('serves two runs of one Trainer alike', async () => {
    const trainer = trainerWith(make());
    const steps: number[] = [];
    for (let run = 0; run < 2; run += 1) {
      await trainer.fit(model(), data());
      steps.push(trainer.globalStep);
    }
    expect(steps[1]).toBe(steps[0]);
    expect(trainer.currentEpoch).toBe(2);
  });
});

describe('all of them together', () => {
  it.each<[string, TrainerOptions]>([
    ['every two batches', { valCheckInterval: 2 }],
    ['twice an epoch', { valCheckInterval: 0.5 }],
    ['by time', { valCheckInterval: { milliseconds: 1 } }],
    ['in every other epoch', { checkValEveryNEpoch: 2 }],
    ['counted across epochs', { checkValEveryNEpoch: null, valCheckInterval: 3 }],
    ['by steps alone', { maxEpochs: -1, maxSteps: 5 }],
  ])('work with validation %s', async (_name, options) => {
    // One progress bar, one summary, one average: there is one screen and one model.
    const left = [
      'RichModelSummary',
      'RichProgressBar',
      'TQDMProgressBar',
      'GradientAccumulationScheduler by epoch',
      'WeightAveraging',
    ];
    const callbacks = each.filter(([name]) => !left.includes(name)).map(([, make]) => make());
    const trainer = trainerWith(callbacks, options);
    await trainer.fit(model(), data());
    expect(trainer.globalStep).toBeGreaterThan(3);
    expect(existsSync(join(folder, 'failed', 'on_exception.ckpt'))).toBe(false);
    expect(
      (callbacks.find((callback) => callback instanceof ModelCheckpoint) as ModelCheckpoint).bestModelPath,
    ).not.toBe('');
  });

  it('refuse options they do not have', () => {
    const wrong = { nonsense: 1 } as never;
    for (const make of [
      () => new EarlyStopping({ monitor: 'x', ...(wrong as object) }),
      () => new DeviceStatsMonitor(wrong),
      () => new EMAWeightAveraging(wrong),
      () => new WeightAveraging(wrong),
      () => new GradientAccumulationScheduler({ 0: 1 }, wrong),
      () => new LearningRateMonitor(wrong),
      () => new ModelCheckpoint(wrong),
      () => new ModelSummary(wrong),
      () => new ProgressBar(wrong),
      () => new RichModelSummary(wrong),
      () => new RichProgressBar(wrong),
      () => new TQDMProgressBar(wrong),
      () => new Timer(wrong),
    ]) {
      expect(make).toThrow(/OPTION_UNKNOWN/);
    }
  });
});
