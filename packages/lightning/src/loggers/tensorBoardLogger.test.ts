import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ones, randn, silenceWarnings, type Tensor } from '@lightning-ts/torch';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { messageOf, messagesOf, readEvents, readScalars, readValues, textOf } from '../../test/eventReader.js';
import { batches, LossModel } from '../../test/lossModel.js';
import { Callback } from '../callbacks/callback.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';
import { CSVLogger } from './csvLogger.js';
import { DummyLogger } from './dummyLogger.js';
import { TensorBoardLogger, type TensorBoardLoggerOptions } from './tensorBoardLogger.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tensorboard-logger-'));
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

class Tuned extends LossModel {
  constructor(options: Record<string, unknown> = { learningRate: 0.1, layers: { depth: 2 } }) {
    super([1, 0.5]);
    this.saveHyperparameters(options);
  }
}

const trainerWith = (logger: TrainerOptions['logger'], options: TrainerOptions = {}): Trainer =>
  new Trainer({
    maxEpochs: 2,
    logger,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: folder,
    logEveryNSteps: 1,
    ...options,
  });

const data = () => ({ trainDataloaders: batches(3), valDataloaders: batches(1) });

describe('TensorBoardLogger', () => {
  it('writes the rows of a run, with the epoch, and its hyperparameters', async () => {
    const logger = new TensorBoardLogger(folder, { name: 'cnn' });
    await trainerWith(logger).fit(new Tuned(), data());
    expect(logger.logDir).toBe(join(folder, 'cnn', 'version_0'));
    const scalars = readScalars(logger.logDir);
    expect(scalars.val_loss).toEqual([
      [2, 1],
      [5, 0.5],
    ]);
    expect(scalars.train_loss!.map(([step]) => step)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(scalars.epoch!.map(([step, epoch]) => `${step}:${epoch}`)).toContain('5:1');
    expect(scalars.hp_metric).toEqual([[0, -1]]);
    const start = readValues(logger.logDir).find(({ tag }) => tag === '_hparams_/session_start_info')!;
    const content = messageOf(messageOf(messageOf(start.fields, 9), 1), 2);
    expect(messagesOf(messageOf(content, 3), 1).map((entry) => textOf(entry, 1))).toEqual([
      'learning_rate',
      'layers/depth',
    ]);
    expect(readFileSync(join(logger.logDir, 'hparams.yaml'), 'utf8')).toBe('layers:\n  depth: 2\nlearning_rate: 0.1\n');
  });

  it('works beside another logger, and the first decides the folders', async () => {
    const loggers = [new TensorBoardLogger(folder, { name: 'a' }), new CSVLogger(folder, { name: 'b' })];
    const trainer = trainerWith(loggers, { enableCheckpointing: true });
    await trainer.fit(new LossModel([1]), data());
    const rows = readFileSync(join(folder, 'b', 'version_0', 'metrics.csv'), 'utf8').split('\n');
    expect(rows[0]).toBe('epoch,step,train_loss,val_loss');
    expect(readScalars(loggers[0]!.logDir!).train_loss).toHaveLength(6);
    expect(trainer.logDir).toBe(join(folder, 'a', 'version_0'));
    expect(existsSync(join(folder, 'a', 'version_0', 'checkpoints', 'epoch=1-step=6.ckpt'))).toBe(true);
  });

  it('counts versions, takes names for them, and puts files into a sub-folder', () => {
    mkdirSync(join(folder, 'x', 'version_4'), { recursive: true });
    const dir = (options: TensorBoardLoggerOptions) =>
      new TensorBoardLogger(folder, options).logDir.slice(folder.length + 1);
    expect(dir({ name: 'x' })).toBe('x/version_5');
    expect(dir({ name: 'x', version: 'v1.0' })).toBe('x/v1.0');
    expect(dir({ name: null, version: 3 })).toBe('version_3');
    expect(dir({ name: 'x', version: 1, subDir: 'train' })).toBe('x/version_1/train');
    vi.stubEnv('WHERE', '/data');
    // biome-ignore lint/suspicious/noTemplateCurlyInString: an environment variable, as a shell writes it
    expect(new TensorBoardLogger('$WHERE/${WHERE}/$NOT_SET').saveDir).toBe('/data//data/$NOT_SET');
    expect(new TensorBoardLogger('~/runs').saveDir).toMatch(/^\/.*\/runs$/);
  });

  it('puts the prefix before metrics, also those beside the hyperparameters', async () => {
    const logger = new TensorBoardLogger(folder, { prefix: 'exp' });
    logger.logMetrics({ loss: 1, split: { train: 1, val: 2 } }, 4);
    logger.logHyperparams({ lr: 1, empty: null, list: [1, 2], on: true }, { acc: 0.5 });
    await logger.finalize('success');
    expect(readScalars(logger.logDir)).toEqual({ 'exp-loss': [[4, 1]], 'exp-acc': [[0, 0.5]] });
    expect(readScalars(join(logger.logDir, 'exp-split_val'))).toEqual({ 'exp-split': [[4, 2]] });
    expect(() => logger.logMetrics({ note: 'text' as never })).toThrow(/LOGGER_VALUE.*addText/);
    await logger.finalize('success');
  });

  it('shows hyperparameters without a made-up metric when told so', async () => {
    const logger = new TensorBoardLogger(folder, { defaultHpMetric: false });
    logger.logHyperparams({ lr: 1 });
    await logger.finalize('success');
    expect(readValues(logger.logDir).map(({ tag }) => tag)).toEqual([
      '_hparams_/experiment',
      '_hparams_/session_start_info',
      '_hparams_/session_end_info',
    ]);
  });

  it('writes the graph of a model with an example input, and says why not without one', async () => {
    class Shown extends LossModel {
      override exampleInputArray = ones([1, 2]);
    }
    const logger = new TensorBoardLogger(folder, { logGraph: true });
    await trainerWith(logger, { maxEpochs: 1 }).fit(new Shown(), data());
    const graph = readEvents(logger.logDir).find((event) => event.has(4))!;
    expect(messagesOf(messageOf(graph, 4), 1).map((node) => textOf(node, 1))).toContain('Shown/layer/linear');
    silenceWarnings('LOG_GRAPH_INPUT');
    const bare = new TensorBoardLogger(folder, { logGraph: true });
    bare.logGraph(new LossModel());
    await bare.finalize('success');
    expect(existsSync(bare.logDir) && readdirSync(bare.logDir).some((name) => name.startsWith('events'))).toBe(false);
  });

  it('leaves a hparams.yaml that is there, and writes an empty one otherwise', async () => {
    const directory = join(folder, 'lightning_logs', 'version_7');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'hparams.yaml'), 'mine: 1\n');
    const kept = new TensorBoardLogger(folder, { version: 7 });
    kept.logHyperparams({ lr: 1 });
    await kept.finalize('success');
    expect(readFileSync(join(directory, 'hparams.yaml'), 'utf8')).toBe('mine: 1\n');
    const empty = new TensorBoardLogger(folder, { version: 8 });
    await empty.finalize('success');
    expect(readFileSync(join(empty.logDir, 'hparams.yaml'), 'utf8')).toBe('{}\n');
  });

  it('keeps what was logged when the run fails', async () => {
    class Failing extends LossModel {
      override trainingStep(batch: Tensor, batchIdx: number): Tensor {
        if (this.globalStep === 2) throw new Error('no luck');
        return super.trainingStep(batch, batchIdx);
      }
    }
    const logger = new TensorBoardLogger(folder);
    await expect(trainerWith(logger).fit(new Failing(), data())).rejects.toThrow('no luck');
    expect(readScalars(logger.logDir).train_loss).toHaveLength(2);
  });

  it('serves two runs of one Trainer', async () => {
    const logger = new TensorBoardLogger(folder);
    const trainer = trainerWith(logger, { maxEpochs: 1 });
    await trainer.fit(new LossModel(), data());
    await trainer.fit(new LossModel(), data());
    expect(readdirSync(logger.logDir).filter((name) => name.startsWith('events'))).toHaveLength(2);
  });

  it.each([
    [{ name: 5 }],
    [{ version: -1 }],
    [{ version: true }],
    [{ logGraph: 'yes' }],
    [{ defaultHpMetric: 1 }],
    [{ prefix: null }],
    [{ subDir: 1 }],
    [{ flushSecs: 'often' }],
    [{ logGrpah: true }],
  ])('refuses %j', (options) => {
    expect(() => new TensorBoardLogger(folder, options as never)).toThrow(
      /OPTION_(INVALID|UNKNOWN): TensorBoardLogger/,
    );
  });

  it('refuses a folder that is none', () => {
    expect(() => new TensorBoardLogger(undefined as never)).toThrow(/OPTION_INVALID/);
  });
});

describe('DummyLogger', () => {
  it('stands for the loggers of a trial run, so that code written for them runs', async () => {
    class Watch extends Callback {
      override onTrainBatchEnd(trainer: Trainer): void {
        (trainer.logger as TensorBoardLogger).experiment.addImage('sample', randn([3, 2, 2]), trainer.globalStep);
      }
    }
    const trainer = trainerWith(new TensorBoardLogger(folder), { fastDevRun: true, callbacks: new Watch() });
    await trainer.fit(new LossModel([1]), data());
    expect(trainer.logger).toBeInstanceOf(DummyLogger);
    expect(readdirSync(folder)).toEqual([]);
    expect(trainerWith(false, { fastDevRun: true }).loggers).toEqual([]);
  });

  it('answers any call and any property', async () => {
    const { experiment } = new DummyLogger();
    expect(experiment.config!.update!({ a: 1 }).more).toBe(experiment);
    expect(await experiment).toBe(experiment);
  });
});
