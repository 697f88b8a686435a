import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isInferenceModeEnabled, ones, type Tensor } from '@lightning-ts/torch';
import { DataLoader, RandomSampler, SequentialSampler, TensorDataset } from '@lightning-ts/torch/data';
import { describe, expect, test } from 'vitest';
import { Callback } from '../callbacks/callback.js';
import { LambdaCallback } from '../callbacks/lambdaCallback.js';
import { LightningError } from '../errors.js';
import { LightningDataModule } from '../module/dataModule.js';
import { LightningModule } from '../module/lightningModule.js';
import type { Loader } from '../module/loaderTypes.js';
import { SingleDeviceStrategy } from '../strategies/singleDeviceStrategy.js';
import { BoringModel, RandomDataset } from '../testing/boringModel.js';
import { MemoryLogger } from '../testing/memoryLogger.js';
import type { TrainerOptions } from './options.js';
import { Trainer } from './trainer.js';

const folder = mkdtempSync(join(tmpdir(), 'lightning-'));

function newTrainer(options: TrainerOptions = {}): Trainer {
  return new Trainer({
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    maxEpochs: 1,
    limitTrainBatches: 2,
    limitValBatches: 2,
    limitTestBatches: 2,
    limitPredictBatches: 2,
    defaultRootDir: folder,
    ...options,
  });
}

const codeOf = async (run: () => unknown): Promise<string> => {
  try {
    await run();
  } catch (error) {
    if (error instanceof LightningError) return error.code;
    throw error;
  }
  return 'none';
};

/** A model without loaders of its own. */
class Bare extends BoringModel {}
for (const name of ['trainDataloader', 'valDataloader', 'testDataloader', 'predictDataloader'] as const) {
  Object.defineProperty(Bare.prototype, name, { value: undefined, writable: true });
}
const batch = (): Tensor => ones([2, 32]);

describe('data', () => {
  test('a list of batches is a loader, also when a batch is an array', async () => {
    class Pairs extends LightningModule<[Tensor, Tensor]> {
      inner = new BoringModel();
      override trainingStep([x, y]: [Tensor, Tensor]): Tensor {
        return this.inner.forward(x).sub(y).square().mean();
      }
      override configureOptimizers() {
        return this.inner.configureOptimizers();
      }
    }
    const result = await newTrainer({ fastDevRun: true }).fit(new Pairs(), {
      trainDataloaders: [[batch(), ones([2, 2])]],
    });
    expect(result.globalStep).toBe(1);
  });

  test('comes from what is given, else the data module, else the module', async () => {
    const used: string[] = [];
    const from = (name: string): Loader<Tensor> => ({
      *[Symbol.iterator]() {
        used.push(name);
        yield batch();
      },
    });
    const model = new Bare();
    model.trainDataloader = () => from('module');
    const datamodule = new LightningDataModule<Tensor>();
    datamodule.trainDataloader = () => from('data module');
    await newTrainer().fit(model, { trainDataloaders: from('given') });
    await newTrainer().fit(model, { datamodule });
    await newTrainer().fit(model, datamodule);
    await newTrainer().fit(model);
    expect(used).toEqual(['given', 'data module', 'data module', 'module']);
  });

  test('that is missing, no loader, empty, or given twice is an error', async () => {
    const fit = (trainDataloaders: unknown) => () =>
      newTrainer().fit(new Bare(), { trainDataloaders: trainDataloaders as Tensor[] });
    expect(await codeOf(() => newTrainer().fit(new Bare()))).toBe('LOADER_MISSING');
    expect(await codeOf(() => newTrainer().validate(new Bare()))).toBe('LOADER_MISSING');
    expect(await codeOf(fit(5))).toBe('LOADER_INVALID');
    expect(await codeOf(fit('text'))).toBe('LOADER_INVALID');
    expect(await codeOf(fit(batch()))).toBe('LOADER_INVALID');
    expect(await codeOf(fit([]))).toBe('LOADER_EMPTY');
    expect(await codeOf(fit({ *[Symbol.iterator]() {} }))).toBe('LOADER_EMPTY');
    const generator = (function* () {
      yield batch();
    })();
    expect(await codeOf(() => newTrainer({ maxEpochs: 2 }).fit(new Bare(), { trainDataloaders: generator }))).toBe(
      'LOADER_EMPTY',
    );
    const datamodule = new LightningDataModule();
    expect(await codeOf(() => newTrainer().fit(new BoringModel(), { trainDataloaders: [batch()], datamodule }))).toBe(
      'OPTION_CONFLICT',
    );
  });

  test('of an unknown length takes a number as its limit, but no part', async () => {
    const stream: Loader<Tensor> = {
      *[Symbol.iterator]() {
        for (let index = 0; index < 5; index += 1) yield batch();
      },
    };
    const fit = async (limitTrainBatches: number): Promise<number> =>
      (await newTrainer({ limitTrainBatches }).fit(new Bare(), { trainDataloaders: stream })).globalStep;
    expect(await fit(3)).toBe(3);
    expect(await fit(9)).toBe(5);
    expect(await codeOf(() => fit(0.5))).toBe('LOADER_LENGTH');
  });

  test('a part that comes to less than one batch names the least part', async () => {
    const trainDataloaders = Array.from({ length: 4 }, batch);
    await expect(newTrainer({ limitTrainBatches: '10%' }).fit(new Bare(), { trainDataloaders })).rejects.toThrow(
      /at least 25%/,
    );
  });

  test('of several evaluation loaders is run one after the other, with its index', async () => {
    const seen: [number, number][] = [];
    const model = new Bare();
    model.testStep = (_, batchIdx, dataloaderIdx) => seen.push([dataloaderIdx, batchIdx]);
    const loaders = [4, 2].map(
      (length) => new DataLoader(new RandomDataset(32, length), { batchSize: 2 }) as Loader<Tensor>,
    );
    const trainer = newTrainer({ limitTestBatches: 9 });
    await trainer.test(model, { dataloaders: loaders });
    expect(seen).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
    ]);
    expect(trainer.numTestBatches).toEqual([2, 1]);
  });

  test('is asked for again every few epochs when that is wanted', async () => {
    let asked = 0;
    const model = new Bare();
    model.trainDataloader = () => {
      asked += 1;
      return [batch()];
    };
    await newTrainer({ maxEpochs: 5, reloadDataloadersEveryNEpochs: 2 }).fit(model);
    expect(asked).toBe(3);
  });

  test('is read in order when overfitting', async () => {
    const seen: number[] = [];
    const model = new Bare();
    const data = new TensorDataset(ones([8, 32]).mul(ones([8, 1]).cumsum(0)));
    model.trainingStep = function (this: Bare, given: Tensor) {
      const [x] = given as unknown as [Tensor];
      seen.push(x.at(0, 0).item());
      return this.loss(this.forward(x));
    };
    const trainDataloaders = new DataLoader(data, { shuffle: true }) as unknown as Loader<Tensor>;
    await newTrainer({ overfitBatches: 3, maxEpochs: 2 }).fit(model, { trainDataloaders });
    expect(seen).toEqual([1, 2, 3, 1, 2, 3]);
    expect((trainDataloaders as unknown as DataLoader).sampler).toBeInstanceOf(RandomSampler);
    expect(new DataLoader(data).sampler).toBeInstanceOf(SequentialSampler);
  });

  test('whose samples are promises is awaited', async () => {
    const dataset = { length: 4, getItem: (index: number): Promise<Tensor> => Promise.resolve(ones([32]).mul(index)) };
    const trainDataloaders = new DataLoader(dataset, { batchSize: 2 }) as unknown as Loader<Tensor>;
    expect((await newTrainer().fit(new Bare(), { trainDataloaders })).globalStep).toBe(2);
  });
});

describe('a model', () => {
  test('that cannot be trained is refused before anything else happens', async () => {
    class Nothing extends LightningModule {}
    class NoOptimizer extends LightningModule {
      override trainingStep(): null {
        return null;
      }
    }
    let prepared = false;
    const model = new Nothing();
    model.prepareData = () => {
      prepared = true;
    };
    expect(await codeOf(() => newTrainer().fit(model))).toBe('NO_TRAINING_STEP');
    expect(prepared).toBe(false);
    expect(await codeOf(() => newTrainer().fit(new NoOptimizer()))).toBe('NO_CONFIGURE_OPTIMIZERS');
    expect(await codeOf(() => newTrainer().fit({} as BoringModel))).toBe('MODEL_INVALID');
    expect(await codeOf(() => newTrainer().test())).toBe('MODEL_MISSING');
    expect(await codeOf(() => newTrainer().test(new Nothing(), { dataloaders: [1] }))).toBe('NO_EVALUATION_STEP');
    expect(await codeOf(() => newTrainer().predict(new Nothing(), { dataloaders: [1] }))).toBe('NO_EVALUATION_STEP');
  });

  test('with a hook of older versions is told what to use', async () => {
    class Old extends BoringModel {
      trainingEpochEnd(): void {}
    }
    await expect(newTrainer().fit(new Old())).rejects.toThrow(/HOOK_REMOVED: Old.trainingEpochEnd .* onTrainEpochEnd/);
  });

  test('with something else in the place of a hook is refused, but null is none', async () => {
    const model = new BoringModel() as unknown as Record<string, unknown>;
    model.onTrainStart = null;
    expect(await codeOf(() => newTrainer().fit(model as never))).toBe('none');
    model.onTrainStart = 5;
    expect(await codeOf(() => newTrainer().fit(model as never))).toBe('HOOK_INVALID');
  });

  test('sees the run it is part of, and stays usable without one', async () => {
    const model = new BoringModel();
    expect(() => model.trainer).toThrow(/NOT_ATTACHED/);
    expect([model.currentEpoch, model.globalStep, model.loggers.length, String(model.device)]).toEqual([
      0,
      0,
      0,
      'cpu',
    ]);
    expect(model.forward(batch()).shape).toEqual([2, 2]);
    const seen: unknown[] = [];
    const trainer = newTrainer({ maxEpochs: 2 });
    model.onTrainEpochStart = () => {
      seen.push([model.trainer === trainer, model.currentEpoch, model.globalStep]);
    };
    await trainer.fit(model);
    expect(seen).toEqual([
      [true, 0, 0],
      [true, 1, 2],
    ]);
  });

  test('brings callbacks that take the place of the same class', async () => {
    const calls: string[] = [];
    class Named extends Callback {
      constructor(readonly label: string) {
        super();
      }
      override onTrainStart(): void {
        calls.push(this.label);
      }
    }
    const model = new BoringModel();
    model.configureCallbacks = () => new Named('module');
    const trainer = newTrainer({
      callbacks: [new Named('trainer'), new LambdaCallback({ onTrainStart: () => calls.push('other') })],
    });
    await trainer.fit(model);
    expect(calls).toEqual(['other', 'module']);
    expect(trainer.callbacks).toHaveLength(2);
  });
});

describe('evaluation and prediction', () => {
  test('give what was logged, a record for each loader', async () => {
    const model = new BoringModel();
    model.testStep = () => model.log('x', 2);
    expect(await newTrainer().test(model, { verbose: false })).toEqual([{ x: 2 }]);
  });

  test('run in inference mode, or without gradients when that is asked for', async () => {
    for (const inferenceMode of [true, false]) {
      const seen: boolean[] = [];
      const model = new BoringModel();
      model.predictStep = (x) => {
        const output = model.forward(x);
        seen.push(output.requiresGrad, isInferenceModeEnabled());
        return output;
      };
      await newTrainer({ inferenceMode, limitPredictBatches: 1 }).predict(model);
      expect(seen).toEqual([false, inferenceMode]);
    }
  });

  test('predict gives the outputs of each batch, of each loader when there are several, or nothing', async () => {
    const model = new BoringModel();
    const outputs = (await newTrainer().predict(model, { dataloaders: [batch(), batch(), batch()] })) as Tensor[];
    expect(outputs.map((output) => output.shape)).toEqual([
      [2, 2],
      [2, 2],
    ]);
    const loader = new DataLoader(new RandomDataset(32, 4)) as Loader<Tensor>;
    const nested = (await newTrainer().predict(model, { dataloaders: [loader, loader] })) as Tensor[][];
    expect(nested.map((list) => list.length)).toEqual([2, 2]);
    expect(await newTrainer().predict(model, { returnPredictions: false })).toBeNull();
  });

  test('use the last model when none is given', async () => {
    const trainer = newTrainer();
    await trainer.fit(new BoringModel());
    expect(await trainer.validate(null, { verbose: false })).toEqual([{}]);
  });
});

describe('an error', () => {
  test('reaches onException, ends what was begun, and is thrown as it was', async () => {
    const calls: string[] = [];
    const logger = new MemoryLogger();
    const model = new BoringModel();
    const failure = new Error('boom');
    model.trainingStep = () => {
      throw failure;
    };
    model.teardown = () => {
      calls.push('M.teardown');
    };
    const datamodule = new LightningDataModule<Tensor>();
    datamodule.onException = (error) => {
      calls.push(`D.onException ${error === failure}`);
    };
    datamodule.teardown = () => {
      calls.push('D.teardown');
      throw new Error('second');
    };
    const callbacks = new LambdaCallback({
      onException: (_: Trainer, __: unknown, error: Error) => calls.push(`C.onException ${error.message}`),
      onTrainEnd: () => calls.push('C.onTrainEnd'),
      onFitEnd: () => calls.push('C.onFitEnd'),
      teardown: () => calls.push('C.teardown'),
    });
    const trainer = newTrainer({ logger, callbacks });
    await expect(trainer.fit(model, { datamodule })).rejects.toBe(failure);
    expect(calls).toEqual(['C.onException boom', 'D.onException true', 'D.teardown', 'C.teardown', 'M.teardown']);
    expect(logger.statuses).toEqual(['failed']);
    expect(trainer.interrupted).toBe(true);
    expect(process.listenerCount('SIGINT')).toBe(0);
  });

  test('in a setup hook tears down too, and the Trainer can be used again', async () => {
    const calls: string[] = [];
    const model = new BoringModel();
    let fails = true;
    model.setup = () => {
      if (fails) throw new Error('boom');
    };
    model.teardown = () => {
      calls.push('teardown');
    };
    const trainer = newTrainer();
    await expect(trainer.fit(model)).rejects.toThrow('boom');
    expect(calls).toEqual(['teardown']);
    fails = false;
    expect((await trainer.fit(model)).status).toBe('finished');
  });

  test('of the ending alone is thrown', async () => {
    const model = new BoringModel();
    let calls = 0;
    model.teardown = () => {
      calls += 1;
      throw new Error('late');
    };
    await expect(newTrainer().fit(model)).rejects.toThrow('late');
    expect(calls).toBe(1);
  });

  test('about a checkpoint that is not there comes before anything else, and leaves the Trainer usable', async () => {
    const trainer = newTrainer();
    const model = new BoringModel();
    expect(await codeOf(() => trainer.fit(model, { ckptPath: '/nowhere.ckpt' }))).toBe('CHECKPOINT_NOT_FOUND');
    expect(await codeOf(() => trainer.test(model, { ckptPath: 'best' }))).toBe('CHECKPOINT_NOT_FOUND');
    expect((await trainer.fit(model, { ckptPath: 'auto' })).status).toBe('finished');
  });

  test('is what a second call gets while the first runs', async () => {
    const trainer = newTrainer();
    const model = new BoringModel();
    model.setup = async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
    };
    const first = trainer.fit(model);
    expect(await codeOf(() => trainer.fit(model))).toBe('RUN_ACTIVE');
    expect((await first).status).toBe('finished');
  });
});

describe('a run', () => {
  test('calls loggers once each, and says how it ended', async () => {
    const logger = new MemoryLogger();
    const model = new BoringModel();
    model.saveHyperparameters({ learningRate: 0.1, fn: () => 1 });
    await newTrainer({ logger }).fit(model);
    expect(logger.params).toEqual([{ learning_rate: 0.1 }]);
    expect(logger.statuses).toEqual(['success']);
  });

  test('of fastDevRun leaves no files', async () => {
    const defaultRootDir = mkdtempSync(join(tmpdir(), 'lightning-'));
    const trainer = new Trainer({
      fastDevRun: true,
      defaultRootDir,
      enableProgressBar: false,
      enableModelSummary: false,
    });
    await trainer.fit(new BoringModel());
    expect(readdirSync(defaultRootDir)).toEqual([]);
    expect(await codeOf(() => trainer.test(new BoringModel(), { ckptPath: 'best' }))).toBe('CHECKPOINT_NOT_FOUND');
  });

  test('with the defaults logs and saves', async () => {
    const defaultRootDir = mkdtempSync(join(tmpdir(), 'lightning-'));
    const trainer = new Trainer({
      maxEpochs: 1,
      limitTrainBatches: 2,
      defaultRootDir,
      enableProgressBar: false,
      enableModelSummary: false,
    });
    const model = new BoringModel();
    model.onTrainBatchEnd = () => model.log('x', 1);
    const { bestModelPath } = await trainer.fit(model);
    expect(existsSync(bestModelPath!)).toBe(true);
    expect(trainer.logDir).toBe(join(defaultRootDir, 'lightning_logs', 'version_0'));
  });

  test('knows its optimizer steps ahead', async () => {
    const estimate = async (options: TrainerOptions): Promise<number> => {
      let steps = 0;
      const model = new BoringModel();
      const configure = model.configureOptimizers.bind(model);
      model.configureOptimizers = () => {
        steps = model.trainer.estimatedSteppingBatches;
        return configure();
      };
      await newTrainer({ limitTrainBatches: 5, ...options }).fit(model);
      return steps;
    };
    expect(await estimate({ maxEpochs: 3 })).toBe(15);
    expect(await estimate({ maxEpochs: 3, accumulateGradBatches: 2 })).toBe(9);
    expect(await estimate({ maxEpochs: 3, maxSteps: 4 })).toBe(4);
    expect(await estimate({ maxEpochs: -1, maxSteps: 4 })).toBe(4);
  });

  test('computes in double precision when asked to', async () => {
    const seen: string[] = [];
    const model = new BoringModel();
    const step = model.trainingStep.bind(model);
    model.trainingStep = (x, batchIdx) => {
      seen.push(x.dtype, ones([1]).dtype, model.layer.weight.dtype);
      return step(x, batchIdx);
    };
    await newTrainer({ precision: '64-true', limitTrainBatches: 1 }).fit(model);
    expect(seen).toEqual(['float64', 'float64', 'float64']);
    expect(ones([1]).dtype).toBe('float32');
  });

  test('takes a strategy object, and batches go where it says', async () => {
    class Counting extends SingleDeviceStrategy {
      moved = 0;
      override batchToDevice<Batch>(given: Batch): Batch {
        this.moved += 1;
        return given;
      }
    }
    const device = new BoringModel().device;
    const strategy = new Counting(device);
    await newTrainer({ strategy, limitValBatches: 0 }).fit(new BoringModel());
    expect(strategy.moved).toBe(2);
  });
});
