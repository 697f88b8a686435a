import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Accuracy, MeanMetric, type Metric } from '@lightning-ts/metrics';
import { memory, ones, type Tensor, tensor, zeros } from '@lightning-ts/torch';
import { Parameter } from '@lightning-ts/torch/nn';
import { SGD } from '@lightning-ts/torch/optim';
import { describe, expect, test } from 'vitest';
import { LambdaCallback } from '../callbacks/lambdaCallback.js';
import { LightningError } from '../errors.js';
import { LightningModule } from '../module/lightningModule.js';
import type { LogOptions } from '../module/log.js';
import { MemoryLogger } from '../testing/memoryLogger.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';

const folder = mkdtempSync(join(tmpdir(), 'lightning-'));

/** A model whose hooks are given as functions. */
class Probe extends LightningModule<Tensor> {
  weight = new Parameter(zeros([1]));
  metric: Metric | null = null;
  step: (module: Probe, batch: Tensor, batchIdx: number) => void = () => {};
  validation: (module: Probe, batch: Tensor, batchIdx: number, dataloaderIdx: number) => void = () => {};
  override trainingStep(batch: Tensor, batchIdx: number): Tensor | Promise<Tensor> {
    this.step(this, batch, batchIdx);
    return this.weight.mul(batch.sum()).sum();
  }
  override validationStep(batch: Tensor, batchIdx: number, dataloaderIdx: number): void {
    this.validation(this, batch, batchIdx, dataloaderIdx);
  }
  override configureOptimizers(): SGD {
    return new SGD([this.weight], { lr: 0.1 });
  }
}

function setUp(options: TrainerOptions = {}): { trainer: Trainer; logger: MemoryLogger; model: Probe } {
  const logger = new MemoryLogger();
  const trainer = new Trainer({
    logger,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    maxEpochs: 1,
    logEveryNSteps: 1,
    numSanityValSteps: 0,
    defaultRootDir: folder,
    ...options,
  });
  return { trainer, logger, model: new Probe() };
}

const batches = (sizes: readonly number[]): Tensor[] => sizes.map((size) => ones([size, 2]));
const codeOf = async (run: () => unknown): Promise<string> => {
  try {
    await run();
  } catch (error) {
    if (error instanceof LightningError) return error.code;
    throw error;
  }
  return 'none';
};

describe('rows for the loggers', () => {
  test('come at the step cadence, and once for the epoch, with forked names', async () => {
    const { trainer, logger, model } = setUp({ logEveryNSteps: 2 });
    model.step = (module, _, batchIdx) => {
      module.log('plain', batchIdx);
      module.log('both', batchIdx, { onEpoch: true, batchSize: 1 });
      module.log('epoch', batchIdx, { onStep: false, onEpoch: true, batchSize: 1 });
      module.log('hidden', batchIdx, { logger: false });
    };
    await trainer.fit(model, { trainDataloaders: batches([1, 1, 1, 1, 1]) });
    expect(logger.rows).toEqual([
      { plain: 1, both_step: 1, epoch: 0, step: 1 },
      { plain: 3, both_step: 3, epoch: 0, step: 3 },
      // The name 'epoch' was logged, so it stands where the epoch's number would.
      { both_epoch: 2, epoch: 2, step: 4 },
    ]);
  });

  test('count optimizer steps while gradients accumulate', async () => {
    const { trainer, logger, model } = setUp({ accumulateGradBatches: 2, maxEpochs: 2 });
    model.step = (module, _, batchIdx) => module.log('a', batchIdx);
    await trainer.fit(model, { trainDataloaders: batches([1, 1, 1, 1, 1]) });
    expect(logger.rows.map(({ a, epoch, step }) => [a, epoch, step])).toEqual([
      [1, 0, 0],
      [3, 0, 1],
      [4, 0, 2],
      [1, 1, 3],
      [3, 1, 4],
      [4, 1, 5],
    ]);
  });

  test('a value logged as step moves its row', async () => {
    const { trainer, logger, model } = setUp();
    model.step = (module, _, batchIdx) => module.logDict({ a: 1, step: 100 + batchIdx });
    await trainer.fit(model, { trainDataloaders: batches([1, 1]) });
    expect(logger.rows).toEqual([
      { a: 1, step: 100 },
      { a: 1, step: 101 },
    ]);
  });

  test('validation gives one row at the training step, and one for each batch of what is logged onStep', async () => {
    const { trainer, logger, model } = setUp({ maxEpochs: 2 });
    model.validation = (module, _, batchIdx) => {
      module.log('val', batchIdx, { batchSize: 1 });
      module.log('each', batchIdx, { onStep: true, onEpoch: false });
    };
    await trainer.fit(model, { trainDataloaders: batches([1, 1]), valDataloaders: batches([1, 1]) });
    expect(logger.rows).toEqual([
      { each: 0, step: 0 },
      { each: 1, step: 1 },
      { val: 0.5, epoch: 0, step: 1 },
      { each: 0, step: 2 },
      { each: 1, step: 3 },
      { val: 0.5, epoch: 1, step: 3 },
    ]);
  });

  test('a run without a logger, and a sanity check, send none', async () => {
    const { trainer, logger, model } = setUp({ numSanityValSteps: 2, limitTrainBatches: 0 });
    model.validation = (module) => module.log('val', 1, { batchSize: 1 });
    await trainer.fit(model, { trainDataloaders: batches([1]), valDataloaders: batches([1]) });
    expect(logger.rows).toEqual([]);
    expect(trainer.callbackMetrics).toEqual({});
  });
});

describe('reduction over an epoch', () => {
  test('the mean is weighted by the batch sizes, found in the batch or given', async () => {
    const { trainer, model } = setUp();
    model.validation = (module, batch, batchIdx) => {
      module.log('found', batchIdx);
      module.log('given', batchIdx, { batchSize: batchIdx === 0 ? 3 : 1 });
      module.log('sum', tensor(batch.size(0)), { reduceFx: 'sum' });
      module.log('min', tensor(batch.size(0)), { reduceFx: 'min' });
      module.log('max', batch.size(0), { reduceFx: 'max' });
    };
    const [values] = await trainer.validate(model, { dataloaders: batches([1, 4]), verbose: false });
    expect(values).toEqual({ found: Math.fround(4 / 5), given: 0.25, sum: 5, min: 1, max: 4 });
  });

  test('numbers and tensors give the same float32 mean', async () => {
    const { trainer, model } = setUp();
    model.validation = (module, _, batchIdx) => {
      const value = 0.1 * (batchIdx + 1);
      module.log('number', value);
      module.log('tensor', tensor(value));
    };
    const [values] = await trainer.validate(model, { dataloaders: batches([3, 5, 2, 7]), verbose: false });
    expect(values!.number).toBe(values!.tensor);
  });

  test('a metric is computed once at the end of the epoch and reset', async () => {
    const { trainer, logger, model } = setUp({ maxEpochs: 2 });
    const accuracy = new Accuracy({ task: 'multiclass', numClasses: 2 });
    model.metric = accuracy;
    model.step = (module, _, batchIdx) => {
      accuracy.forward(tensor([batchIdx, 1]), tensor([1, 1]));
      module.log('acc', accuracy, { onStep: true, onEpoch: true });
    };
    await trainer.fit(model, { trainDataloaders: batches([1, 1]) });
    expect(logger.rows.map((row) => row.acc_step ?? row.acc_epoch)).toEqual([0.5, 1, 0.75, 0.5, 1, 0.75]);
    expect(accuracy.updateCount).toBe(0);
  });

  test('each loader has values of its own, and what is logged at the end of the epoch joins all', async () => {
    const { trainer, logger, model } = setUp();
    model.validation = (module, _, batchIdx, dataloaderIdx) => module.log('val', dataloaderIdx * 10 + batchIdx);
    (model as unknown as Record<string, unknown>).onValidationEpochEnd = () => model.log('end', 7);
    const loaders = [batches([1, 1]), batches([1])].map((list) => ({
      [Symbol.iterator]: () => list.values(),
      length: list.length,
    }));
    const results = await trainer.validate(model, { dataloaders: loaders, verbose: false });
    expect(results).toEqual([
      { 'val/dataloader_idx_0': 0.5, end: 7 },
      { 'val/dataloader_idx_1': 10, end: 7 },
    ]);
    expect(logger.rows).toEqual([
      { 'val/dataloader_idx_0': 0.5, 'val/dataloader_idx_1': 10, end: 7, epoch: 0, step: 0 },
    ]);
  });

  test('without the loader in the name, all loaders make one value', async () => {
    const { trainer, model } = setUp();
    model.validation = (module, _, batchIdx, dataloaderIdx) =>
      module.log('val', dataloaderIdx * 10 + batchIdx, { addDataloaderIdx: false });
    const loaders = [batches([1, 1]), batches([1])].map((list) => ({ [Symbol.iterator]: () => list.values() }));
    const results = await trainer.validate(model, { dataloaders: loaders, verbose: false });
    expect(results[1]).toEqual({ val: Math.fround(11 / 3) });
  });
});

describe('what callbacks see', () => {
  test('step values under both names during training, epoch values afterwards', async () => {
    const seen: Record<string, number>[] = [];
    const look = (trainer: Trainer): void => {
      seen.push(
        Object.fromEntries(Object.entries(trainer.callbackMetrics).map(([name, value]) => [name, value.item()])),
      );
    };
    const { trainer, model } = setUp({
      callbacks: new LambdaCallback({ onTrainBatchEnd: look, onTrainEnd: look }),
    });
    model.step = (module, _, batchIdx) => {
      module.log('loss', batchIdx, { onEpoch: true });
      module.log('only', batchIdx);
    };
    await trainer.fit(model, { trainDataloaders: batches([1, 1]) });
    expect(seen).toEqual([
      { loss: 0, loss_step: 0, only: 0 },
      { loss: 1, loss_step: 1, only: 1 },
      { loss: 0.5, loss_step: 1, loss_epoch: 0.5, only: 1 },
    ]);
  });

  test('the same tensor until the value is logged again', async () => {
    const seen: Tensor[] = [];
    const look = (trainer: Trainer): void => {
      seen.push(trainer.callbackMetrics.val!, trainer.callbackMetrics.val!);
    };
    const { trainer, model } = setUp({ callbacks: new LambdaCallback({ onTrainEpochEnd: look }), maxEpochs: 2 });
    model.validation = (module) => module.log('val', 1, { batchSize: 1 });
    await trainer.fit(model, { trainDataloaders: batches([1]), valDataloaders: batches([1]) });
    expect([seen[0] === seen[1], seen[2] === seen[3], seen[0] === seen[2]]).toEqual([true, true, false]);
  });

  test('a value of its own: changing the logged tensor afterwards changes nothing', async () => {
    const { trainer, model } = setUp();
    model.step = (module) => {
      const value = tensor(1);
      module.log('a', value);
      value.add_(41);
    };
    const { metrics } = await trainer.fit(model, { trainDataloaders: batches([1]) });
    expect(metrics.a).toBe(1);
  });

  test('the progress bar gets numbers', async () => {
    const { trainer, model } = setUp();
    model.step = (module) => {
      module.log('shown', tensor(2.5), { progBar: true });
      module.log('other', 1);
    };
    await trainer.fit(model, { trainDataloaders: batches([1]) });
    expect(trainer.progressBarMetrics).toEqual({ shown: 2.5 });
  });
});

describe('a graph is kept', () => {
  test('not by a logged loss', async () => {
    const { trainer, model } = setUp({ logger: false });
    model.step = (module, batch) => module.log('loss', module.weight.mul(batch.sum()).sum(), { onEpoch: true });
    await trainer.fit(model, { trainDataloaders: batches([1]) });
    expect(trainer.callbackMetrics.loss!.requiresGrad).toBe(false);
  });

  test('when asked for', async () => {
    let requiresGrad = false;
    const { trainer, model } = setUp({
      callbacks: new LambdaCallback({
        onTrainBatchEnd: (running: Trainer) => {
          requiresGrad = running.callbackMetrics.loss!.requiresGrad;
        },
      }),
    });
    model.step = (module) => module.log('loss', module.weight.sum(), { enableGraph: true });
    await trainer.fit(model, { trainDataloaders: batches([1]) });
    expect(requiresGrad).toBe(true);
  });

  test('and logging many steps leaves no tensors behind', async () => {
    const counts: number[] = [];
    const { trainer, model } = setUp({
      logEveryNSteps: 10,
      callbacks: new LambdaCallback({
        onTrainBatchEnd: (running: Trainer) => {
          if (running.globalStep % 100 !== 0) return;
          memory.collect();
          counts.push(memory.stats().liveTensors);
        },
      }),
    });
    model.step = (module, batch) => {
      module.log('a', batch.sum(), { onEpoch: true });
      module.log('b', module.weight.sum());
    };
    await trainer.fit(model, { trainDataloaders: batches(Array.from({ length: 400 }, () => 1)) });
    expect(counts.at(-1)).toBeLessThanOrEqual(counts[0]!);
  });
});

describe('log refuses', () => {
  const fails = async (log: (module: Probe) => void, options: TrainerOptions = {}): Promise<string> => {
    const { trainer, model } = setUp(options);
    model.step = log;
    return codeOf(() => trainer.fit(model, { trainDataloaders: batches([1, 1]) }));
  };
  const value = (given: unknown, options: LogOptions = {}): Promise<string> =>
    fails((module) => module.log('a', given as number, options));

  test('values that are not one number', async () => {
    expect(await value('text')).toBe('LOG_VALUE');
    expect(await value({ a: 1 })).toBe('LOG_VALUE');
    expect(await value(null)).toBe('LOG_VALUE');
    expect(await value(tensor([1, 2]))).toBe('LOG_VALUE');
    expect(await value(tensor([1.5]))).toBe('none');
    expect(await value(true)).toBe('none');
  });

  test('options that contradict each other or an earlier call', async () => {
    expect(await value(1, { onStep: false, onEpoch: false })).toBe('LOG_OPTIONS');
    expect(await value(1, { reduceFx: 'median' as 'mean' })).toBe('LOG_OPTIONS');
    expect(await value(1, { onEpoch: true, batchSize: 0 })).toBe('LOG_OPTIONS');
    expect(await fails((module) => module.log('a/dataloader_idx_0', 1))).toBe('LOG_OPTIONS');
    expect(
      await fails((module) => {
        module.log('a', 1);
        module.log('a', 2, { progBar: true });
      }),
    ).toBe('LOG_OPTIONS');
    expect(
      await fails((module) => {
        module.log('a', 1);
        module.log('a', 2);
      }),
    ).toBe('none');
  });

  test('a metric that is not part of the module', async () => {
    const loose = new MeanMetric();
    expect(await value(loose)).toBe('LOG_METRIC');
    expect(
      await fails((module) => {
        module.metric ??= new MeanMetric();
        module.log('a', module.metric, { metricAttribute: 'elsewhere' });
      }),
    ).toBe('LOG_METRIC');
  });

  test('a batch whose size nobody can tell', async () => {
    const { trainer, model } = setUp();
    model.validation = (module) => module.log('a', 1);
    const dataloaders = [{ text: 'no tensor' }] as unknown as Tensor[];
    expect(await codeOf(() => trainer.validate(model, { dataloaders, verbose: false }))).toBe('LOG_BATCH_SIZE');
  });

  test('hooks where nothing is gathered, and cadences a hook does not have', async () => {
    const inHook = (name: string, options: LogOptions = {}): Promise<string> => {
      const { trainer, model } = setUp();
      (model as unknown as Record<string, unknown>)[name] = () => model.log('a', 1, options);
      return codeOf(() => trainer.fit(model, { trainDataloaders: batches([1]), valDataloaders: batches([1]) }));
    };
    for (const name of ['onFitStart', 'onTrainEnd', 'onValidationEnd', 'setup', 'teardown', 'lrSchedulerStep']) {
      const expected = name === 'lrSchedulerStep' ? 'none' : 'LOG_NOT_ALLOWED';
      expect(await inHook(name), name).toBe(expected);
    }
    for (const name of [
      'onTrainStart',
      'onTrainEpochStart',
      'onTrainEpochEnd',
      'onValidationStart',
      'onValidationEpochEnd',
    ]) {
      expect(await inHook(name), name).toBe('none');
      expect(await inHook(name, { onStep: true }), name).toBe('LOG_NOT_ALLOWED');
    }
    for (const name of ['onTrainBatchStart', 'onTrainBatchEnd', 'onAfterBackward', 'onBeforeOptimizerStep']) {
      expect(await inHook(name), name).toBe('none');
    }
  });

  test('predict, which has no metrics', async () => {
    const { trainer, model } = setUp();
    model.predictStep = () => model.log('a', 1);
    expect(await codeOf(() => trainer.predict(model, { dataloaders: batches([1]) }))).toBe('LOG_NOT_ALLOWED');
  });
});

test('log after an await in a step still belongs to that step', async () => {
  const { trainer, logger, model } = setUp();
  model.trainingStep = async (batch: Tensor) => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    model.log('late', 3);
    return model.weight.mul(batch.sum()).sum();
  };
  await trainer.fit(model, { trainDataloaders: batches([1]) });
  expect(logger.rows).toEqual([{ late: 3, epoch: 0, step: 0 }]);
});

test('log without a Trainer only warns', () => {
  expect(() => new Probe().log('a', 1)).not.toThrow();
});
