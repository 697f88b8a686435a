import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getRngState, manualSeed, randn, type Tensor } from '@lightning-ts/torch';
import { DataLoader, Subset, TensorDataset } from '@lightning-ts/torch/data';
import { Linear } from '@lightning-ts/torch/nn';
import { SGD } from '@lightning-ts/torch/optim';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Callback } from '../callbacks/callback.js';
import { LambdaCallback } from '../callbacks/lambdaCallback.js';
import { ModelCheckpoint } from '../callbacks/modelCheckpoint.js';
import { LightningError } from '../errors.js';
import { LightningDataModule } from '../module/dataModule.js';
import { LightningModule } from '../module/lightningModule.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';
import { type CrossValidationOptions, crossValidate } from './crossValidate.js';
import type { FoldResult } from './crossValidationResult.js';
import type { Fold } from './fold.js';
import { KFold } from './kFold.js';
import { correctedPairedTTest, pairedTTest, wilcoxonSignedRank } from './pairedTests.js';
import { resultTable } from './resultTable.js';

type Batch = [x: Tensor, y: Tensor];

/** Learns y = x · w; logs what it was judged on. */
class Regression extends LightningModule<Batch> {
  layer = new Linear(3, 1, { bias: false });

  constructor(readonly lr = 0.1) {
    super();
  }

  private loss([x, y]: Batch): Tensor {
    return this.layer.forward(x).sub(y).pow(2).mean();
  }

  override trainingStep(batch: Batch): Tensor {
    return this.loss(batch);
  }

  override validationStep(batch: Batch): void {
    this.log('val_loss', this.loss(batch));
    this.log('val_samples', batch[0].size(0), { reduceFx: 'sum' });
  }

  override testStep(batch: Batch): void {
    this.log('test_loss', this.loss(batch));
  }

  override configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: this.lr });
  }
}

let dataset: TensorDataset<[Tensor, Tensor]>;
let printed: string[];

beforeEach(() => {
  manualSeed(0);
  const x = randn([20, 3]);
  dataset = new TensorDataset(x, x.sum(1, true).add(randn([20, 1]).mul(0.1)));
  printed = [];
  vi.spyOn(console, 'log').mockImplementation((...values) => void printed.push(values.join(' ')));
});

afterEach(() => {
  vi.restoreAllMocks();
});

const newTrainer = (options: TrainerOptions = {}) =>
  new Trainer({
    maxEpochs: 2,
    logger: false,
    enableCheckpointing: false,
    enableModelSummary: false,
    enableProgressBar: false,
    ...options,
  });

const scratch = () => mkdtempSync(join(tmpdir(), 'cross-validation-'));
const monitoring = () => new ModelCheckpoint({ monitor: 'val_loss' });

const run = (options: Partial<CrossValidationOptions<Batch>> = {}) =>
  crossValidate<Batch>({
    folds: new KFold({ nSplits: 4 }).split(dataset),
    dataset,
    loader: { batchSize: 5 },
    model: () => new Regression(),
    trainer: () => newTrainer(),
    ...options,
  });

describe('crossValidate', () => {
  it('trains a fresh model on each fold and sums up what the held-out samples give', async () => {
    const models = new Set<unknown>();
    const result = await run({ afterFold: (_, { model }) => void models.add(model) });
    expect(models.size).toBe(4);
    expect(result.status).toBe('finished');
    expect(result.folds.map(({ fit, fold }) => [fold.index, fit.globalStep, fit.status])).toEqual(
      [0, 1, 2, 3].map((index) => [index, 6, 'finished']),
    );
    const { interval, mean, std, values } = result.metric('val_loss');
    expect(values).toEqual(result.folds.map(({ metrics }) => metrics.val_loss));
    expect(new Set(values).size).toBe(4);
    expect(mean).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / 4, 12);
    // t of 3 degrees of freedom at 97.5 %; 5 samples held out for 15 trained on.
    expect(interval[1] - mean).toBeCloseTo(3.18244630528371 * std * Math.sqrt(1 / 4 + 5 / 15), 10);
    expect(result.metrics.val_samples!.values).toEqual([5, 5, 5, 5]);
    expect(printed).toHaveLength(4);
    expect(printed[0]).toMatch(/^Fold 1 of 4: val_loss [\d.]+, val_samples 5 \([\d.]+ (ms|s)\)$/);
  });

  it('trains on the one part only, and is judged on the other', async () => {
    const seen: { train: Tensor[]; heldOut: Tensor[] }[] = [];
    class Watch extends Callback {
      override onFitStart(): void {
        seen.push({ train: [], heldOut: [] });
      }
      override onTrainBatchEnd(_t: unknown, _m: unknown, _o: unknown, batch: unknown): void {
        seen.at(-1)!.train.push(...(batch as Batch)[0].unbind(0));
      }
      override onTestBatchEnd(_t: unknown, _m: unknown, _o: unknown, batch: unknown): void {
        seen.at(-1)!.heldOut.push(...(batch as Batch)[0].unbind(0));
      }
    }
    const folds = new KFold({ nSplits: 4, shuffle: true, seed: 1 }).split(dataset);
    const result = await run({
      folds,
      score: 'test',
      trainer: () => newTrainer({ maxEpochs: 1, callbacks: new Watch() }),
    });
    const [all] = dataset.tensors;
    const rows = (tensors: readonly Tensor[]) =>
      tensors.map((row) => (all!.tolist() as number[][]).findIndex((known) => String(known) === String(row.tolist())));
    expect(seen).toHaveLength(4);
    for (const [place, { heldOut, train }] of seen.entries()) {
      expect(rows(heldOut)).toEqual(folds[place]!.testIndices);
      expect(rows(train)).not.toEqual(folds[place]!.trainIndices);
      expect(rows(train).sort((a, b) => a - b)).toEqual(folds[place]!.trainIndices);
    }
    expect(Object.keys(result.metrics)).toEqual(['test_loss']);
  });

  it('repeats with a seed, a single fold as well, and leaves the random numbers after it alone', async () => {
    const before = getRngState();
    const first = await run({ seed: 3, verbose: false });
    expect(getRngState().equal(before)).toBe(true);
    const second = await run({ seed: 3, verbose: false });
    expect(second.metric('val_loss').values).toEqual(first.metric('val_loss').values);
    const third = await run({ seed: 3 + 2, verbose: false, folds: [first.folds[2]!.fold] });
    expect(third.metric('val_loss')).toMatchObject({ values: [first.metric('val_loss').values[2]], std: 0 });
    expect((await run({ seed: 4, verbose: false })).metric('val_loss').values).not.toEqual(
      first.metric('val_loss').values,
    );
    manualSeed(5);
    const fourth = await run({ verbose: false });
    manualSeed(5);
    const fifth = await run({ verbose: false });
    expect(fifth.seed).toBe(fourth.seed);
    expect(fifth.metric('val_loss').values).toEqual(fourth.metric('val_loss').values);
  });

  it('takes its data from a data module of each fold', async () => {
    class Folded extends LightningDataModule<Batch> {
      constructor(
        readonly train: readonly number[],
        readonly heldOut: readonly number[],
      ) {
        super();
      }
      override trainDataloader() {
        return new DataLoader(new Subset(dataset, this.train), { batchSize: 5 });
      }
      override valDataloader() {
        return new DataLoader(new Subset(dataset, this.heldOut), { batchSize: 5 });
      }
    }
    const options = { seed: 1, verbose: false };
    const { dataset: _, loader: __, ...others } = { dataset, loader: {}, ...options };
    const result = await crossValidate<Batch>({
      ...others,
      folds: new KFold({ nSplits: 4 }).split(dataset),
      model: () => new Regression(),
      trainer: () => newTrainer(),
      datamodule: ({ testIndices, trainIndices }) => new Folded(trainIndices, testIndices),
    });
    const direct = await run({ ...options, loader: { batchSize: 5, shuffle: false } });
    expect(result.metric('val_loss').values).toEqual(direct.metric('val_loss').values);
  });

  it('compares two models on the same folds', async () => {
    const good = await run({ seed: 1, verbose: false });
    const slow = await run({ seed: 1, verbose: false, model: () => new Regression(0.001) });
    const [a, b] = [good.metric('val_loss').values, slow.metric('val_loss').values];
    expect(good.compare(slow, 'val_loss')).toMatchObject(
      (({ pValue, statistic }) => ({ pValue, statistic, test: 'corrected', alternative: 'two-sided' }))(
        correctedPairedTTest(a, b, { trainSize: 15, testSize: 5 }),
      ),
    );
    const less = good.compare(slow, 'val_loss', { test: 't', alternative: 'less' });
    expect(less.pValue).toBe(pairedTTest(a, b, { alternative: 'less' }).pValue);
    expect(good.compare(slow, 'val_loss', { test: 'wilcoxon' }).pValue).toBe(wilcoxonSignedRank(a, b).pValue);
    expect(String(less)).toMatch(
      /^val_loss: -\d\.\d{4} \(95 % interval -?\d\.\d{4} … -?\d\.\d{4}\), p = [\d.e-]+ \(paired t-test, less\)$/,
    );
    expect(String(good.compare(good, 'val_loss'))).toMatch(/no fold differs/);
    expect(() => good.compare(slow, 'val_los')).toThrow(/MONITOR_MISSING.*'val_loss'/);
    expect(() => good.compare(slow, 'val_loss', { test: 'f' as never })).toThrow(/OPTION_INVALID.*'wilcoxon'/);
    const others = await run({ verbose: false, folds: new KFold({ nSplits: 2 }).split(dataset) });
    expect(() => good.compare(others, 'val_loss')).toThrow(/STATISTICS_INPUT.*same folds/);
  });

  it('prints a table that fits', async () => {
    const result = await run({ seed: 1, verbose: false });
    const lines = String(result).split('\n');
    expect(lines[0]).toMatch(/^4 folds; 15 samples to train, 5 held out; [\d.]+ (ms|s)$/);
    expect(lines[2]).toMatch(/┃ Metric +┃ +Mean ┃ +Std ┃ +95 % interval ┃ Folds +┃/);
    expect(lines[4]).toMatch(
      /│ val_loss +│ \d\.\d{4} │ ± \d\.\d{4} │ +-?\d\.\d{4} … \d\.\d{4} │ (\d\.\d{4} {1,2}){4}│/,
    );
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    const narrow = resultTable(result, 70).split('\n');
    expect(narrow[2]).toMatch(/┃ Least … most +┃/);
    expect(narrow[4]).toMatch(/│ \d\.\d{4} … \d\.\d{4} │$/);
    expect(Math.max(...narrow.slice(1).map((line) => line.length))).toBeLessThanOrEqual(70);
  });

  it.each(['onTrainStart', 'onTestStart'] as const)('ends in order when a signal comes in %s', async (hook) => {
    const stop = new LambdaCallback({
      [hook]: async () => {
        const came = once(process, 'SIGINT');
        process.kill(process.pid, 'SIGINT');
        await came;
      },
    });
    const trainer = ({ index }: Fold) => newTrainer({ callbacks: index < 2 ? [] : stop });
    const result = await run({ score: 'test', trainer });
    expect(result.status).toBe('interrupted');
    expect(result.folds).toHaveLength(2);
    expect(String(result)).toContain('2 folds, then interrupted');
  });

  it('fails with the interruption where a Trainer was told to throw it', async () => {
    const stop = new LambdaCallback({
      onTrainStart: async () => {
        const came = once(process, 'SIGINT');
        process.kill(process.pid, 'SIGINT');
        await came;
      },
    });
    await expect(run({ trainer: () => newTrainer({ onInterrupt: 'throw', callbacks: stop }) })).rejects.toThrow(
      /^RUN_INTERRUPTED/,
    );
  });

  it('says which fold failed, and why', async () => {
    const cause = new Error('out of tea');
    const model = ({ index }: { index: number }) => {
      if (index === 2) throw cause;
      return new Regression();
    };
    const error: LightningError = await run({ model }).then(
      () => expect.fail('it should have failed'),
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(LightningError);
    expect([error.code, error.message, error.cause]).toEqual([
      'FOLD_FAILED',
      'FOLD_FAILED: Fold 3 of 4 failed: out of tea',
      cause,
    ]);
  });

  it('refuses a model or Trainer that comes twice', async () => {
    const [model, trainer] = [new Regression(), newTrainer()];
    const message = (name: string) => new RegExp(`FOLD_FAILED: Fold 2 of 4 .*OPTION_INVALID.*${name} gave the same`);
    await expect(run({ model: () => model })).rejects.toThrow(message('model'));
    await expect(run({ trainer: () => trainer })).rejects.toThrow(message('trainer'));
  });

  it('judges the best weights when told so', async () => {
    const seen: [number | null, number][] = [];
    await run({
      ckptPath: 'best',
      folds: new KFold({ nSplits: 2 }).split(dataset),
      trainer: () =>
        newTrainer({ maxEpochs: 3, enableCheckpointing: true, defaultRootDir: scratch(), callbacks: monitoring() }),
      // The first epoch of this rate is the best one: after it the loss grows.
      model: () => new Regression(1.5),
      afterFold: ({ fit, metrics }: FoldResult) => void seen.push([fit.bestModelScore, metrics.val_loss!]),
    });
    for (const [best, judged] of seen) expect(judged).toBeCloseTo(best!, 6);
  });

  it.each<[string, Partial<CrossValidationOptions<Batch>> | Record<string, unknown>, RegExp]>([
    ['a splitter for its folds', { folds: new KFold() }, /FOLDS_INVALID.*an instance of KFold.*split\(dataset\)/],
    ['batches for a dataset', { dataset: [[1], [2]] }, /OPTION_INVALID.*dataset is an array of 2/],
    ['no folds', { folds: [] }, /FOLDS_INVALID.*no folds/],
    ['a fold without samples', { folds: [{ index: 0, trainIndices: [], testIndices: [1] }] }, /FOLDS_INVALID/],
    [
      'an index outside the dataset',
      { folds: [{ index: 0, trainIndices: [1], testIndices: [20] }] },
      /FOLDS_INVALID.*index 20.*20 samples/,
    ],
    ['no data', { dataset: undefined }, /OPTION_CONFLICT.*neither dataset nor datamodule/],
    ['data twice', { datamodule: () => new LightningDataModule() }, /OPTION_CONFLICT.*dataset and datamodule/],
    [
      'a loader for a data module',
      { dataset: undefined, datamodule: () => new LightningDataModule() },
      /OPTION_CONFLICT.*loader/,
    ],
    ['one model for all', { model: new Regression() }, /OPTION_INVALID.*model is an instance.*a new one for each fold/],
    ['one Trainer for all', { trainer: newTrainer() }, /OPTION_INVALID.*trainer is an instance/],
    ['a misspelt option', { modle: 1 }, /OPTION_UNKNOWN.*'model'/],
    ['a confidence', { confidence: 95 }, /OPTION_INVALID.*confidence is 95/],
    ['a score', { score: 'fit' }, /OPTION_INVALID.*score is 'fit'/],
    ['a path', { ckptPath: 'newest' }, /OPTION_INVALID.*ckptPath is 'newest'/],
  ])('%s is refused', async (_, options, message) => {
    await expect(run(options as Partial<CrossValidationOptions<Batch>>)).rejects.toThrow(message);
  });
});
