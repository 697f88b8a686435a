import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { arange, manualSeed, Tensor, tensor } from '@lightning-ts/torch';
import { DataLoader, TensorDataset } from '@lightning-ts/torch/data';
import { Linear } from '@lightning-ts/torch/nn';
import { SGD } from '@lightning-ts/torch/optim';
import { describe, expect, test } from 'vitest';
import { Callback } from '../callbacks/callback.js';
import { LightningError } from '../errors.js';
import { LightningModule } from '../module/lightningModule.js';
import { MemoryLogger } from '../testing/memoryLogger.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';
import { CombinedLoader } from './combinedLoader.js';

const codeOf = async (run: () => unknown): Promise<string> => {
  try {
    await run();
  } catch (error) {
    if (error instanceof LightningError) return error.code;
    throw error;
  }
  return 'none';
};
const three = [0, 1, 2];
const two = [10, 11];
const list = <T>(items: Iterable<T>): T[] => [...items];
const stream = <T>(values: readonly T[]): AsyncIterable<T> => ({
  async *[Symbol.asyncIterator]() {
    yield* values;
  },
});

describe('a combined loader', () => {
  test('stops at the shortest, fills up with null, repeats the shorter, or takes one after the other', () => {
    expect(list(new CombinedLoader([three, two]))).toEqual([
      [[0, 10], 0, 0],
      [[1, 11], 1, 0],
    ]);
    const batches = (mode: 'maxSize' | 'maxSizeCycle') =>
      list(new CombinedLoader([three, two], mode)).map(([batch]) => batch);
    expect(batches('maxSize')).toEqual([
      [0, 10],
      [1, 11],
      [2, null],
    ]);
    expect(batches('maxSizeCycle')).toEqual([
      [0, 10],
      [1, 11],
      [2, 10],
    ]);
    expect(list(new CombinedLoader([three, two], 'sequential'))).toEqual([
      [0, 0, 0],
      [1, 1, 0],
      [2, 2, 0],
      [10, 0, 1],
      [11, 1, 1],
    ]);
  });

  test('nests batches as the loaders are nested, and takes streams', async () => {
    const loaders = { a: three, deep: { b: two, c: [new Set([5, 6])] } };
    expect(list(new CombinedLoader(loaders)).map(([batch]) => batch)).toEqual([
      { a: 0, deep: { b: 10, c: [5] } },
      { a: 1, deep: { b: 11, c: [6] } },
    ]);
    const modes = ['minSize', 'maxSize', 'maxSizeCycle', 'sequential'] as const;
    for (const mode of modes) {
      const waiting = new CombinedLoader([stream(three), two] as Iterable<number>[], mode as 'sequential');
      const seen: unknown[] = [];
      for await (const item of waiting) seen.push(item);
      expect(seen).toEqual(list(new CombinedLoader([three, two], mode as 'sequential')));
    }
  });

  test('knows its length, limited or not, as far as its loaders do', () => {
    const length = (mode: string, limits: number | number[] | null = null): number => {
      const combined = new CombinedLoader([three, two], mode as 'minSize');
      combined.limits = limits;
      expect(list(combined)).toHaveLength(combined.length);
      return combined.length;
    };
    expect(['minSize', 'maxSize', 'maxSizeCycle', 'sequential'].map((mode) => length(mode))).toEqual([2, 3, 3, 5]);
    expect(['minSize', 'maxSize', 'maxSizeCycle', 'sequential'].map((mode) => length(mode, [1, 2]))).toEqual([
      1, 2, 2, 3,
    ]);
    expect(length('sequential', 1)).toBe(2);
    const endless = new CombinedLoader([three, stream(two)], 'maxSize');
    expect(endless.length).toBe(Number.POSITIVE_INFINITY);
    expect(new CombinedLoader([three, stream(two)], 'minSize').length).toBe(3);
  });

  test('lets go of its loaders when it is left early', () => {
    const ended: string[] = [];
    const loader = (name: string): Iterable<number> => ({
      *[Symbol.iterator]() {
        try {
          yield* [1, 2, 3];
        } finally {
          ended.push(name);
        }
      },
    });
    for (const _ of new CombinedLoader([loader('a'), loader('b')])) break;
    expect(ended).toEqual(['a', 'b']);
    const one = new CombinedLoader([loader('c'), loader('d')], 'sequential');
    for (const _ of one) break;
    expect(ended).toEqual(['a', 'b', 'c']);
  });

  test.each(['minSize', 'maxSize', 'maxSizeCycle', 'sequential'] as const)(
    'continues after the batch it was saved at: %s',
    (mode) => {
      const make = () => {
        const of = (from: number, to: number, batchSize: number) =>
          new DataLoader(new TensorDataset(arange(from, to)), { batchSize });
        return new CombinedLoader([of(0, 8, 2), of(100, 105, 2)], mode as 'minSize');
      };
      const numbers = (value: unknown): unknown =>
        value instanceof Tensor ? value.tolist() : Array.isArray(value) ? value.map(numbers) : value;
      const all = list(make()).map(numbers);
      for (let taken = 0; taken <= all.length; taken += 1) {
        const first = make();
        const walk = first[Symbol.iterator]();
        for (let index = 0; index < taken; index += 1) walk.next();
        const second = make();
        second.loadStateDict(first.stateDict());
        // After the last batch, the walk is at its end but does not know yet.
        expect(list(second).map(numbers)).toEqual(all.slice(taken));
        expect(list(second).map(numbers), 'the walk after it is whole').toEqual(all);
      }
    },
  );

  test('refuses unknown modes, things that are no loaders, and states of others', async () => {
    expect(await codeOf(() => new CombinedLoader([three], 'max_size' as 'maxSize'))).toBe('OPTION_INVALID');
    expect(await codeOf(() => new CombinedLoader([three, 5]))).toBe('LOADER_INVALID');
    expect(await codeOf(() => new CombinedLoader([]))).toBe('LOADER_INVALID');
    const combined = new CombinedLoader([three, two]);
    for (const limits of [-1, [1], [1, 1.5]])
      expect(await codeOf(() => Object.assign(combined, { limits }))).toBe('OPTION_INVALID');
    expect(await codeOf(() => Object.assign(combined, { flattened: [three] }))).toBe('OPTION_INVALID');
    expect(await codeOf(() => combined.loadStateDict({ loaders: [null], walk: null }))).toBe('LOADER_STATE');
    const once = (function* () {
      yield 1;
    })();
    expect(await codeOf(() => list(new CombinedLoader([three, once], 'maxSizeCycle')))).toBe('LOADER_EMPTY');
  });
});

/** Writes down what each step was given. */
class Recorder extends LightningModule<unknown> {
  layer = new Linear(1, 1);
  readonly seen: unknown[] = [];

  override trainingStep(batch: unknown): Tensor {
    this.seen.push(toNumbers(batch));
    return this.layer.forward(tensor([[1]], { dtype: 'float32' })).sum();
  }
  override validationStep(batch: unknown, batchIdx: number, dataloaderIdx: number): void {
    this.seen.push([toNumbers(batch), batchIdx, dataloaderIdx]);
    this.log('seen', 1, { batchSize: 1, reduceFx: 'sum' });
  }
  override predictStep(batch: unknown): unknown {
    return toNumbers(batch);
  }
  override configureOptimizers() {
    return new SGD(this.parameters(), { lr: 0.1 });
  }
}

function toNumbers(value: unknown): unknown {
  if (value instanceof Tensor) return value.tolist();
  if (Array.isArray(value)) return value.map(toNumbers);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, toNumbers(item)]));
}

const folder = mkdtempSync(join(tmpdir(), 'lightning-'));
const newTrainer = (options: TrainerOptions = {}): Trainer =>
  new Trainer({
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    maxEpochs: 1,
    numSanityValSteps: 0,
    defaultRootDir: folder,
    ...options,
  });

describe('several loaders', () => {
  const numbers = (from: number, to: number): DataLoader =>
    new DataLoader(new TensorDataset(arange(from, to)), { batchSize: 2 }) as DataLoader;
  const fit = async (trainDataloaders: unknown, options: TrainerOptions = {}): Promise<unknown[]> => {
    const model = new Recorder();
    const trainer = newTrainer(options);
    await trainer.fit(model, { trainDataloaders: trainDataloaders as unknown[] });
    expect(trainer.trainDataloader).toBe(trainDataloaders);
    return model.seen;
  };

  test('are trained on together, in the nesting they were given in', async () => {
    expect(await fit({ a: [1, 2, 3], b: [4, 5] })).toEqual([
      { a: 1, b: 4 },
      { a: 2, b: 5 },
      { a: 3, b: 4 },
    ]);
    expect(await fit([numbers(0, 4), new Set([7])])).toEqual([
      [[[0, 1]], 7],
      [[[2, 3]], 7],
    ]);
    expect(
      await fit(
        new CombinedLoader([
          [1, 2, 3],
          [4, 5],
        ]),
      ),
    ).toEqual([
      [1, 4],
      [2, 5],
    ]);
    expect(await fit(new CombinedLoader({ a: stream([1, 2]), b: [4] }, 'maxSize'))).toEqual([
      { a: 1, b: 4 },
      { a: 2, b: null },
    ]);
    expect(await fit({ a: [1, 2, 3, 4], b: [5] }, { limitTrainBatches: 0.5, maxEpochs: 2 })).toHaveLength(4);
  });

  test('but a plain array of batches is one loader', async () => {
    const batch = (): Tensor => tensor([1, 2]);
    expect(await fit([[batch(), batch()]])).toEqual([
      [
        [1, 2],
        [1, 2],
      ],
    ]);
    expect(await fit([{ image: batch() }])).toEqual([{ image: [1, 2] }]);
  });

  test('are validated one after the other, or together', async () => {
    const validate = async (dataloaders: unknown, options: TrainerOptions = {}) => {
      const model = new Recorder();
      const trainer = newTrainer(options);
      const results = await trainer.validate(model, { dataloaders: dataloaders as unknown[], verbose: false });
      return { seen: model.seen, results, counts: trainer.numValBatches };
    };
    const inTurn = [
      [1, 0, 0],
      [2, 1, 0],
      [3, 0, 1],
    ];
    expect(await validate(new CombinedLoader([[1, 2], [3]], 'sequential'))).toEqual({
      seen: inTurn,
      results: [{ 'seen/dataloader_idx_0': 2 }, { 'seen/dataloader_idx_1': 1 }],
      counts: [2, 1],
    });
    expect((await validate({ a: [1, 2], b: [3] })).seen).toEqual(inTurn);
    expect(await validate(new CombinedLoader([[1, 2], [3]], 'maxSize'))).toEqual({
      seen: [
        [[1, 3], 0, 0],
        [[2, null], 1, 0],
      ],
      results: [{ seen: 2 }],
      counts: [2],
    });
    expect((await validate({ a: [1, 2], b: [3, 4] }, { limitValBatches: 1 })).counts).toEqual([1, 1]);
  });

  test('are predicted with one after the other only', async () => {
    const predict = (dataloaders: unknown) => newTrainer().predict(new Recorder(), { dataloaders: dataloaders as [] });
    expect(await predict(new CombinedLoader([[1], [2, 3]], 'sequential'))).toEqual([[1], [2, 3]]);
    expect(await codeOf(() => predict(new CombinedLoader([[1], [2]])))).toBe('OPTION_INVALID');
    expect(await codeOf(() => fit(new CombinedLoader([[1], [2]], 'sequential')))).toBe('OPTION_INVALID');
    expect(await codeOf(() => fit({ a: [1], b: 5 }))).toBe('LOADER_INVALID');
    expect(await codeOf(() => fit({ a: [1], b: [] }))).toBe('LOADER_EMPTY');
  });

  test.each([
    ['that know where they are', true],
    ['of which one does not', false],
  ])('%s are at their places after a resume', async (_, areStateful) => {
    const dataset = new TensorDataset(arange(10));
    const loaders = () => ({
      a: new DataLoader(dataset, { batchSize: 2, shuffle: true }),
      b: areStateful ? new DataLoader(dataset, { batchSize: 4, shuffle: true }) : [[1], [2], [3]],
    });
    class SaveAfter extends Callback {
      constructor(private readonly batches: number) {
        super();
      }
      override async onTrainBatchEnd(trainer: Trainer, model: Recorder): Promise<void> {
        if (model.seen.length === this.batches) await trainer.saveCheckpoint(join(folder, 'combined.ckpt'));
      }
    }
    for (const batches of [1, 4, 5, 7]) {
      manualSeed(3);
      const straight = new Recorder();
      const save = { callbacks: new SaveAfter(batches), maxEpochs: 2, logger: new MemoryLogger() };
      await newTrainer(save).fit(straight, { trainDataloaders: loaders() });
      manualSeed(99);
      const resumed = new Recorder();
      await newTrainer({ maxEpochs: 2 }).fit(resumed, {
        trainDataloaders: loaders(),
        ckptPath: join(folder, 'combined.ckpt'),
      });
      expect(straight.seen).toHaveLength(10);
      expect(resumed.seen).toEqual(straight.seen.slice(batches));
    }
  });
});
