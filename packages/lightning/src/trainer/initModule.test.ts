import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DType, getDefaultDType, getRngState, randn, resetWarnings, type Tensor } from '@lightning-ts/torch';
import { TensorDataset } from '@lightning-ts/torch/data';
import { Linear, Sequential } from '@lightning-ts/torch/nn';
import { SGD } from '@lightning-ts/torch/optim';
import { afterEach, expect, test, vi } from 'vitest';
import { LightningDataModule } from '../module/dataModule.js';
import { LightningModule } from '../module/lightningModule.js';
import { BoringModel } from '../testing/boringModel.js';
import type { TrainerOptions } from './options.js';
import { Trainer } from './trainer.js';

const newTrainer = (options: TrainerOptions = {}): Trainer =>
  new Trainer({
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    maxEpochs: 1,
    limitTrainBatches: 1,
    limitValBatches: 0,
    defaultRootDir: mkdtempSync(join(tmpdir(), 'lightning-')),
    ...options,
  });

afterEach(() => vi.restoreAllMocks());

test('a module made with emptyInit draws no random numbers, in the precision of the run, and takes weights as any other', () => {
  const build = (): Sequential => new Sequential(new Linear(64, 64), new Linear(64, 8));
  const trainer = newTrainer({ precision: '64-true' });
  const before = getRngState();
  const model = trainer.initModule(build, { emptyInit: true });
  expect(getRngState().equal(before)).toBe(true);
  expect(model.parameters().map(({ dtype }) => dtype)).toEqual(Array(4).fill('float64'));
  const full = trainer.initModule(build);
  expect(getRngState().equal(before)).toBe(false);
  model.loadStateDict(full.stateDict());
  const input = randn([2, 64], { dtype: 'float64' });
  expect((model.forward(input) as Tensor).equal(full.forward(input) as Tensor)).toBe(true);
});

test('weights are made again afterwards, also when the module could not be built', () => {
  const trainer = newTrainer({ precision: '64-true' });
  const failing = (): Linear => {
    throw new Error('too large');
  };
  expect(() => trainer.initModule(failing, { emptyInit: true })).toThrow('too large');
  expect(getDefaultDType()).toBe('float32');
  const before = getRngState();
  new Linear(4, 4);
  expect(getRngState().equal(before)).toBe(false);
});

test('a bad or unknown option of initModule is an error', () => {
  const make = (options: object) => () => newTrainer().initModule(() => new Linear(1, 1), options);
  expect(make({ emptyInit: 'yes' })).toThrow('OPTION_INVALID');
  expect(make({ empty_init: true })).toThrow('OPTION_UNKNOWN');
});

test('configureModel builds in the precision of the run, up to its first await', async () => {
  for (const isAsync of [false, true]) {
    const seen: DType[] = [];
    class Late extends BoringModel {
      extra: Linear | null = null;
      override configureModel(): void | Promise<void> {
        this.extra ??= new Linear(2, 2);
        seen.push(this.extra.weight.dtype);
        return isAsync ? Promise.resolve() : undefined;
      }
    }
    await newTrainer({ precision: '64-true' }).fit(new Late());
    expect([seen, getDefaultDType()]).toEqual([['float64'], 'float32']);
  }
});

test('a data module made of datasets asks for pinned memory only where there is a GPU for it', async () => {
  resetWarnings();
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const dataModule = LightningDataModule.fromDatasets({
    trainDataset: new TensorDataset(randn([4, 32])),
    batchSize: 2,
  });
  class Model extends LightningModule<[Tensor]> {
    layer = new Linear(32, 2);
    override trainingStep([batch]: [Tensor]): Tensor {
      return this.layer.forward(batch).mean();
    }
    override configureOptimizers(): SGD {
      return new SGD(this.parameters(), { lr: 0.1 });
    }
  }
  await newTrainer().fit(new Model(), dataModule);
  const codes = warned.mock.calls.map(([, options]) => (options as { code?: string }).code);
  expect(codes.filter((code) => code?.startsWith('DATA_'))).toEqual([]);
});
