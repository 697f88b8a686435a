import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Accuracy } from '@lightning-ts/metrics';
import { Generator, manualSeed, randint, randn, type Tensor } from '@lightning-ts/torch';
import { DataLoader, IterableDataset, TensorDataset } from '@lightning-ts/torch/data';
import { CrossEntropyLoss, Dropout, Linear, ReLU, Sequential } from '@lightning-ts/torch/nn';
import { Adam, type Optimizer, SGD } from '@lightning-ts/torch/optim';
import { describe, expect, test } from 'vitest';
import { Callback } from '../callbacks/callback.js';
import { LightningModule } from '../module/lightningModule.js';
import type { Loader } from '../module/loaderTypes.js';
import { MemoryLogger } from '../testing/memoryLogger.js';
import type { FitOptions } from '../trainer/entryOptions.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';

type Batch = [Tensor, Tensor];
type Row = Record<string, number>;

class Classifier extends LightningModule<Batch> {
  net = new Sequential(new Linear(4, 8), new ReLU(), new Dropout(0.5), new Linear(8, 3));
  lossFn = new CrossEntropyLoss();
  trainAcc = new Accuracy({ task: 'multiclass', numClasses: 3 });
  valAcc = new Accuracy({ task: 'multiclass', numClasses: 3 });

  override forward(x: Tensor): Tensor {
    return this.net.forward(x);
  }
  override trainingStep([x, y]: Batch): Tensor {
    const logits = this.forward(x);
    const loss = this.lossFn.forward(logits, y);
    this.trainAcc.forward(logits, y);
    this.log('loss', loss, { onStep: true, onEpoch: true });
    this.log('acc', this.trainAcc, { onStep: true, onEpoch: true });
    this.log('size', x.size(0), { onStep: false, onEpoch: true, reduceFx: 'sum' });
    return loss;
  }
  override validationStep([x, y]: Batch): void {
    const logits = this.forward(x);
    this.valAcc.update(logits, y);
    this.log('val_loss', this.lossFn.forward(logits, y));
    this.log('val_acc', this.valAcc);
  }
  override configureOptimizers(): Optimizer {
    return new Adam(this.parameters(), { lr: 0.05 });
  }
}

class ManualClassifier extends Classifier {
  override automaticOptimization = false;
  override trainingStep([x, y]: Batch): Tensor {
    const optimizer = this.optimizers();
    const loss = this.lossFn.forward(this.forward(x), y);
    this.manualBackward(loss);
    // Accumulates by hand over pairs of batches: gradients live on between them.
    if (this.globalStep % 2 === 0 || this.trainer.isLastBatch) {
      optimizer.step();
      optimizer.zeroGrad();
    } else optimizer.step();
    this.log('loss', loss);
    return loss;
  }
  override configureOptimizers(): Optimizer {
    return new SGD(this.parameters(), { lr: 0.05, momentum: 0.9 });
  }
}

type Moment =
  | 'onTrainBatchEnd'
  | 'onValidationBatchEnd'
  | 'onValidationEpochEnd'
  | 'onValidationEnd'
  | 'onTrainEpochEnd'
  | 'onTrainEpochStart';

/** Saves at the n-th time a hook is called. */
class SaveAt extends Callback {
  override readonly monitorsMetrics = true;
  rowsBefore = -1;
  private calls = 0;
  constructor(moment: Moment, n: number, path: string, rows: readonly Row[]) {
    super();
    (this as unknown as Record<string, unknown>)[moment] = async (trainer: Trainer) => {
      if (trainer.sanityChecking) return;
      this.calls += 1;
      if (this.calls !== n) return;
      this.rowsBefore = rows.length;
      await trainer.saveCheckpoint(path);
    };
  }
}

const folder = mkdtempSync(join(tmpdir(), 'lightning-'));
let files = 0;

const data = (() => {
  manualSeed(1);
  return new TensorDataset(randn([22, 4]), randint(0, 3, [22]));
})();

interface Scenario {
  readonly model?: () => Classifier;
  readonly options?: TrainerOptions;
  readonly loaders: () => FitOptions<Batch>;
}

function newTrainer(logger: MemoryLogger, options: TrainerOptions, callbacks: Callback[] = []): Trainer {
  return new Trainer({
    logger,
    callbacks,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    logEveryNSteps: 1,
    maxEpochs: 3,
    defaultRootDir: folder,
    ...options,
  });
}

function stateOf(trainer: Trainer, model: Classifier): unknown {
  return {
    weights: [...model.stateDict()].map(([name, tensor]) => [name, [...tensor.toTypedArray()]]),
    optimizer: JSON.stringify(
      trainer.optimizers.map((handle) => handle.stateDict()),
      (_, value: unknown) =>
        value instanceof Map
          ? [...value]
          : typeof value === 'object' && value !== null && 'toTypedArray' in value
            ? [...(value as Tensor).toTypedArray()]
            : value,
    ),
    globalStep: trainer.globalStep,
    currentEpoch: trainer.currentEpoch,
  };
}

/** Runs straight through with a save in between, then resumes from it in a run that knows nothing of the first. */
async function compare(
  { model = () => new Classifier(), options = {}, loaders }: Scenario,
  moment: Moment,
  n: number,
): Promise<void> {
  files += 1;
  const path = join(folder, `${files}.ckpt`);
  manualSeed(7);
  const logger = new MemoryLogger();
  const save = new SaveAt(moment, n, path, logger.rows);
  const straight = newTrainer(logger, options, [save]);
  const first = model();
  await straight.fit(first, loaders());
  expect(save.rowsBefore, 'the moment never came').toBeGreaterThanOrEqual(0);

  manualSeed(12345);
  const resumedLogger = new MemoryLogger();
  const resumed = newTrainer(resumedLogger, options);
  const second = model();
  await resumed.fit(second, { ...loaders(), ckptPath: path });
  expect(stateOf(resumed, second)).toEqual(stateOf(straight, first));
  expect(resumedLogger.rows).toEqual(logger.rows.slice(save.rowsBefore));
}

const shuffled = (): Loader<Batch> => new DataLoader(data, { batchSize: 5, shuffle: true }) as Loader<Batch>;
const ordered = (): Loader<Batch> => new DataLoader(data, { batchSize: 8 }) as Loader<Batch>;
const usual: Scenario = { loaders: () => ({ trainDataloaders: shuffled(), valDataloaders: ordered() }) };

describe('a resumed run does bit for bit what the saved run did next', () => {
  test.each([1, 2, 3, 4, 5, 6, 9, 10, 14])('after training batch %i', async (n) => {
    await compare(usual, 'onTrainBatchEnd', n);
  });

  test.each([1, 2, 3])('at the end of training epoch %i', async (n) => {
    await compare(usual, 'onTrainEpochEnd', n);
  });

  test.each([1, 2])('at the start of training epoch %i', async (n) => {
    await compare(usual, 'onTrainEpochStart', n);
  });

  test.each([1, 3])('at the end of validation %i', async (n) => {
    await compare(usual, 'onValidationEnd', n);
    await compare(usual, 'onValidationEpochEnd', n);
  });

  test.each([1, 2, 5])('in the middle of validation, after its batch %i', async (n) => {
    await compare(usual, 'onValidationBatchEnd', n);
  });

  test('with validation in the middle of an epoch', async () => {
    const scenario = { ...usual, options: { valCheckInterval: 2 } };
    for (const n of [2, 3, 7]) await compare(scenario, 'onTrainBatchEnd', n);
    for (const n of [1, 2, 3]) await compare(scenario, 'onValidationEnd', n);
  });

  test('while gradients accumulate', async () => {
    for (const n of [1, 2, 3, 4, 5, 6, 7])
      await compare({ ...usual, options: { accumulateGradBatches: 3 } }, 'onTrainBatchEnd', n);
  });

  test('in manual optimization, with gradients that live on between batches', async () => {
    const scenario = { ...usual, model: () => new ManualClassifier() };
    for (const n of [1, 2, 5, 8]) await compare(scenario, 'onTrainBatchEnd', n);
  });

  test('with a loader that shuffles by a generator of its own', async () => {
    const loaders = (): FitOptions<Batch> => ({
      trainDataloaders: new DataLoader(data, {
        batchSize: 5,
        shuffle: true,
        generator: new Generator().manualSeed(3),
      }) as Loader<Batch>,
      valDataloaders: ordered(),
    });
    for (const n of [2, 5, 7]) await compare({ loaders }, 'onTrainBatchEnd', n);
    await compare({ loaders }, 'onTrainEpochEnd', 1);
    await compare({ loaders }, 'onTrainEpochStart', 2);
  });

  test('with limited batches', async () => {
    const scenario = { ...usual, options: { limitTrainBatches: 3, limitValBatches: 2 } };
    for (const n of [2, 3, 4]) await compare(scenario, 'onTrainBatchEnd', n);
    await compare(scenario, 'onTrainEpochEnd', 1);
  });

  test('with plain iterables: arrays, random generators of unknown length, async streams', async () => {
    manualSeed(2);
    const list = Array.from({ length: 4 }, (): Batch => [randn([5, 4]), randint(0, 3, [5])]);
    const random: Loader<Batch> = {
      *[Symbol.iterator]() {
        for (let index = 0; index < 4; index += 1) yield [randn([5, 4]), randint(0, 3, [5])];
      },
    };
    const stream: Loader<Batch> = {
      async *[Symbol.asyncIterator]() {
        for (const batch of list) yield batch;
      },
    };
    for (const trainDataloaders of [list, random, stream]) {
      for (const n of [1, 3, 4, 6]) await compare({ loaders: () => ({ trainDataloaders }) }, 'onTrainBatchEnd', n);
      await compare({ loaders: () => ({ trainDataloaders }) }, 'onTrainEpochEnd', 1);
    }
  });

  test('with an iterable dataset of unknown length', async () => {
    class Stream extends IterableDataset<[Tensor, Tensor]> {
      *[Symbol.iterator](): Iterator<[Tensor, Tensor]> {
        for (let index = 0; index < 17; index += 1) yield [randn([4]), randint(0, 3, [])];
      }
    }
    const loaders = (): FitOptions<Batch> => ({
      trainDataloaders: new DataLoader(new Stream(), { batchSize: 4 }) as Loader<Batch>,
    });
    for (const n of [1, 4, 5, 7]) await compare({ loaders }, 'onTrainBatchEnd', n);
    await compare({ loaders, options: { accumulateGradBatches: 2 } }, 'onTrainBatchEnd', 3);
  });

  test('after maxSteps ended the run in the middle of an epoch', async () => {
    const path = join(folder, 'cut.ckpt');
    manualSeed(7);
    const straightLogger = new MemoryLogger();
    const straight = newTrainer(straightLogger, {});
    const first = new Classifier();
    await straight.fit(first, usual.loaders());

    manualSeed(7);
    const cut = newTrainer(new MemoryLogger(), { maxSteps: 7 });
    const model = new Classifier();
    await cut.fit(model, usual.loaders());
    expect(cut.currentEpoch).toBe(1);
    await cut.saveCheckpoint(path);

    manualSeed(99);
    const resumedLogger = new MemoryLogger();
    const resumed = newTrainer(resumedLogger, {});
    const second = new Classifier();
    await resumed.fit(second, { ...usual.loaders(), ckptPath: path });
    expect(stateOf(resumed, second)).toEqual(stateOf(straight, first));
    expect(resumedLogger.rows).toEqual(straightLogger.rows.slice(-resumedLogger.rows.length));
    expect(resumedLogger.rows[0]?.step).toBe(7);
  });
});
