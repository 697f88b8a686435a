import { existsSync, mkdtempSync, readdirSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ones, Tensor } from '@lightning-ts/torch';
import { Linear } from '@lightning-ts/torch/nn';
import { Adam, StepLR } from '@lightning-ts/torch/optim';
import { load, OrderedDict, save } from '@lightning-ts/torch/serialize';
import { describe, expect, test } from 'vitest';
import { LambdaCallback } from '../callbacks/lambdaCallback.js';
import { ModelCheckpoint } from '../callbacks/modelCheckpoint.js';
import { LightningError } from '../errors.js';
import { LightningDataModule } from '../module/dataModule.js';
import { LightningModule } from '../module/lightningModule.js';
import type { OptimizersConfig } from '../module/optimizersConfig.js';
import { BoringModel } from '../testing/boringModel.js';
import { RecordingCallback } from '../testing/recordingCallback.js';
import { nextHpcCheckpoint } from './checkpointPath.js';
import type { TrainerOptions } from './options.js';
import { Trainer } from './trainer.js';

const folder = mkdtempSync(join(tmpdir(), 'lightning-'));

interface Options {
  readonly hiddenSize: number;
  readonly learningRate?: number;
  readonly W_q?: number;
  readonly onDone?: () => void;
}

class Net extends LightningModule<Tensor, Options> {
  hidden: Linear;
  outputLayer: Linear;
  constructor(options: Options) {
    super();
    this.saveHyperparameters(options);
    this.hidden = new Linear(4, options.hiddenSize);
    this.outputLayer = new Linear(options.hiddenSize, 1);
  }
  override forward(x: Tensor): Tensor {
    return this.outputLayer.forward(this.hidden.forward(x).relu());
  }
  override trainingStep(batch: Tensor): Tensor {
    return this.forward(batch).square().mean();
  }
  override configureOptimizers(): OptimizersConfig {
    const optimizer = new Adam(this.parameters(), { lr: this.hparams.learningRate ?? 1e-3 });
    return { optimizer, lrScheduler: new StepLR(optimizer, { stepSize: 1 }) };
  }
}

function newTrainer(options: TrainerOptions = {}): Trainer {
  return new Trainer({
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    maxEpochs: 1,
    defaultRootDir: folder,
    ...options,
  });
}

const data = Array.from({ length: 5 }, () => ones([2, 4]));
let files = 0;
const nextPath = (): string => {
  files += 1;
  return join(folder, `${files}.ckpt`);
};
const read = async (path: string): Promise<Record<string, unknown>> => (await load(path)) as Record<string, unknown>;
const codeOf = async (run: () => unknown): Promise<string> => {
  try {
    await run();
  } catch (error) {
    if (error instanceof LightningError) return error.code;
    throw error;
  }
  return 'none';
};

describe('a checkpoint file', () => {
  test('has the keys of the reference, in its order, and what exact resuming needs in one more', async () => {
    const trainer = newTrainer({ callbacks: new RecordingCallback() });
    const model = new Net({ hiddenSize: 3, learningRate: 0.01, W_q: 2 });
    await trainer.fit(model, { trainDataloaders: data });
    const path = nextPath();
    await trainer.saveCheckpoint(path);
    const file = await read(path);
    expect(Object.keys(file)).toEqual([
      'epoch',
      'global_step',
      'pytorch-lightning_version',
      'state_dict',
      'loops',
      'callbacks',
      'optimizer_states',
      'lr_schedulers',
      'hparams_name',
      'hyper_parameters',
      'lightning_ts',
    ]);
    expect(file).toMatchObject({
      epoch: 1,
      global_step: 5,
      'pytorch-lightning_version': '2.6.0',
      callbacks: { RecordingCallback: { recorded: true } },
      hparams_name: 'kwargs',
      hyper_parameters: { hidden_size: 3, learning_rate: 0.01, W_q: 2 },
    });
    expect(file.state_dict).toBeInstanceOf(OrderedDict);
    expect([...(file.state_dict as Map<string, Tensor>).keys()]).toEqual([
      'hidden.weight',
      'hidden.bias',
      'output_layer.weight',
      'output_layer.bias',
    ]);
    const [adam] = file.optimizer_states as [
      { state: Map<number, Record<string, unknown>>; param_groups: Record<string, unknown>[] },
    ];
    expect(Object.keys(adam.state.get(0)!)).toEqual(['step', 'exp_avg', 'exp_avg_sq']);
    expect(adam.param_groups[0]).toMatchObject({ lr: 0.001, initial_lr: 0.01, params: [0, 1, 2, 3] });
    expect((file.lr_schedulers as unknown[])[0]).toMatchObject({ step_size: 1, last_epoch: 1 });
  });

  test('saved after batch 7 of epochs of 5 has the counters of the reference', async () => {
    const path = nextPath();
    const callbacks = new LambdaCallback({
      onTrainBatchEnd: async (trainer: Trainer) => {
        if (trainer.globalStep === 7) await trainer.saveCheckpoint(path);
      },
    });
    await newTrainer({ callbacks, maxEpochs: 2 }).fit(new Net({ hiddenSize: 2 }), { trainDataloaders: data });
    const { loops } = (await read(path)) as { loops: Record<string, Record<string, unknown>> };
    expect(Object.keys(loops)).toEqual(['fit_loop', 'validate_loop', 'test_loop', 'predict_loop']);
    const four = (...[ready, started, processed, completed]: [number, number, number, number]) => ({
      ready,
      started,
      processed,
      completed,
    });
    expect(loops.fit_loop).toEqual({
      state_dict: {},
      'epoch_loop.state_dict': { _batches_that_stepped: 6 },
      'epoch_loop.batch_progress': { total: four(7, 7, 7, 6), current: four(2, 2, 2, 1), is_last_batch: false },
      'epoch_loop.scheduler_progress': { total: { ready: 1, completed: 1 }, current: { ready: 0, completed: 0 } },
      'epoch_loop.automatic_optimization.state_dict': {},
      'epoch_loop.automatic_optimization.optim_progress': {
        optimizer: {
          step: { total: { ready: 7, completed: 7 }, current: { ready: 2, completed: 2 } },
          zero_grad: { total: { ready: 7, started: 7, completed: 7 }, current: { ready: 2, started: 2, completed: 2 } },
        },
      },
      'epoch_loop.manual_optimization.state_dict': {},
      'epoch_loop.manual_optimization.optim_step_progress': {
        total: { ready: 0, completed: 0 },
        current: { ready: 0, completed: 0 },
      },
      'epoch_loop.val_loop.state_dict': {},
      'epoch_loop.val_loop.batch_progress': {
        total: four(0, 0, 0, 0),
        current: four(0, 0, 0, 0),
        is_last_batch: false,
      },
      epoch_progress: { total: four(2, 2, 1, 1), current: four(2, 2, 1, 1) },
    });
    expect(loops.predict_loop).toEqual({
      state_dict: {},
      batch_progress: { total: four(0, 0, 0, 0), current: four(0, 0, 0, 0) },
    });
  });

  test('of weights only leaves out what only training needs', async () => {
    const trainer = newTrainer();
    await trainer.fit(new Net({ hiddenSize: 2 }), { trainDataloaders: data });
    const path = nextPath();
    await trainer.saveCheckpoint(path, { weightsOnly: true });
    expect(Object.keys(await read(path))).toEqual([
      'epoch',
      'global_step',
      'pytorch-lightning_version',
      'state_dict',
      'loops',
      'hparams_name',
      'hyper_parameters',
      'lightning_ts',
    ]);
    expect(
      await codeOf(() => newTrainer().fit(new Net({ hiddenSize: 2 }), { trainDataloaders: data, ckptPath: path })),
    ).toBe('CHECKPOINT_INVALID');
  });

  test('can be saved without any run, once a model is connected', async () => {
    const trainer = newTrainer({ maxEpochs: 0 });
    expect(await codeOf(() => trainer.saveCheckpoint(nextPath()))).toBe('MODEL_MISSING');
    const model = new Net({ hiddenSize: 2 });
    trainer.strategy.connect(model as unknown as LightningModule);
    const path = join(folder, 'new', 'folder', 'a.ckpt');
    await trainer.saveCheckpoint(path);
    const loaded = await Net.loadFromCheckpoint(path);
    expect(loaded.hparams.hiddenSize).toBe(2);
    expect(loaded.hidden.weight.equal(model.hidden.weight)).toBe(true);
  });

  test('holds what hooks add, and the state of the data module', async () => {
    const path = nextPath();
    const model = new Net({ hiddenSize: 2 });
    model.onSaveCheckpoint = (checkpoint) => {
      checkpoint.custom_state = [1, 2];
    };
    class Data extends LightningDataModule<Tensor> {
      position = 3;
      override trainDataloader() {
        return data;
      }
      override stateDict() {
        return { position: this.position };
      }
      override loadStateDict(state: Record<string, unknown>) {
        this.position = Number(state.position);
      }
    }
    const trainer = newTrainer();
    await trainer.fit(model, new Data());
    await trainer.saveCheckpoint(path);
    expect(await read(path)).toMatchObject({ custom_state: [1, 2], Data: { position: 3 } });
    const second = new Data();
    second.position = 0;
    let restored: unknown;
    const next = new Net({ hiddenSize: 2 });
    next.onLoadCheckpoint = (checkpoint) => {
      restored = checkpoint.custom_state;
    };
    await newTrainer({ maxEpochs: 2 }).fit(next, { datamodule: second, ckptPath: path });
    expect([second.position, restored]).toEqual([3, [1, 2]]);
  });
});

describe('loadFromCheckpoint', () => {
  const saved = async (options: Options): Promise<string> => {
    const trainer = newTrainer();
    await trainer.fit(new Net(options), { trainDataloaders: data });
    const path = nextPath();
    await trainer.saveCheckpoint(path);
    return path;
  };

  test('builds the module from its hyperparameters, and overrides win', async () => {
    const path = await saved({ hiddenSize: 3, learningRate: 0.01, W_q: 2 });
    const loaded = await Net.loadFromCheckpoint(path);
    expect(loaded.hparams).toEqual({ hiddenSize: 3, learningRate: 0.01, W_q: 2 });
    expect(loaded.training).toBe(true);
    expect((await Net.loadFromCheckpoint(path, { learningRate: 1 })).hparams.learningRate).toBe(1);
  });

  test('names what cannot be stored, and takes it from the overrides', async () => {
    const path = await saved({ hiddenSize: 2, onDone: () => {} });
    expect((await read(path)).hyper_parameters as object).toEqual({ hidden_size: 2 });
    let done = false;
    const loaded = await Net.loadFromCheckpoint(path, { onDone: () => (done = true) });
    loaded.hparams.onDone!();
    expect(done).toBe(true);
  });

  test('reads what Python Lightning writes: snake_case names, a dict of options, plain keys', async () => {
    const path = nextPath();
    const weights = new Net({ hiddenSize: 2 }).stateDict();
    await save(
      {
        epoch: 0,
        global_step: 0,
        'pytorch-lightning_version': '2.1.0',
        state_dict: weights,
        hyper_parameters: { hidden_size: 2, learning_rate: 0.5 },
      },
      path,
    );
    const loaded = await Net.loadFromCheckpoint(path);
    expect(loaded.hparams).toEqual({ hiddenSize: 2, learningRate: 0.5 });
    expect(loaded.hidden.weight.equal(weights.get('hidden.weight')!)).toBe(true);
  });

  test('refuses files that are missing, of something else, or do not fit', async () => {
    expect(await codeOf(() => Net.loadFromCheckpoint('/nowhere.ckpt'))).toBe('CHECKPOINT_NOT_FOUND');
    const path = nextPath();
    await save({ weights: 1 }, path);
    expect(await codeOf(() => Net.loadFromCheckpoint(path))).toBe('CHECKPOINT_INVALID');
    const other = await saved({ hiddenSize: 2 });
    expect(await codeOf(() => Net.loadFromCheckpoint(other, { hiddenSize: 5 }))).toBe('CHECKPOINT_INVALID');
    writeFileSync(path, 'no checkpoint');
    await expect(Net.loadFromCheckpoint(path)).rejects.toThrow(/FILE_UNRECOGNIZED|PICKLE/);
  });

  test('may leave out keys when it is told to', async () => {
    const path = await saved({ hiddenSize: 2 });
    class More extends Net {
      extra = new Linear(1, 1);
    }
    expect(await codeOf(() => More.loadFromCheckpoint(path))).toBe('CHECKPOINT_INVALID');
    expect((await More.loadFromCheckpoint(path, { strict: false })).extra.weight.shape).toEqual([1, 1]);
  });

  test('works for a module without options', async () => {
    const trainer = newTrainer({ limitTrainBatches: 1, limitValBatches: 0 });
    const model = new BoringModel();
    await trainer.fit(model);
    const path = nextPath();
    await trainer.saveCheckpoint(path);
    expect((await BoringModel.loadFromCheckpoint(path)).layer.weight.equal(model.layer.weight)).toBe(true);
  });
});

describe('ckptPath', () => {
  const run = async (): Promise<{ trainer: Trainer; checkpoint: ModelCheckpoint; model: Net }> => {
    const checkpoint = new ModelCheckpoint({
      dirpath: mkdtempSync(join(tmpdir(), 'lightning-')),
      saveLast: true,
      monitor: 'loss',
      saveTopK: 1,
    });
    const trainer = newTrainer({ enableCheckpointing: true, callbacks: checkpoint, maxEpochs: 3 });
    const model = new Net({ hiddenSize: 2 });
    model.onTrainEpochEnd = () => model.log('loss', Math.abs(model.currentEpoch - 1));
    model.testStep = () => model.log('steps', model.hidden.bias!.sum());
    await trainer.fit(model, { trainDataloaders: data });
    return { trainer, checkpoint, model };
  };

  test("is 'best', 'last', 'auto' or a path", async () => {
    const { trainer, checkpoint, model } = await run();
    expect(checkpoint.bestModelPath).toContain('epoch=1');
    await trainer.test(model, { dataloaders: data, ckptPath: 'best', verbose: false });
    expect(trainer.ckptPath).toBe(checkpoint.bestModelPath);
    const best = model.outputLayer.bias!.clone();
    await trainer.test(model, { dataloaders: data, ckptPath: 'last', verbose: false });
    expect(trainer.ckptPath).toBe(checkpoint.lastModelPath);
    expect(best.equal(model.outputLayer.bias!)).toBe(false);
    // Without a model, the best checkpoint is meant.
    await trainer.test(null, { dataloaders: data, verbose: false });
    expect(best.equal(model.outputLayer.bias!)).toBe(true);
    const next = newTrainer({
      enableCheckpointing: true,
      maxEpochs: 4,
      callbacks: new ModelCheckpoint({ dirpath: checkpoint.dirpath! }),
    });
    const result = await next.fit(new Net({ hiddenSize: 2 }), { trainDataloaders: data, ckptPath: 'auto' });
    expect([next.ckptPath, result.globalStep]).toEqual([checkpoint.lastModelPath, 20]);
  });

  test('that does not fit the model or the Trainer is an error that says why', async () => {
    const { trainer } = await run();
    const path = nextPath();
    await trainer.saveCheckpoint(path);
    const fit =
      (model: Net, options: TrainerOptions = {}) =>
      () =>
        newTrainer(options).fit(model, { trainDataloaders: data, ckptPath: path });
    expect(await codeOf(fit(new Net({ hiddenSize: 3 }), { maxEpochs: 5 }))).toBe('CHECKPOINT_INVALID');
    expect(await codeOf(fit(new Net({ hiddenSize: 2 }), { maxEpochs: 2 }))).toBe('OPTION_CONFLICT');
    const model = new Net({ hiddenSize: 2 });
    model.configureOptimizers = () => new Adam(model.parameters());
    expect(await codeOf(fit(model, { maxEpochs: 5 }))).toBe('CHECKPOINT_INVALID');
  });
});

describe('where a run goes on from', () => {
  const fitOnce = async (options: TrainerOptions, ckptPath: string | null = null): Promise<Trainer> => {
    const trainer = newTrainer({ enableCheckpointing: true, ...options });
    await trainer.fit(new Net({ hiddenSize: 2 }), { trainDataloaders: data, ckptPath });
    return trainer;
  };
  const newFolder = (): string => mkdtempSync(join(tmpdir(), 'lightning-'));
  const age = (path: string, seconds: number): void =>
    utimesSync(path, Date.now() / 1000 - seconds, Date.now() / 1000 - seconds);

  test("'auto' is the newest file that can be trained on, of whatever name; nothing when there is none", async () => {
    const dirpath = newFolder();
    const callbacks = () => new ModelCheckpoint({ dirpath, everyNTrainSteps: 2, saveTopK: -1 });
    const first = await fitOnce({ callbacks: callbacks(), defaultRootDir: newFolder() }, 'auto');
    expect(first.ckptPath).toBeNull();
    const names = readdirSync(dirpath).sort();
    expect(names).toEqual(['epoch=0-step=2.ckpt', 'epoch=0-step=4.ckpt', 'epoch=0-step=5.ckpt']);
    for (const [index, name] of names.entries()) age(join(dirpath, name), [30, 10, 20][index]!);
    const root = newFolder();
    const second = await fitOnce({ callbacks: callbacks(), defaultRootDir: root, maxSteps: 4 }, 'auto');
    expect(second.ckptPath).toBe(join(dirpath, 'epoch=0-step=4.ckpt'));
    // What a cluster's pre-emption left counts as well.
    await first.saveCheckpoint(join(root, 'hpc_ckpt_3.ckpt'));
    const third = await fitOnce({ callbacks: callbacks(), defaultRootDir: root }, 'auto');
    expect(third.ckptPath).toBe(join(root, 'hpc_ckpt_3.ckpt'));
    const weights = newFolder();
    const saving = new ModelCheckpoint({ dirpath: weights, saveWeightsOnly: true });
    await fitOnce({ callbacks: saving, defaultRootDir: newFolder() });
    expect(readdirSync(weights)).toHaveLength(1);
    const fourth = await fitOnce(
      { callbacks: new ModelCheckpoint({ dirpath: weights, saveWeightsOnly: true }), defaultRootDir: newFolder() },
      'auto',
    );
    expect(fourth.ckptPath).toBeNull();
  });

  test("'hpc' is the highest number in defaultRootDir, or an error", async () => {
    const root = newFolder();
    expect(await codeOf(() => fitOnce({ defaultRootDir: root }, 'hpc'))).toBe('CHECKPOINT_NOT_FOUND');
    expect(nextHpcCheckpoint(root)).toBe(join(root, 'hpc_ckpt_1.ckpt'));
    const trainer = await fitOnce({ defaultRootDir: newFolder() });
    for (const number of [2, 10]) await trainer.saveCheckpoint(join(root, `hpc_ckpt_${number}.ckpt`));
    expect((await fitOnce({ defaultRootDir: root }, 'hpc')).ckptPath).toBe(join(root, 'hpc_ckpt_10.ckpt'));
    expect(nextHpcCheckpoint(root)).toBe(join(root, 'hpc_ckpt_11.ckpt'));
  });

  test('a damaged file is an error that says so', async () => {
    const path = nextPath();
    await (await fitOnce({ defaultRootDir: newFolder() })).saveCheckpoint(path);
    truncateSync(path, 700);
    expect(await codeOf(() => fitOnce({ defaultRootDir: newFolder() }, path))).toBe('CHECKPOINT_DAMAGED');
    expect(await codeOf(() => Net.loadFromCheckpoint(path))).toBe('CHECKPOINT_DAMAGED');
  });

  test('evaluation gives callbacks their states, unless the Trainer has trained: they know more then', async () => {
    const dirpath = newFolder();
    const checkpoint = new ModelCheckpoint({ dirpath, everyNEpochs: 1, saveTopK: -1 });
    const trainer = await fitOnce({ callbacks: checkpoint, maxEpochs: 2 });
    const model = new Net({ hiddenSize: 2 });
    model.testStep = () => {};
    const early = join(dirpath, 'epoch=0-step=5.ckpt');
    const late = join(dirpath, 'epoch=1-step=10.ckpt');
    await trainer.test(model, { dataloaders: data, ckptPath: early, verbose: false });
    expect(checkpoint.bestModelPath).toBe(late);
    const other = new ModelCheckpoint({ dirpath, everyNEpochs: 1, saveTopK: -1 });
    const fresh = newTrainer({ enableCheckpointing: true, callbacks: other });
    await fresh.test(model, { dataloaders: data, ckptPath: early, verbose: false });
    expect(other.bestModelPath).toBe(early);
  });
});

describe('a file of Python Lightning, which has counters only, is continued', () => {
  /** What another program would have written: ours without our own key. */
  const savedAt = async (moment: string, n: number): Promise<string> => {
    const path = nextPath();
    let calls = 0;
    const callbacks = new LambdaCallback({
      [moment]: async (trainer: Trainer) => {
        calls += 1;
        if (calls === n) await trainer.saveCheckpoint(path);
      },
    });
    const model = new Net({ hiddenSize: 2 });
    model.validationStep = () => {};
    await newTrainer({ callbacks, maxEpochs: 2, numSanityValSteps: 0 }).fit(model, {
      trainDataloaders: data,
      valDataloaders: data,
    });
    const file = await read(path);
    delete file.lightning_ts;
    await save(file, path);
    return path;
  };
  const resume = async (path: string): Promise<number[]> => {
    const seen: number[] = [];
    const model = new Net({ hiddenSize: 2 });
    model.onTrainBatchStart = (_, batchIdx) => {
      seen.push(model.currentEpoch * 10 + batchIdx);
    };
    const trainer = newTrainer({ maxEpochs: 2 });
    await trainer.fit(model, { trainDataloaders: data, ckptPath: path });
    expect([trainer.currentEpoch, trainer.globalStep]).toEqual([2, 10]);
    return seen;
  };

  test('with the next epoch when it was saved at the end of one', async () => {
    expect(await resume(await savedAt('onTrainEpochEnd', 1))).toEqual([10, 11, 12, 13, 14]);
  });

  test('with the next batch when it was saved inside one', async () => {
    expect(await resume(await savedAt('onTrainBatchEnd', 2))).toEqual([2, 3, 4, 10, 11, 12, 13, 14]);
    expect(await resume(await savedAt('onTrainBatchEnd', 7))).toEqual([12, 13, 14]);
  });

  test('with the next epoch when it was saved by the validation that ends one', async () => {
    expect(await resume(await savedAt('onValidationEnd', 1))).toEqual([10, 11, 12, 13, 14]);
  });

  test('from the start when it was saved before', async () => {
    expect(await resume(await savedAt('onTrainStart', 1))).toHaveLength(10);
  });
});

test('a checkpoint of a batch that failed continues with that batch', async () => {
  const path = nextPath();
  const seen: number[] = [];
  const build = (): Net => {
    const model = new Net({ hiddenSize: 2 });
    const step = model.trainingStep.bind(model);
    model.trainingStep = (batch) => {
      seen.push(model.globalStep);
      if (model.globalStep === 3 && !existsSync(path)) throw new Error('boom');
      return step(batch);
    };
    return model;
  };
  const callbacks = new LambdaCallback({ onException: (trainer: Trainer) => trainer.saveCheckpoint(path) });
  await expect(newTrainer({ callbacks }).fit(build(), { trainDataloaders: data })).rejects.toThrow('boom');
  seen.length = 0;
  await newTrainer().fit(build(), { trainDataloaders: data, ckptPath: path });
  expect(seen).toEqual([3, 4]);
});

test('a checkpoint file is written whole or not at all', async () => {
  const trainer = newTrainer();
  await trainer.fit(new Net({ hiddenSize: 2 }), { trainDataloaders: data });
  const path = nextPath();
  await trainer.saveCheckpoint(path);
  const before = await read(path);
  const model = trainer.lightningModule as unknown as Net;
  model.onSaveCheckpoint = (checkpoint) => {
    checkpoint.broken = () => {};
  };
  await expect(trainer.saveCheckpoint(path)).rejects.toThrow(/VALUE_UNSUPPORTED/);
  expect((await read(path)).global_step).toBe(before.global_step);
  expect(readdirSync(folder).filter((name) => name.includes('tmp'))).toEqual([]);
  expect(
    before.state_dict instanceof Map && [...before.state_dict.values()].every((value) => value instanceof Tensor),
  ).toBe(true);
});
