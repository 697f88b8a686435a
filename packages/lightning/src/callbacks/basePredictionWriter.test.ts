import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { arange, manualSeed, type Tensor } from '@lightning-ts/torch';
import { DataLoader, TensorDataset } from '@lightning-ts/torch/data';
import { describe, expect, it, vi } from 'vitest';
import type { Loader } from '../module/loaderTypes.js';
import { BoringModel } from '../testing/boringModel.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';
import { BasePredictionWriter, type PredictionWriterOptions } from './basePredictionWriter.js';

/** Predicts ten times its input. */
class Tenfold extends BoringModel {
  override predictStep(batch: unknown): unknown {
    const [x] = batch as [Tensor];
    if (this.failsAt !== null && x.eq(this.failsAt).any().item()) throw new Error('boom');
    return x.mul(10);
  }

  constructor(private readonly failsAt: number | null = null) {
    super();
  }
}

type Indices = readonly (readonly number[] | null)[];

class Writer extends BasePredictionWriter {
  batches: { prediction: unknown; indices: readonly number[] | null; batchIdx: number; dataloaderIdx: number }[] = [];
  epochs: { predictions: unknown; indices: readonly Indices[] }[] = [];

  override async writeOnBatchEnd(
    _trainer: Trainer,
    _module: unknown,
    prediction: unknown,
    indices: readonly number[] | null,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): Promise<void> {
    await Promise.resolve();
    const values = (prediction as Tensor).tolist();
    expect(values).toEqual((batch as [Tensor])[0].mul(10).tolist());
    this.batches.push({ prediction: values, indices, batchIdx, dataloaderIdx });
  }

  override writeOnEpochEnd(
    _trainer: Trainer,
    _module: unknown,
    predictions: readonly unknown[],
    indices: readonly Indices[],
  ): void {
    const plain = (value: unknown): unknown => (Array.isArray(value) ? value.map(plain) : (value as Tensor).tolist());
    this.epochs.push({ predictions: plain(predictions), indices });
  }
}

const numbers = (count: number) => new TensorDataset(arange(count));
const newTrainer = (writer: BasePredictionWriter, options: TrainerOptions = {}) =>
  new Trainer({
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: mkdtempSync(join(tmpdir(), 'writer-')),
    callbacks: writer,
    ...options,
  });
const predict = (writer: BasePredictionWriter, loaders: unknown, options: TrainerOptions = {}) =>
  newTrainer(writer, options).predict(new Tenfold() as never, loaders as Loader);

describe('BasePredictionWriter', () => {
  it('gets each batch with its samples by default, and predict returns nothing', async () => {
    const writer = new Writer();
    expect(await predict(writer, new DataLoader(numbers(5), { batchSize: 2 }))).toBeNull();
    expect(writer.batches).toEqual([
      { prediction: [0, 10], indices: [0, 1], batchIdx: 0, dataloaderIdx: 0 },
      { prediction: [20, 30], indices: [2, 3], batchIdx: 1, dataloaderIdx: 0 },
      { prediction: [40], indices: [4], batchIdx: 2, dataloaderIdx: 0 },
    ]);
    expect(writer.epochs).toEqual([]);
  });

  it('gets everything at the end, nested by loader', async () => {
    const writer = new Writer({ writeInterval: 'epoch' });
    await predict(writer, new DataLoader(numbers(3), { batchSize: 2 }));
    await predict(writer, [
      new DataLoader(numbers(3), { batchSize: 2 }),
      new DataLoader(numbers(2), { batchSize: null }),
    ]);
    expect(writer.batches).toEqual([]);
    expect(writer.epochs).toEqual([
      { predictions: [[0, 10], [20]], indices: [[[0, 1], [2]]] },
      {
        predictions: [
          [[0, 10], [20]],
          [0, 10],
        ],
        indices: [
          [[0, 1], [2]],
          [[0], [1]],
        ],
      },
    ]);
  });

  it('gets both when told so, and predictions are returned on request', async () => {
    const writer = new Writer({ writeInterval: 'batchAndEpoch' });
    const returned = await newTrainer(writer, { limitPredictBatches: 2 }).predict(new Tenfold() as never, {
      dataloaders: new DataLoader(numbers(9), { batchSize: 2 }) as Loader,
      returnPredictions: true,
    });
    expect(returned!.map((value) => (value as Tensor).tolist())).toEqual([
      [0, 10],
      [20, 30],
    ]);
    expect(writer.batches.map(({ indices }) => indices)).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(writer.epochs).toEqual([
      {
        predictions: [
          [0, 10],
          [20, 30],
        ],
        indices: [
          [
            [0, 1],
            [2, 3],
          ],
        ],
      },
    ]);
  });

  it('knows the samples of shuffled loaders, of workers and of batch samplers', async () => {
    const loaders = [
      new DataLoader(numbers(8), { batchSize: 3, shuffle: true }),
      new DataLoader(numbers(8), { batchSize: 2, numWorkers: 2, persistentWorkers: true }),
      new DataLoader(numbers(8), { batchSampler: [[7, 0], [3]] }),
    ];
    const writer = new Writer();
    manualSeed(4);
    await predict(writer, loaders);
    expect(writer.batches).toHaveLength(3 + 4 + 2);
    for (const { indices, prediction } of writer.batches)
      expect(prediction).toEqual(indices!.map((index) => 10 * index));
    expect(writer.batches.slice(0, 3).flatMap(({ indices }) => indices)).not.toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(writer.batches.slice(-2).map(({ indices }) => indices)).toEqual([[7, 0], [3]]);
  });

  it('is told null for what has no numbers, with one warning', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const writer = new Writer();
    await predict(writer, [[arange(2)], [arange(3)]]);
    await predict(writer, new DataLoader(numbers(2), { batchSize: 2, onBadSample: 'skip' }));
    expect(writer.batches.map(({ indices }) => indices)).toEqual([null, null, null]);
    const mine = warned.mock.calls.filter((call) => String(call).includes('Writer is not told'));
    expect(mine).toHaveLength(1);
    warned.mockRestore();
  });

  it('starts anew in every run, also after one that failed', async () => {
    const writer = new Writer({ writeInterval: 'epoch' });
    const trainer = newTrainer(writer);
    const loader = new DataLoader(numbers(3), { batchSize: 2 }) as Loader;
    await expect(trainer.predict(new Tenfold(2) as never, loader)).rejects.toThrow('boom');
    expect(writer.epochs).toEqual([]);
    for (let run = 0; run < 2; run += 1) await trainer.predict(new Tenfold() as never, loader);
    const expected = { predictions: [[0, 10], [20]], indices: [[[0, 1], [2]]] };
    expect(writer.epochs).toEqual([expected, expected]);
    expect(writer.stateDict()).toEqual({});
  });

  it('must be able to write what it is told to', async () => {
    class BatchesOnly extends BasePredictionWriter {
      override writeOnBatchEnd(): void {}
    }
    const options: PredictionWriterOptions = { writeInterval: 'batchAndEpoch' };
    await expect(predict(new BatchesOnly(options), [arange(2)])).rejects.toThrow(
      /OPTION_CONFLICT: BatchesOnly: writeInterval is 'batchAndEpoch', but there is no writeOnEpochEnd/,
    );
    expect(() => new Writer({ writeInterval: 'step' as never })).toThrow(
      /OPTION_INVALID.*writeInterval is 'step'.*'batch' or 'epoch' or 'batchAndEpoch'/,
    );
    expect(() => new Writer({ interval: 'epoch' } as never)).toThrow(/OPTION_UNKNOWN/);
  });
});
