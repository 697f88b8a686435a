import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Accuracy, F1Score, MetricCollection } from '@lightning-ts/metrics';
import { AnomalyError, isAnomalyEnabled, ones, randint, randn, type Tensor, tensor } from '@lightning-ts/torch';
import { type DataLoader, IterableDataset, TensorDataset } from '@lightning-ts/torch/data';
import { Linear } from '@lightning-ts/torch/nn';
import { type Closure, type Optimizer, SGD, StepLR } from '@lightning-ts/torch/optim';
import { describe, expect, test } from 'vitest';
import { Callback } from '../callbacks/callback.js';
import { LightningError } from '../errors.js';
import type { RowMoment } from '../loggers/logger.js';
import type { LightningOptimizer } from '../loops/lightningOptimizer.js';
import { BoringModel } from '../testing/boringModel.js';
import { MemoryLogger } from '../testing/memoryLogger.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';
import { LightningDataModule } from './dataModule.js';
import { LightningModule, type StepOutput } from './lightningModule.js';

const folder = mkdtempSync(join(tmpdir(), 'lightning-'));
const newTrainer = (options: TrainerOptions = {}): Trainer =>
  new Trainer({
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    maxEpochs: 1,
    limitTrainBatches: 2,
    limitValBatches: 2,
    defaultRootDir: folder,
    ...options,
  });
const codeOf = async (run: () => unknown): Promise<string> => {
  try {
    await run();
  } catch (error) {
    if (error instanceof LightningError) return error.code;
    throw error;
  }
  return 'none';
};

describe('a module', () => {
  test('knows where it is and in which type', () => {
    const model = new BoringModel();
    expect([model.device.type, model.onGpu, model.dtype]).toEqual(['cpu', false, 'float32']);
    expect(model.double().dtype).toBe('float64');
    expect(new (class extends LightningModule {})().dtype).toBe('float32');
  });

  test('gathers values of all processes: with one, they are as they were', async () => {
    const model = new BoringModel();
    expect(await codeOf(() => model.allGather(1))).toBe('NOT_ATTACHED');
    let gathered: unknown;
    model.onTrainStart = () => {
      const { loss, counts } = model.allGather({ loss: tensor([1, 2]), counts: [3, true] as [number, boolean] });
      gathered = [loss.shape, counts[0].item(), counts[1].dtype];
    };
    await newTrainer().fit(model);
    expect(gathered).toEqual([[2], 3, 'bool']);
  });

  test('gives its optimizers wrapped or bare', async () => {
    class Manual extends BoringModel {
      override automaticOptimization = false;
      bare: readonly Optimizer[] = [];
      override trainingStep(batch: Tensor): StepOutput {
        this.bare = this.optimizers({ useLightningOptimizer: false });
        this.manualBackward(this.loss(this.forward(batch)));
        this.optimizers().step();
        return null;
      }
    }
    const model = new Manual();
    const trainer = newTrainer();
    await trainer.fit(model);
    expect(model.bare[0]).toBeInstanceOf(SGD);
    expect(model.bare).toEqual(trainer.optimizers.map(({ optimizer }) => optimizer));
  });

  test('clips by hand as the Trainer says, and not against it', async () => {
    const clip = async (options: object, trainerOptions: TrainerOptions = {}): Promise<string> => {
      const model = new BoringModel();
      model.configureGradientClipping = (optimizer) => model.clipGradients(optimizer, options);
      return codeOf(() => newTrainer(trainerOptions).fit(model));
    };
    expect(await clip({})).toBe('none');
    expect(await clip({ gradientClipVal: 0.1 })).toBe('none');
    expect(await clip({ gradientClipVal: 0.1 }, { gradientClipVal: 0.1 })).toBe('none');
    expect(await clip({ gradientClipVal: 0.2 }, { gradientClipVal: 0.1 })).toBe('OPTION_CONFLICT');
    expect(await clip({ gradientClipVal: '1' })).toBe('OPTION_INVALID');
    expect(await clip({ gradientClipVal: 1, gradientClipAlgorithm: 'l2' })).toBe('OPTION_INVALID');
    const model = new BoringModel();
    const norms: number[] = [];
    model.configureGradientClipping = (optimizer) => {
      model.clipGradients(optimizer);
      norms.push(Math.max(...model.parameters().map((parameter) => parameter.grad!.abs().max().item())));
    };
    await newTrainer({ gradientClipVal: 1e-3, gradientClipAlgorithm: 'value' }).fit(model);
    expect(Math.max(...norms)).toBeLessThanOrEqual(Math.fround(1e-3));
  });
});

describe('callbacks and collections', () => {
  test('a callback logs by the rules of the hook that runs', async () => {
    class Logs extends Callback {
      override onTrainBatchEnd(): void {
        this.log('step', 5);
        this.log('batch', 1, { onStep: false, onEpoch: true, reduceFx: 'sum' });
      }
      override onTrainEpochEnd(): void {
        this.logDict({ a: 1, b: 2 });
      }
    }
    const logger = new MemoryLogger();
    const logs = new Logs();
    const trainer = newTrainer({ callbacks: logs, logger, limitValBatches: 0 });
    await trainer.fit(new BoringModel());
    expect(logger.rows.at(-1)).toEqual({ a: 1, b: 2, batch: 2, epoch: 0, step: 1 });
    expect(logs.logTo).toBeNull();
    class Wrong extends Callback {
      override onFitStart(): void {
        this.log('early', 1);
      }
    }
    expect(await codeOf(() => newTrainer({ callbacks: new Wrong() }).fit(new BoringModel()))).toBe('LOG_NOT_ALLOWED');
  });

  test('a collection of metrics is logged whole, for the step and for the epoch', async () => {
    class Classifier extends LightningModule<[Tensor, Tensor]> {
      layer = new Linear(4, 3);
      scores = new MetricCollection(
        [new Accuracy({ task: 'multiclass', numClasses: 3 }), new F1Score({ task: 'multiclass', numClasses: 3 })],
        { prefix: 'train/' },
      );
      override trainingStep([x, y]: [Tensor, Tensor]): Tensor {
        const output = this.layer.forward(x);
        this.scores.forward(output, y);
        this.logDict(this.scores, { onStep: true, onEpoch: true });
        return output.sum();
      }
      override configureOptimizers() {
        return new SGD(this.parameters(), { lr: 0 });
      }
    }
    const data = [1, 2].map((): [Tensor, Tensor] => [randn([6, 4]), randint(0, 3, [6])]);
    const model = new Classifier();
    const accuracies = data.map(([x, y]) => model.layer.forward(x).argmax(1).eq(y).float().mean().item());
    const logger = new MemoryLogger();
    const trainer = newTrainer({ logger, logEveryNSteps: 1 });
    await trainer.fit(model, data);
    expect(logger.rows.slice(0, 2).map((row) => row['train/MulticlassAccuracy_step'])).toEqual(accuracies);
    expect(logger.rows[2]!['train/MulticlassAccuracy_epoch']).toBeCloseTo((accuracies[0]! + accuracies[1]!) / 2, 6);
    expect(Object.keys(logger.rows[2]!)).toContain('train/MulticlassF1Score_epoch');
    expect(trainer.loggedNames).toEqual([
      expect.objectContaining({ hook: 'trainingStep', name: 'train/MulticlassAccuracy', reduceFx: 'metric' }),
      expect.objectContaining({
        name: 'train/MulticlassF1Score',
        keys: ['train/MulticlassF1Score_step', 'train/MulticlassF1Score_epoch'],
      }),
    ]);
  });

  test('every row says its moment in every unit', async () => {
    const moments: unknown[] = [];
    class Moments extends MemoryLogger {
      override logMetrics(_values: Readonly<Record<string, number>>, _step: number, moment?: RowMoment): void {
        const { seconds, ...rest } = moment!;
        expect(seconds).toBeGreaterThan(0);
        moments.push(rest);
      }
    }
    const model = new BoringModel();
    model.trainingStep = (batch) => {
      model.log('x', 1);
      return model.loss(model.forward(batch));
    };
    const options = { logger: new Moments(), logEveryNSteps: 1, accumulateGradBatches: 2, limitTrainBatches: 4 };
    await newTrainer({ ...options, limitValBatches: 0 }).fit(model);
    expect(moments).toMatchObject([
      { epoch: 0, batches: 2, globalStep: 1 },
      { epoch: 0, batches: 4, globalStep: 2 },
    ]);
  });
});

describe('hyperparameters', () => {
  interface Options {
    readonly size: number;
    readonly name?: string;
    readonly net?: Linear;
    readonly nested?: { readonly list: readonly number[] };
  }
  class Net extends BoringModel {
    constructor(readonly options: Options) {
      super();
      this.saveHyperparameters({ kind: 'base' });
      this.saveHyperparameters(options, { ignore: 'net' });
    }
  }

  test('of several calls are merged, nested ones kept, and what is ignored is nowhere', async () => {
    const net = new Net({ size: 3, nested: { list: [1, 2] }, net: new Linear(1, 1) });
    expect(net.hparams).toEqual({ kind: 'base', size: 3, nested: { list: [1, 2] } });
    net.hparams.size = 4;
    expect(net.hparamsInitial.size).toBe(3);
    const path = join(folder, 'net.ckpt');
    const trainer = newTrainer();
    trainer.strategy.connect(net);
    await trainer.saveCheckpoint(path);
    const loaded = await Net.loadFromCheckpoint(path, { name: 'other' });
    expect(loaded.options).toEqual({ kind: 'base', size: 4, nested: { list: [1, 2] }, name: 'other' });
    for (const wrong of [5, 'text', null, [1]])
      expect(await codeOf(() => net.saveHyperparameters(wrong as unknown as object))).toBe('HPARAMS_INVALID');
  });

  test('may come from a file in place of the saved ones', async () => {
    const path = join(folder, 'file.ckpt');
    const trainer = newTrainer();
    trainer.strategy.connect(new Net({ size: 3 }));
    await trainer.saveCheckpoint(path);
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const yaml = await Net.loadFromCheckpoint(path, { hparamsFile: file('h.yaml', 'size: 7\nname: yaml\n') });
    expect(yaml.options).toEqual({ size: 7, name: 'yaml' });
    const csv = await Net.loadFromCheckpoint(path, { hparamsFile: file('h.csv', 'key,value\nsize,8\nname,True\n') });
    expect(csv.options).toEqual({ size: 8, name: true });
    expect(await codeOf(() => Net.loadFromCheckpoint(path, { hparamsFile: file('h.txt', '') }))).toBe(
      'HPARAMS_INVALID',
    );
  });

  test('go to the loggers by themselves unless they are told not to', async () => {
    const paramsOf = async (options: TrainerOptions): Promise<unknown> => {
      const logger = new MemoryLogger();
      await newTrainer({ logger, ...options }).fit(new Net({ size: 3 }));
      return logger.params;
    };
    expect(await paramsOf({})).toEqual([{ kind: 'base', size: 3 }]);
    expect(await paramsOf({ enableAutologHparams: false })).toEqual([]);
  });
});

describe('a data module', () => {
  test('is made of datasets, one or many, and only training data is shuffled', async () => {
    const numbers = new TensorDataset(randn([6, 32]));
    class Stream extends IterableDataset<[Tensor]> {
      *[Symbol.iterator](): Iterator<[Tensor]> {
        yield [ones([32])];
      }
    }
    class Sized extends LightningDataModule {
      constructor(readonly options: { batchSize: number; extra?: string }) {
        super();
      }
    }
    const data = Sized.fromDatasets({
      trainDataset: numbers,
      valDataset: [numbers, { a: new Stream() }],
      batchSize: 4,
      extra: 'kept',
    });
    expect(data).toBeInstanceOf(Sized);
    expect(data.options).toMatchObject({ batchSize: 4, extra: 'kept' });
    const train = data.trainDataloader!() as DataLoader;
    expect(train.length).toBe(2);
    expect(train.sampler!.constructor.name).toBe('RandomSampler');
    const [first, { a }] = data.valDataloader!() as unknown as [DataLoader, { a: DataLoader }];
    expect(first.sampler!.constructor.name).toBe('SequentialSampler');
    expect(a.lengthOrNull).toBeNull();
    expect(String(data)).toBe(
      '{Train dataloader: size=6}\n{Val dataloader: 1. size=6 ; 2. size=NA}\n{Test dataloader: None}\n{Predict dataloader: None}',
    );
  });

  test('is built from a checkpoint, and its state comes back with the run', async () => {
    class Counting extends LightningDataModule {
      seen = 0;
      constructor(readonly options: { batchSize: number; note?: string }) {
        super();
        this.saveHyperparameters(options);
      }
      override trainDataloader() {
        this.seen += 1;
        return [ones([this.options.batchSize, 32])];
      }
      override stateDict() {
        return { seen: this.seen };
      }
      override loadStateDict(state: Record<string, unknown>): void {
        this.seen = Number(state.seen);
      }
    }
    const path = join(folder, 'data.ckpt');
    const trainer = newTrainer({ limitValBatches: 0 });
    await trainer.fit(new BoringModel(), new Counting({ batchSize: 2 }));
    await trainer.saveCheckpoint(path);
    const loaded = await Counting.loadFromCheckpoint(path, { note: 'more' });
    expect(loaded.options).toEqual({ batchSize: 2, note: 'more' });
    await newTrainer({ limitValBatches: 0, maxEpochs: 2 }).fit(new BoringModel(), {
      datamodule: loaded,
      ckptPath: path,
    });
    expect(loaded.seen).toBe(2);
  });
});

describe('what a hook gives back is looked at', () => {
  const fit = (change: (model: BoringModel) => void): Promise<string> => {
    const model = new BoringModel();
    change(model);
    return codeOf(() => newTrainer({ limitValBatches: 0 }).fit(model));
  };
  const wrong = (value: unknown) => (() => value) as never;

  test.each<[string, (model: BoringModel) => void, string]>([
    ['a batch that a transfer hook forgot', (model) => (model.onAfterBatchTransfer = wrong(undefined)), 'HOOK_RETURN'],
    ['a promise of a batch', (model) => (model.onBeforeBatchTransfer = wrong(Promise.resolve())), 'HOOK_ASYNC'],
    ['no batch from the transfer', (model) => (model.transferBatchToDevice = wrong(undefined)), 'HOOK_RETURN'],
    ['false from onTrainBatchStart', (model) => (model.onTrainBatchStart = wrong(false)), 'HOOK_RETURN'],
    ['a promise of true from it', (model) => (model.onTrainBatchStart = wrong(Promise.resolve(true))), 'HOOK_RETURN'],
    ['no callback', (model) => (model.configureCallbacks = wrong([5])), 'OPTION_INVALID'],
    ['no optimizer', (model) => (model.configureOptimizers = wrong(5)), 'OPTIMIZERS_INVALID'],
    ['a promise of one', (model) => (model.configureOptimizers = wrong(Promise.resolve())), 'OPTIMIZERS_INVALID'],
    ['no loader', (model) => (model.trainDataloader = wrong(5)), 'LOADER_INVALID'],
    ['no loss', (model) => (model.trainingStep = wrong('loss')), 'TRAINING_STEP_OUTPUT'],
    ['an async optimizerStep', (model) => (model.optimizerStep = async () => {}), 'HOOK_ASYNC'],
    ['an async backward', (model) => (model.backward = async () => {}), 'HOOK_ASYNC'],
    // Not declared so: only what it returns tells.
    ['a backward that promises', (model) => (model.backward = wrong(Promise.reject(new Error()))), 'HOOK_ASYNC'],
    ['a zeroGrad that promises', (model) => (model.optimizerZeroGrad = wrong(Promise.resolve())), 'HOOK_ASYNC'],
    ['clipping that promises', (model) => (model.configureGradientClipping = wrong(Promise.resolve())), 'HOOK_ASYNC'],
    [
      'a step of the schedule that promises',
      (model) => {
        model.lrSchedulerStep = wrong(Promise.resolve());
        model.configureOptimizers = () => {
          const optimizer = new SGD(model.parameters(), { lr: 0.1 });
          return [[optimizer], [{ scheduler: new StepLR(optimizer, { stepSize: 1 }), interval: 'step' }]];
        };
      },
      'HOOK_ASYNC',
    ],
    [
      'a step that runs its closure and promises',
      (model) => {
        model.optimizerStep = ((_: number, __: number, optimizer: LightningOptimizer, closure: Closure) => {
          optimizer.step(closure);
          return Promise.resolve();
        }) as never;
      },
      'HOOK_ASYNC',
    ],
  ])('%s', async (_, change, code) => {
    expect(await fit(change)).toBe(code);
  });
});

describe('what older versions and Python called differently is told', () => {
  test.each([
    'training_step',
    'on_train_epoch_end',
    'configure_optimizers',
    'train_dataloader',
    'onEpochEnd',
    'validationEpochEnd',
    'trainingStepEnd',
    'configureShardedModel',
    'getProgressBarDict',
    'tbpttSplitBatch',
  ])('%s', async (name) => {
    const model = new BoringModel();
    Object.assign(model, { [name]: () => {} });
    expect(await codeOf(() => newTrainer().fit(model))).toBe('HOOK_REMOVED');
    const callback = Object.assign(new (class extends Callback {})(), { [name]: () => {} });
    expect(await codeOf(() => newTrainer({ callbacks: callback }).fit(new BoringModel()))).toBe('HOOK_REMOVED');
  });

  test('a trainingStep with optimizerIdx', async () => {
    const model = new BoringModel();
    model.trainingStep = ((_batch: Tensor, _batchIdx: number, _optimizerIdx: number) => null) as never;
    await expect(newTrainer().fit(model)).rejects.toThrow(
      /optimizerIdx no longer exists.*automaticOptimization = false/,
    );
  });
});

test('detectAnomaly names the operator whose backward gave NaN, and is off again afterwards', async () => {
  const model = new BoringModel();
  model.trainingStep = (batch) => model.forward(batch).mul(0).sqrt().sum();
  await expect(newTrainer({ detectAnomaly: true, limitValBatches: 0 }).fit(model)).rejects.toThrow(AnomalyError);
  expect(isAnomalyEnabled()).toBe(false);
  await newTrainer({ limitValBatches: 0 }).fit(model);
});
