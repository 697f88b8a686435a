import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Adam, SGD, StepLR } from '@lightning-ts/torch/optim';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { batches, LossModel } from '../../test/lossModel.js';
import { CSVLogger } from '../loggers/csvLogger.js';
import type { OptimizersConfig } from '../module/optimizersConfig.js';
import { Trainer } from '../trainer/trainer.js';
import { LearningRateMonitor, type LearningRateMonitorOptions } from './learningRateMonitor.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lr-monitor-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

class Scheduled extends LossModel {
  constructor(private readonly configure: (model: Scheduled) => OptimizersConfig) {
    super();
  }

  override configureOptimizers(): OptimizersConfig {
    return this.configure(this);
  }
}

async function fit(configure: (model: Scheduled) => OptimizersConfig, options: LearningRateMonitorOptions = {}) {
  const callback = new LearningRateMonitor(options);
  const logger = new CSVLogger(folder);
  const trainer = new Trainer({
    maxEpochs: 2,
    logEveryNSteps: 1,
    logger,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: folder,
    callbacks: callback,
  });
  const model = new Scheduled(configure);
  await trainer.fit(model, { trainDataloaders: batches(2) });
  const [header, ...rows] = readFileSync(join(logger.logDir, 'metrics.csv'), 'utf8').trim().split('\n');
  return { lrs: callback.lrs, header: header!, rows, trainer };
}

const rounded = (values: number[] | undefined): number[] | undefined =>
  values?.map((value) => Number(value.toPrecision(6)));

describe('LearningRateMonitor', () => {
  it('logs rates at the interval of their scheduler', async () => {
    const { lrs, header, rows, trainer } = await fit((model) => {
      const optimizer = new SGD(model.parameters(), { lr: 0.1 });
      return [[optimizer], [new StepLR(optimizer, { stepSize: 1, gamma: 0.5 })]];
    });
    expect(rounded(lrs['lr-SGD'])).toEqual([0.1, 0.05]);
    expect(header.split(',')).toContain('lr-SGD');
    expect(rows[0]).toBe('0,0.1,0,');
    expect(trainer.callbackMetrics['lr-SGD']!.item()).toBeCloseTo(0.05, 8);
  });

  it('logs before every step when told so, with momentum and weight decay', async () => {
    const { lrs } = await fit((model) => new Adam(model.parameters(), { lr: 0.01, weightDecay: 0.001 }), {
      loggingInterval: 'step',
      logMomentum: true,
      logWeightDecay: true,
    });
    expect(lrs).toEqual({
      'lr-Adam': [0.01, 0.01, 0.01, 0.01],
      'lr-Adam-momentum': [0.9, 0.9, 0.9, 0.9],
      'lr-Adam-weight_decay': [0.001, 0.001, 0.001, 0.001],
    });
  });

  it('names schedulers, groups and optimizers apart', async () => {
    const { lrs } = await fit(
      (model) => {
        const [weight, bias] = model.parameters();
        const groups = [{ params: [weight!] }, { params: [bias!], name: 'head', lr: 0.5 }] as never;
        const optimizer = new SGD(groups, { lr: 0.1 });
        return { optimizer, lrScheduler: { scheduler: new StepLR(optimizer, { stepSize: 1 }), name: 'warm' } };
      },
      { loggingInterval: 'epoch', logKeyPrefix: 'opt/' },
    );
    expect(Object.keys(lrs)).toEqual(['opt/warm/pg1', 'opt/warm/head']);
    expect(rounded(lrs['opt/warm/head'])).toEqual([0.5, 0.05]);
  });

  it('refuses what it cannot do', async () => {
    expect(() => new LearningRateMonitor({ loggingInterval: 'batch' as never })).toThrow(/OPTION_INVALID/);
    const trainer = new Trainer({
      maxEpochs: 1,
      logger: false,
      enableCheckpointing: false,
      enableProgressBar: false,
      enableModelSummary: false,
      callbacks: new LearningRateMonitor(),
    });
    await expect(trainer.fit(new LossModel(), { trainDataloaders: batches(1) })).rejects.toThrow(/OPTION_CONFLICT/);
  });
});
