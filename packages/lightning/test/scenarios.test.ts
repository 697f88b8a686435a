import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Callback,
  LightningDataModule,
  LightningModule,
  MemoryLogger,
  type OptimizersConfig,
  RecordingCallback,
  recordModule,
  Trainer,
  type TrainerOptions,
} from '@lightning-ts/lightning';
import { ones, silenceWarnings, type Tensor } from '@lightning-ts/torch';
import { Linear } from '@lightning-ts/torch/nn';
import { ReduceLROnPlateau, SGD, StepLR } from '@lightning-ts/torch/optim';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ExpectedRow, type LoopSettings, referenceRun } from './referenceLoop.js';

silenceWarnings('LOG_INTERVAL', 'STOP_DELAYED');
const folder = mkdtempSync(join(tmpdir(), 'lightning-'));
/** A loader that is no array: an array of arrays would be one loader of batches that are arrays. */
const batchesOf = (count: number): Iterable<Tensor> => {
  const batches = Array.from({ length: count }, () => ones([1, 2]));
  return { length: count, [Symbol.iterator]: () => batches.values() } as Iterable<Tensor>;
};

class Model extends LightningModule<Tensor> {
  layer = new Linear(2, 1);
  constructor(readonly settings: LoopSettings) {
    super();
    this.automaticOptimization = !settings.isManual;
  }
  override forward(x: Tensor): Tensor {
    return this.layer.forward(x);
  }
  override trainingStep(batch: Tensor): Tensor {
    const loss = this.forward(batch).mean();
    this.log('loss', loss, { onStep: true, onEpoch: true });
    if (this.settings.isManual) {
      const [optimizer] = this.optimizers(1);
      optimizer.zeroGrad();
      this.manualBackward(loss);
      optimizer.step();
    }
    return loss;
  }
  override validationStep(batch: Tensor): void {
    this.log('val_loss', this.forward(batch).mean());
  }
  override onTrainEpochEnd(): void {
    this.log('end', 1);
  }
  override lrSchedulerStep(scheduler: { step(metric?: unknown): void }, metric: unknown): void {
    if (metric === null || metric === undefined) scheduler.step();
    else scheduler.step(metric);
  }
  override configureOptimizers(): OptimizersConfig {
    const optimizer = new SGD(this.parameters(), { lr: 0.1 });
    const { scheduler } = this.settings;
    if (scheduler === 'none') return optimizer;
    if (scheduler === 'plateau')
      return { optimizer, lrScheduler: { scheduler: new ReduceLROnPlateau(optimizer), monitor: 'loss' } };
    return { optimizer, lrScheduler: { scheduler: new StepLR(optimizer, { stepSize: 1 }), interval: scheduler } };
  }
}

class Stopping extends Callback {
  constructor(private readonly epoch: number) {
    super();
  }
  override onTrainEpochEnd(trainer: Trainer): void {
    if (trainer.currentEpoch >= this.epoch) trainer.shouldStop = true;
  }
}

async function run(settings: LoopSettings) {
  const calls: string[] = [];
  const model = recordModule(new Model(settings), calls);
  const logger = new MemoryLogger();
  const { limitTrain, limitVal, maxSteps, stopAfterEpoch, valCheckInterval } = settings;
  const options: TrainerOptions = {
    logger,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    callbacks: [new RecordingCallback(calls), ...(stopAfterEpoch === null ? [] : [new Stopping(stopAfterEpoch)])],
    maxEpochs: settings.maxEpochs,
    minEpochs: settings.minEpochs,
    numSanityValSteps: settings.sanitySteps,
    accumulateGradBatches: settings.isManual ? 1 : settings.accumulate,
    valCheckInterval: valCheckInterval > 1 ? { batches: valCheckInterval } : { fraction: valCheckInterval },
    checkValEveryNEpoch: settings.checkValEveryNEpoch,
    logEveryNSteps: settings.logEveryNSteps,
    ...(maxSteps === null ? {} : { maxSteps }),
    ...(limitTrain === null ? {} : { limitTrainBatches: { batches: limitTrain } }),
    ...(limitVal === null ? {} : { limitValBatches: { batches: limitVal } }),
    defaultRootDir: folder,
  };
  const trainer = new Trainer(options);
  const val = settings.valBatches.map(batchesOf);
  await trainer.fit(model, {
    trainDataloaders: batchesOf(settings.batches),
    ...(val.length === 0 ? {} : { valDataloaders: val.length === 1 ? val[0]! : val }),
  });
  const rows = logger.rows.map(({ step, ...values }): ExpectedRow => [step!, Object.keys(values).sort().join(' ')]);
  return {
    calls: calls.filter((call) => !/Transfer|transferBatch/.test(call)),
    rows,
    globalStep: trainer.globalStep,
    trainer,
  };
}

const usual: LoopSettings = {
  batches: 5,
  maxEpochs: 2,
  maxSteps: null,
  accumulate: 1,
  isManual: false,
  valBatches: [2],
  sanitySteps: 0,
  valCheckInterval: 1,
  checkValEveryNEpoch: 1,
  scheduler: 'none',
  logEveryNSteps: 1,
  limitTrain: null,
  limitVal: null,
  stopAfterEpoch: null,
  minEpochs: 0,
};

// Where a run of the reference was recorded, its numbers stand here; the rest follows from its rules, in referenceLoop.ts.
const recorded: [string, Partial<LoopSettings>, { rows?: ExpectedRow[]; validations?: number; globalStep?: number }][] =
  [
    [
      'accumulation of two, a row every two steps, three steps an epoch',
      { batches: 6, accumulate: 2, logEveryNSteps: 2, valBatches: [] },
      {
        rows: [
          [1, 'epoch loss_step'],
          [2, 'end epoch loss_epoch'],
          [3, 'epoch loss_step'],
          [5, 'epoch loss_step'],
          [5, 'end epoch loss_epoch'],
        ],
      },
    ],
    [
      'validation after 0.4 of five batches: after two and four',
      { valCheckInterval: 0.4, maxEpochs: 1 },
      { validations: 2 },
    ],
    [
      'validation after 0.3 of ten batches: after three, six and nine',
      { batches: 10, valCheckInterval: 0.3, maxEpochs: 1 },
      { validations: 3 },
    ],
    [
      'validation every three batches, counted across epochs of five',
      { valCheckInterval: 3, checkValEveryNEpoch: null, maxEpochs: 3 },
      { validations: 5 },
    ],
    ['validation in every second epoch', { checkValEveryNEpoch: 2, maxEpochs: 5 }, { validations: 2 }],
    ['seven steps of epochs of five', { maxSteps: 7, maxEpochs: 10 }, { globalStep: 7 }],
    ['a last accumulation window that is short', { accumulate: 3, batches: 5 }, { globalStep: 4 }],
    ['manual optimization', { isManual: true, scheduler: 'epoch' }, { globalStep: 10 }],
    ['a sanity check on several loaders', { sanitySteps: 2, valBatches: [3, 1] }, {}],
    ['limits of batches', { limitTrain: 3, limitVal: 1, valBatches: [3, 4] }, { globalStep: 6 }],
    ['no training batches', { limitTrain: 0 }, { globalStep: 0 }],
    ['no validation batches', { limitVal: 0 }, { validations: 0 }],
    ['a scheduler by steps', { scheduler: 'step', accumulate: 2 }, {}],
    ['a scheduler by epochs, before the end of the last batch', { scheduler: 'epoch' }, {}],
    ['a scheduler that watches a metric, after the epoch', { scheduler: 'plateau' }, {}],
    ['a wish to stop', { stopAfterEpoch: 1, maxEpochs: 9 }, { globalStep: 10 }],
    ['a wish to stop before minEpochs', { stopAfterEpoch: 0, minEpochs: 3, maxEpochs: 9 }, { globalStep: 15 }],
    ['no rows of steps', { logEveryNSteps: 0 }, {}],
  ];

async function compare(settings: LoopSettings) {
  const expected = referenceRun(settings);
  const result = await run(settings);
  expect(result.calls).toEqual(expected.calls);
  expect(result.rows).toEqual(expected.rows);
  expect(result.globalStep).toBe(expected.globalStep);
  return result;
}

test.each(recorded)(
  'hooks and rows are those of the reference with %s',
  async (_, change, { globalStep, rows, validations }) => {
    const result = await compare({ ...usual, ...change });
    if (rows !== undefined) expect(result.rows).toEqual(rows);
    if (globalStep !== undefined) expect(result.globalStep).toBe(globalStep);
    if (validations !== undefined)
      expect(result.calls.filter((call) => call === 'C.onValidationEnd')).toHaveLength(validations);
  },
);

test('and with any mixture of settings', async () => {
  const settings = fc.record<LoopSettings>({
    batches: fc.integer({ min: 1, max: 6 }),
    maxEpochs: fc.integer({ min: 1, max: 3 }),
    maxSteps: fc.constantFrom(null, null, 1, 3, 7),
    accumulate: fc.integer({ min: 1, max: 3 }),
    isManual: fc.boolean(),
    valBatches: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
    sanitySteps: fc.integer({ min: 0, max: 2 }),
    valCheckInterval: fc.constantFrom(1, 1, 2, 0.5, 0.3),
    checkValEveryNEpoch: fc.constantFrom(1, 1, 2, null),
    scheduler: fc.constantFrom('none', 'step', 'epoch', 'plateau'),
    logEveryNSteps: fc.integer({ min: 0, max: 3 }),
    limitTrain: fc.constantFrom(null, null, 0, 2),
    limitVal: fc.constantFrom(null, null, 0, 1),
    stopAfterEpoch: fc.constantFrom(null, null, 0, 1),
    minEpochs: fc.constantFrom(0, 0, 2),
  });
  await fc.assert(
    fc.asyncProperty(settings, async (one) => {
      const batches = Math.min(one.batches, one.limitTrain ?? 9);
      // Refused by the Trainer: parts of an epoch across epochs, intervals longer than it, more epochs at least than at most.
      fc.pre(one.checkValEveryNEpoch !== null || one.valCheckInterval > 1);
      fc.pre(one.valCheckInterval <= 1 || one.checkValEveryNEpoch === null || one.valCheckInterval <= batches);
      fc.pre(one.minEpochs <= one.maxEpochs);
      await compare({ ...one, accumulate: one.isManual ? 1 : one.accumulate });
    }),
    { numRuns: 150 },
  );
});

/** Writes down what a run calls on it, as `D.<name>`. */
class RecordedData extends LightningDataModule<Tensor> {
  constructor(private readonly calls: string[]) {
    super();
    for (const name of ['prepareData', 'setup', 'teardown', 'loadStateDict'] as const) {
      Object.defineProperty(this, name, { value: () => void calls.push(`D.${name}`) });
    }
  }
  override stateDict(): Record<string, unknown> {
    this.calls.push('D.stateDict');
    return { position: 1 };
  }
  override trainDataloader(): Iterable<Tensor> {
    return batchesOf(3);
  }
}

test('a data module, a checkpoint and a resumed run take their turns as in the reference', async () => {
  const path = join(folder, 'turns.ckpt');
  const start = async (maxEpochs: number, ckptPath: string | null, saveAt: number) => {
    const calls: string[] = [];
    const model = recordModule(new Model({ ...usual, valBatches: [] }), calls);
    class SavingLast extends RecordingCallback {
      override async onTrainBatchEnd(trainer: Trainer): Promise<void> {
        calls.push('C.onTrainBatchEnd');
        if (trainer.globalStep === saveAt) await trainer.saveCheckpoint(path);
      }
      override get stateKey(): string {
        return 'Saving';
      }
    }
    // The field that RecordingCallback makes would hide the method.
    const saving = new SavingLast(calls);
    Object.defineProperty(saving, 'onTrainBatchEnd', { value: SavingLast.prototype.onTrainBatchEnd });
    const trainer = new Trainer({
      maxEpochs,
      callbacks: saving,
      logger: false,
      enableCheckpointing: false,
      enableProgressBar: false,
      enableModelSummary: false,
      defaultRootDir: folder,
    });
    await trainer.fit(model, { datamodule: new RecordedData(calls), ckptPath });
    return calls.filter((call) => !/Transfer|transferBatch/.test(call));
  };
  const first = await start(1, null, 2);
  const setUp = [
    'M.configureCallbacks',
    'D.prepareData',
    'M.prepareData',
    'D.setup',
    'C.setup',
    'M.setup',
    'M.configureModel',
  ];
  expect(first.slice(0, 8)).toEqual([...setUp, 'M.configureOptimizers']);
  expect(first.slice(-3)).toEqual(['D.teardown', 'C.teardown', 'M.teardown']);
  const saved = first.indexOf('C.stateDict');
  expect(first.slice(saved, saved + 4)).toEqual([
    'C.stateDict',
    'D.stateDict',
    'C.onSaveCheckpoint',
    'M.onSaveCheckpoint',
  ]);

  const resumed = await start(1, path, -1);
  expect(resumed.slice(0, resumed.indexOf('M.optimizerStep'))).toEqual([
    ...setUp,
    'M.onLoadCheckpoint',
    'D.loadStateDict',
    'C.onLoadCheckpoint',
    'C.loadStateDict',
    'M.configureOptimizers',
    'C.onFitStart',
    'M.onFitStart',
    'C.onTrainStart',
    'M.onTrainStart',
    // In the middle of the epoch, whose start hooks ran before it was saved.
    'C.onTrainBatchStart',
    'M.onTrainBatchStart',
  ]);
  expect(resumed.filter((call) => call === 'M.trainingStep')).toHaveLength(1);
});

test.each([
  ['one loader', [2], ['val_loss']],
  ['several', [2, 1], ['val_loss/dataloader_idx_0', 'val_loss/dataloader_idx_1']],
])('validate and test give the names of the reference with %s', async (_, counts, names) => {
  const loaders = counts.map(batchesOf);
  const trainer = new Trainer({ logger: false, enableProgressBar: false, defaultRootDir: folder });
  const model = new Model(usual);
  const results = await trainer.validate(model, {
    dataloaders: loaders.length === 1 ? loaders[0]! : loaders,
    verbose: false,
  });
  expect(results.map((result) => Object.keys(result))).toEqual(names.map((name) => [name]));
  expect(Object.keys(trainer.callbackMetrics).sort()).toEqual(names);
});
