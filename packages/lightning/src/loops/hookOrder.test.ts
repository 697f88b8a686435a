import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ones, type Tensor } from '@lightning-ts/torch';
import { Linear } from '@lightning-ts/torch/nn';
import { SGD } from '@lightning-ts/torch/optim';
import { describe, expect, test } from 'vitest';
import { LightningModule } from '../module/lightningModule.js';
import { RecordingCallback, recordModule } from '../testing/recordingCallback.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';

const batches = (count: number): Tensor[] => Array.from({ length: count }, () => ones([1, 2]));

class Model extends LightningModule<Tensor> {
  layer = new Linear(2, 1);
  override forward(x: Tensor): Tensor {
    return this.layer.forward(x);
  }
  override trainingStep(batch: Tensor): Tensor {
    return this.forward(batch).mean();
  }
  override validationStep(batch: Tensor): void {
    this.forward(batch);
  }
  override testStep(batch: Tensor): void {
    this.forward(batch);
  }
  override configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: 0.1 });
  }
}

class ManualModel extends Model {
  override automaticOptimization = false;
  override trainingStep(batch: Tensor): Tensor {
    const optimizer = this.optimizers();
    optimizer.zeroGrad();
    const loss = this.forward(batch).mean();
    this.manualBackward(loss);
    optimizer.step();
    return loss;
  }
}

function recorded(model: Model, options: TrainerOptions = {}): { calls: string[]; trainer: Trainer; model: Model } {
  const calls: string[] = [];
  recordModule(model, calls);
  const trainer = new Trainer({
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    callbacks: new RecordingCallback(calls),
    defaultRootDir: mkdtempSync(join(tmpdir(), 'lightning-')),
    ...options,
  });
  return { calls, trainer, model };
}

/** Calls without the transfer hooks, which surround every batch alike. */
const withoutTransfer = (calls: readonly string[]): string[] =>
  calls.filter((call) => !/Transfer|transferBatch/.test(call));

const both = (name: string): string[] => [`C.${name}`, `M.${name}`];
const setup = ['M.configureCallbacks', 'M.prepareData', ...both('setup'), 'M.configureModel'];
const zeroGrad = [...both('onBeforeZeroGrad'), 'M.optimizerZeroGrad'];
const backward = [...both('onBeforeBackward'), 'M.backward', ...both('onAfterBackward')];
const update = [...both('onBeforeOptimizerStep'), 'M.configureGradientClipping', 'M.clipGradients'];
const stepping = [
  ...both('onTrainBatchStart'),
  'M.optimizerStep',
  'M.trainingStep',
  'M.forward',
  ...zeroGrad,
  ...backward,
  ...update,
  ...both('onTrainBatchEnd'),
];
const validationOf = (count: number): string[] => [
  'M.onValidationModelEval',
  ...both('onValidationStart'),
  ...both('onValidationEpochStart'),
  ...Array.from({ length: count }, () => [
    ...both('onValidationBatchStart'),
    'M.validationStep',
    'M.forward',
    ...both('onValidationBatchEnd'),
  ]).flat(),
  ...both('onValidationEpochEnd'),
  ...both('onValidationEnd'),
];

describe('hooks run in the order of the reference', () => {
  test('in fit with validation and a sanity check', async () => {
    const { calls, trainer, model } = recorded(new Model(), { maxEpochs: 1, numSanityValSteps: 1 });
    await trainer.fit(model, { trainDataloaders: batches(2), valDataloaders: batches(2) });
    expect(withoutTransfer(calls)).toEqual([
      ...setup,
      'M.configureOptimizers',
      ...both('onFitStart'),
      'C.onSanityCheckStart',
      ...validationOf(1),
      'C.onSanityCheckEnd',
      ...both('onTrainStart'),
      ...both('onTrainEpochStart'),
      ...stepping,
      ...stepping,
      'M.onValidationModelZeroGrad',
      ...validationOf(2),
      ...both('onTrainEpochEnd'),
      ...both('onTrainEnd'),
      ...both('onFitEnd'),
      ...both('teardown'),
    ]);
  });

  test('around a batch that is moved to the device', async () => {
    const { calls, trainer, model } = recorded(new Model(), { maxSteps: 1 });
    await trainer.fit(model, { trainDataloaders: batches(1) });
    const first = calls.indexOf('M.onBeforeBatchTransfer');
    expect(calls.slice(first, first + 4)).toEqual([
      'M.onBeforeBatchTransfer',
      'M.transferBatchToDevice',
      'M.onAfterBatchTransfer',
      'C.onTrainBatchStart',
    ]);
  });

  test('while gradients accumulate, with the last window one batch short', async () => {
    const { calls, trainer, model } = recorded(new Model(), { maxEpochs: 1, accumulateGradBatches: 2 });
    await trainer.fit(model, { trainDataloaders: batches(3) });
    const epoch = withoutTransfer(calls);
    expect(epoch.slice(epoch.indexOf('C.onTrainBatchStart'), epoch.indexOf('C.onTrainEpochEnd'))).toEqual([
      // Opens a window: no step yet.
      ...both('onTrainBatchStart'),
      'M.trainingStep',
      'M.forward',
      ...zeroGrad,
      ...backward,
      ...both('onTrainBatchEnd'),
      // Closes it: gradients are not cleared.
      ...both('onTrainBatchStart'),
      'M.optimizerStep',
      'M.trainingStep',
      'M.forward',
      ...backward,
      ...update,
      ...both('onTrainBatchEnd'),
      // The last batch is a window of its own.
      ...stepping,
    ]);
  });

  test('in manual optimization', async () => {
    const { calls, trainer, model } = recorded(new ManualModel(), { maxEpochs: 1 });
    await trainer.fit(model, { trainDataloaders: batches(1) });
    const epoch = withoutTransfer(calls);
    expect(epoch.slice(epoch.indexOf('C.onTrainBatchStart'), epoch.indexOf('C.onTrainEpochEnd'))).toEqual([
      ...both('onTrainBatchStart'),
      'M.trainingStep',
      'M.forward',
      ...backward,
      ...both('onBeforeOptimizerStep'),
      ...both('onTrainBatchEnd'),
    ]);
  });

  test('in validate', async () => {
    const { calls, trainer, model } = recorded(new Model());
    await trainer.validate(model, { dataloaders: batches(2), verbose: false });
    expect(withoutTransfer(calls)).toEqual([...setup, ...validationOf(2), ...both('teardown')]);
  });

  test('in test', async () => {
    const { calls, trainer, model } = recorded(new Model());
    await trainer.test(model, { dataloaders: batches(1), verbose: false });
    expect(withoutTransfer(calls)).toEqual([
      ...setup,
      'M.onTestModelEval',
      ...both('onTestStart'),
      ...both('onTestEpochStart'),
      ...both('onTestBatchStart'),
      'M.testStep',
      'M.forward',
      ...both('onTestBatchEnd'),
      ...both('onTestEpochEnd'),
      ...both('onTestEnd'),
      ...both('teardown'),
    ]);
  });

  test('in predict', async () => {
    const { calls, trainer, model } = recorded(new Model());
    await trainer.predict(model, { dataloaders: batches(1) });
    expect(withoutTransfer(calls)).toEqual([
      ...setup,
      'M.onPredictModelEval',
      ...both('onPredictStart'),
      ...both('onPredictEpochStart'),
      ...both('onPredictBatchStart'),
      'M.forward',
      ...both('onPredictBatchEnd'),
      ...both('onPredictEpochEnd'),
      ...both('onPredictEnd'),
      ...both('teardown'),
    ]);
  });

  test('callbacks that watch metrics get onTrainEpochEnd after the module', async () => {
    const calls: string[] = [];
    class Watching extends RecordingCallback {
      override readonly monitorsMetrics = true;
      override get stateKey(): string {
        return 'Watching';
      }
    }
    const { trainer, model } = recorded(new Model(), {
      maxEpochs: 1,
      callbacks: [new Watching(calls), new RecordingCallback(calls)],
    });
    recordModule(model, calls);
    await trainer.fit(model, { trainDataloaders: batches(1) });
    const ends = calls.filter((call) => call.endsWith('onTrainEpochEnd'));
    expect(ends).toEqual(['C.onTrainEpochEnd', 'M.onTrainEpochEnd', 'C.onTrainEpochEnd']);
  });

  test('a checkpoint is gathered from callbacks, then offered to callbacks and module', async () => {
    const { calls, trainer, model } = recorded(new Model(), { maxEpochs: 1 });
    await trainer.fit(model, { trainDataloaders: batches(1) });
    calls.length = 0;
    const path = join(trainer.defaultRootDir, 'a.ckpt');
    await trainer.saveCheckpoint(path);
    expect(calls).toEqual(['C.stateDict', 'C.onSaveCheckpoint', 'M.onSaveCheckpoint']);
    const second = recorded(new Model(), { maxEpochs: 1 });
    await second.trainer.fit(second.model, { trainDataloaders: batches(1), ckptPath: path });
    expect(withoutTransfer(second.calls)).toEqual([
      ...setup,
      'M.onLoadCheckpoint',
      'C.onLoadCheckpoint',
      'C.loadStateDict',
      'M.configureOptimizers',
      ...both('onFitStart'),
      ...both('onFitEnd'),
      ...both('teardown'),
    ]);
  });
});
