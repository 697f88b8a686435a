import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ones, resetWarnings, type Tensor, zeros } from '@lightning-ts/torch';
import { Parameter } from '@lightning-ts/torch/nn';
import { SGD } from '@lightning-ts/torch/optim';
import { beforeEach, expect, test, vi } from 'vitest';
import { readScalars } from '../../test/eventReader.js';
import { LambdaCallback } from '../callbacks/lambdaCallback.js';
import { LightningError } from '../errors.js';
import { CSVLogger } from '../loggers/csvLogger.js';
import type { Logger } from '../loggers/logger.js';
import { TensorBoardLogger } from '../loggers/tensorBoardLogger.js';
import { LightningModule } from '../module/lightningModule.js';
import type { LogOptions } from '../module/log.js';
import { MemoryLogger } from '../testing/memoryLogger.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lightning-'));
});

class Probe extends LightningModule<Tensor> {
  weight = new Parameter(zeros([1]));
  step: (module: Probe, batchIdx: number) => void = () => {};
  validation: (module: Probe, batchIdx: number) => void = () => {};
  override trainingStep(batch: Tensor, batchIdx: number): Tensor {
    this.step(this, batchIdx);
    return this.weight.mul(batch.sum()).sum();
  }
  override validationStep(_: Tensor, batchIdx: number): void {
    this.validation(this, batchIdx);
  }
  override configureOptimizers(): SGD {
    return new SGD([this.weight], { lr: 0.1 });
  }
}

function newTrainer(logger: Logger | Logger[], options: TrainerOptions = {}): Trainer {
  return new Trainer({
    logger,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    maxEpochs: 2,
    logEveryNSteps: 1,
    numSanityValSteps: 0,
    defaultRootDir: folder,
    ...options,
  });
}

const batches = (count: number): Tensor[] => Array.from({ length: count }, () => ones([1]));
const code = async (run: () => Promise<unknown>): Promise<string> => {
  const error = await run().then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return error instanceof LightningError ? error.code : 'none';
};

test('values over one axis share a row, which stands where the axis is', async () => {
  const logger = new MemoryLogger();
  const model = new Probe();
  model.step = (module, batchIdx) => {
    module.log('plain', batchIdx);
    module.logDict({ a: 1, b: 2 }, { xAxis: 'batches' });
    module.log('stepped', 3, { xAxis: 'globalStep' });
  };
  model.validation = (module) => module.log('val', 4, { xAxis: 'epoch' });
  const trainer = newTrainer(logger, { accumulateGradBatches: 2 });
  await trainer.fit(model, { trainDataloaders: batches(4), valDataloaders: batches(1) });
  const rows = (batchIdx: number, epoch: number, step: number, done: number) => [
    { plain: batchIdx, epoch, step },
    { a: 1, b: 2, step: done },
    { stepped: 3, step: step + 1 },
  ];
  expect(logger.rows).toEqual([
    ...rows(1, 0, 0, 2),
    ...rows(3, 0, 1, 4),
    { val: 4, step: 0 },
    ...rows(1, 1, 2, 6),
    ...rows(3, 1, 3, 8),
    { val: 4, step: 1 },
  ]);
  expect(trainer.loggedNames.map(({ name, xAxis }) => [name, xAxis])).toEqual([
    ['plain', 'step'],
    ['a', 'batches'],
    ['b', 'batches'],
    ['stepped', 'globalStep'],
    ['val', 'epoch'],
  ]);
});

test('another logged value may be the axis: its latest number, whoever logged it and wherever it goes', async () => {
  const logger = new MemoryLogger();
  const model = new Probe();
  let tokens = 0;
  model.step = (module) => {
    tokens += 512;
    // Logged after it, and not for the loggers at all: it is the axis all the same.
    module.log('loss', 1, { xAxis: { metric: 'tokens' }, onEpoch: true });
    module.log('tokens', tokens, { logger: false });
  };
  model.validation = (module) => module.log('val', 2, { xAxis: { metric: 'tokens' } });
  const trainer = newTrainer(logger, { maxEpochs: 1 });
  const data = { trainDataloaders: batches(2), valDataloaders: batches(1) };
  await trainer.fit(model, data);
  expect(logger.rows).toEqual([
    { loss_step: 1, step: 512 },
    { loss_step: 1, step: 1024 },
    { val: 2, step: 1024 },
    { loss_epoch: 1, step: 1024 },
  ]);
  // An evaluation after the training stands where that ended.
  await trainer.validate(model, { dataloaders: batches(1), verbose: false });
  expect(logger.rows.at(-1)).toEqual({ val: 2, step: 1024 });
});

test('while the axis was not logged, its rows stand by steps, and a warning names the nearest', async () => {
  const logger = new MemoryLogger();
  const model = new Probe();
  resetWarnings();
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  model.step = (module, batchIdx) => {
    module.log('loss', batchIdx, { xAxis: { metric: 'token' } });
    module.log('tokens', 7);
  };
  await newTrainer(logger, { maxEpochs: 1 }).fit(model, { trainDataloaders: batches(2) });
  expect(logger.rows.filter((row) => 'loss' in row)).toEqual([
    { loss: 0, step: 0 },
    { loss: 1, step: 1 },
  ]);
  const texts = warned.mock.calls.filter(([, options]) => (options as { code?: string }).code === 'LOG_X_AXIS');
  vi.restoreAllMocks();
  expect(texts.map(([text]) => text)).toEqual([expect.stringContaining("Did you mean 'tokens'?")]);
});

test('CSV files keep their steps and get a column of the axis; TensorBoard gets whole numbers', async () => {
  const csv = new CSVLogger(folder, { name: 'csv' });
  const board = new TensorBoardLogger(folder, { name: 'board' });
  const model = new Probe();
  model.step = (module, batchIdx) => {
    module.log('over_rate', batchIdx, { xAxis: { metric: 'rate' } });
    module.log('over_epoch', batchIdx, { xAxis: 'epoch' });
    module.log('rate', 2.5 + batchIdx, { logger: false });
  };
  await newTrainer([csv, board], { maxEpochs: 1 }).fit(model, { trainDataloaders: batches(2) });
  expect(readFileSync(join(csv.logDir, 'metrics.csv'), 'utf8').trim().split('\n')).toEqual([
    'epoch,over_epoch,over_rate,rate,step',
    '0,,0.0,2.5,0',
    '0,0.0,,,0',
    '0,,1.0,3.5,1',
    '0,1.0,,,1',
  ]);
  expect(readScalars(board.logDir)).toMatchObject({
    over_rate: [
      [3, 0],
      [4, 1],
    ],
    over_epoch: [
      [0, 0],
      [0, 1],
    ],
  });
});

test('seconds since the run began are an axis that only grows', async () => {
  const logger = new MemoryLogger();
  const model = new Probe();
  model.step = (module) => module.log('loss', 1, { xAxis: 'seconds' });
  await newTrainer(logger, { maxEpochs: 1 }).fit(model, { trainDataloaders: batches(3) });
  const seconds = logger.rows.map(({ step }) => step!);
  expect(seconds).toEqual([...seconds].sort((a, b) => a - b));
  expect(new Set(seconds).size).toBe(3);
});

test('a resumed run knows the axes again', async () => {
  const straight = new MemoryLogger();
  const resumed = new MemoryLogger();
  const path = join(folder, 'middle.ckpt');
  const make = (): Probe => {
    const model = new Probe();
    model.step = (module, batchIdx) => {
      module.log('tokens', 100 * (batchIdx + 1), { logger: false, reduceFx: 'max' });
      if (batchIdx === 0) module.log('seen', 5, { onStep: false, onEpoch: true, xAxis: { metric: 'tokens' } });
    };
    return model;
  };
  const save = new LambdaCallback({
    onTrainBatchEnd: async (trainer: Trainer, _: unknown, __: unknown, ___: unknown, batchIdx: number) => {
      if (batchIdx === 1) await trainer.saveCheckpoint(path);
    },
  });
  const data = { trainDataloaders: batches(3) };
  await newTrainer(straight, { maxEpochs: 1, callbacks: save }).fit(make(), data);
  await newTrainer(resumed, { maxEpochs: 1 }).fit(make(), { ...data, ckptPath: path });
  expect(straight.rows).toEqual([{ seen: 5, step: 300 }]);
  expect(resumed.rows).toEqual(straight.rows);
});

test('a bad axis, one of itself, one without a logger and two for one name are errors', async () => {
  const fit = (options: LogOptions, then: LogOptions = options): Promise<string> => {
    const model = new Probe();
    model.step = (module) => {
      module.log('a', 1, options);
      module.log('a', 1, then);
    };
    return code(() => newTrainer(new MemoryLogger(), { maxEpochs: 1 }).fit(model, { trainDataloaders: batches(1) }));
  };
  expect(await fit({ xAxis: 'epochs' as 'epoch' })).toBe('LOG_OPTIONS');
  expect(await fit({ xAxis: { metric: '' } })).toBe('LOG_OPTIONS');
  expect(await fit({ xAxis: { metric: 'a' } })).toBe('LOG_OPTIONS');
  expect(await fit({ xAxis: 'epoch', logger: false })).toBe('LOG_OPTIONS');
  expect(await fit({ xAxis: 'epoch' }, { xAxis: 'batches' })).toBe('LOG_OPTIONS');
  expect(await fit({ xAxis: { metric: 'b' } }, { xAxis: { metric: 'b' } })).toBe('none');
});
