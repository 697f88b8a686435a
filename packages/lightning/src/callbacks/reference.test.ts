import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { arange, Tensor, tensor } from '@lightning-ts/torch';
import { DataLoader, TensorDataset } from '@lightning-ts/torch/data';
import { BatchNorm1d, Linear, Parameter, Sequential } from '@lightning-ts/torch/nn';
import { type Optimizer, SGD } from '@lightning-ts/torch/optim';
import { load } from '@lightning-ts/torch/serialize';
import { describe, expect, it } from 'vitest';
import { LightningModule } from '../module/lightningModule.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';
import { BackboneFinetuning, type BackboneFinetuningOptions } from './backboneFinetuning.js';
import { BasePredictionWriter, type WriteInterval } from './basePredictionWriter.js';
import type { Callback } from './callback.js';
import { EMAWeightAveraging } from './emaWeightAveraging.js';
import { LambdaCallback } from './lambdaCallback.js';
import { type UpdateMoment, WeightAveraging } from './weightAveraging.js';

// The runs of fixtures/callbacks.py, recorded with PyTorch Lightning 2.6.6.

type Numbers = Record<string, number[] | number>;
interface RecordedAveraging {
  name: string;
  steps: number[];
  validations: number[][];
  end: Numbers;
  saved: Record<'state_dict' | 'current_model_state' | 'averaging_state', Numbers>;
}
interface RecordedEpoch {
  rates: number[];
  groups: string[][];
  trainable: string[];
}
const recorded = JSON.parse(readFileSync(join(import.meta.dirname, '../../test/fixtures/callbacks.json'), 'utf8')) as {
  averaging: RecordedAveraging[];
  finetuning: { options: BackboneFinetuningOptions; epochs: RecordedEpoch[] }[];
  writing: { interval: string; sizes: number[]; calls: unknown[] }[];
};

const trainerWith = (callbacks: Callback[], options: TrainerOptions = {}) =>
  new Trainer({
    maxEpochs: 3,
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: mkdtempSync(join(tmpdir(), 'reference-')),
    callbacks,
    ...options,
  });
const data = () => new DataLoader(new TensorDataset(arange(1, 7).float()), { batchSize: 2 });

/** The weight falls by lr times the batch's mean at every step. */
class Line extends LightningModule<[Tensor]> {
  weight = new Parameter(tensor([1], { dtype: 'float32' }));
  declare seen: Tensor;
  steps: number[] = [];
  validations: number[][] = [];

  constructor() {
    super();
    this.registerBuffer('seen', tensor([0], { dtype: 'float32' }));
  }

  override trainingStep([x]: [Tensor]): Tensor {
    this.seen.add_(x.sum());
    return this.weight.mul(x.mean()).sum();
  }

  override onTrainBatchEnd(): void {
    this.steps.push(this.weight.item());
  }

  override validationStep(): void {
    if (!this.trainer.sanityChecking) this.validations.push([this.weight.item(), this.seen.item()]);
  }

  override predictStep([x]: [Tensor]): Tensor {
    return x.mul(10);
  }

  override configureOptimizers(): SGD {
    return new SGD([this.weight], { lr: 0.125 });
  }
}

class ByEpoch extends WeightAveraging {
  override shouldUpdate({ epochIdx }: UpdateMoment): boolean {
    return epochIdx !== undefined;
  }
}

const averagings: Record<string, [() => WeightAveraging, TrainerOptions?]> = {
  mean: [() => new WeightAveraging()],
  'mean without buffers': [() => new WeightAveraging({ useBuffers: false })],
  'mean, accumulated': [() => new WeightAveraging(), { accumulateGradBatches: 2, accumulationDivisor: 'option' }],
  'by epoch': [() => new ByEpoch()],
  ema: [() => new EMAWeightAveraging({ decay: 0.75 })],
  'ema now and then': [
    () =>
      new EMAWeightAveraging({
        decay: 0.75,
        updateEveryNSteps: 2,
        updateStartingAtStep: 3,
        updateStartingAtEpoch: 1,
      }),
  ],
};

const numbersOf = (state: unknown): Numbers =>
  Object.fromEntries(
    [...(state instanceof Map ? state : Object.entries(state as object))].map(([key, value]) => [
      key,
      (value as Tensor).tolist(),
    ]),
  );

/** Equal to the last digits of float32: the reference's means are computed by another formula. */
function expectNear(found: unknown, expected: unknown): void {
  const flat = (value: unknown): number[] =>
    typeof value === 'number' ? [value] : Object.values(value as object).flatMap(flat);
  expect(Object.keys(found as object)).toEqual(Object.keys(expected as object));
  const [a, b] = [flat(found), flat(expected)];
  expect(a).toHaveLength(b.length);
  for (const [i, value] of a.entries()) expect(value).toBeCloseTo(b[i]!, 5);
}

describe('averages of weights are those of the reference', () => {
  it.each(recorded.averaging)('$name', async ({ end, name, saved, steps, validations }) => {
    const [make, options = {}] = averagings[name]!;
    const path = join(mkdtempSync(join(tmpdir(), 'averaging-')), 'saved.ckpt');
    const saving = new LambdaCallback({
      onTrainBatchEnd: async (trainer) => {
        if (trainer.globalStep === 4) await trainer.saveCheckpoint(path);
      },
    });
    const module = new Line();
    await trainerWith([make(), saving], options).fit(module, { trainDataloaders: data(), valDataloaders: data() });
    expect(module.steps).toEqual(steps);
    expectNear(module.validations, validations);
    expectNear(numbersOf(module.stateDict()), end);
    const file = (await load(path)) as Record<string, unknown>;
    for (const key of ['state_dict', 'current_model_state', 'averaging_state'] as const)
      expectNear(numbersOf(file[key]), saved[key]);
  });
});

class Net extends LightningModule<[Tensor]> {
  backbone = new Sequential(new Linear(1, 2), new BatchNorm1d(2));
  head = new Linear(2, 1);
  epochs: RecordedEpoch[] = [];

  override trainingStep([x]: [Tensor]): Tensor {
    return this.head.forward(this.backbone.forward(x.unsqueeze(1))).sum();
  }

  override onTrainEpochEnd(): void {
    const { paramGroups } = (this.trainer.optimizers as unknown as [{ optimizer: Optimizer }])[0].optimizer;
    const names = new Map(this.namedParameters().map(([name, parameter]) => [parameter as Tensor, name]));
    this.epochs.push({
      rates: paramGroups.map(({ lr }) => lr),
      groups: paramGroups.map(({ params }) => params.map((parameter) => names.get(parameter)!)),
      trainable: this.namedParameters().flatMap(([name, { requiresGrad }]) => (requiresGrad ? [name] : [])),
    });
  }

  override configureOptimizers(): SGD {
    return new SGD(
      this.parameters().filter(({ requiresGrad }) => requiresGrad),
      { lr: 0.1 },
    );
  }
}

describe('finetuning goes as in the reference', () => {
  it.each(recorded.finetuning)('$options', async ({ epochs, options }) => {
    const module = new Net();
    await trainerWith([new BackboneFinetuning(options)], { maxEpochs: 6 }).fit(module, data());
    expect(module.epochs).toEqual(epochs);
  });
});

class Writer extends BasePredictionWriter {
  calls: unknown[] = [];

  override writeOnBatchEnd(
    _trainer: Trainer,
    _module: unknown,
    prediction: unknown,
    indices: readonly number[] | null,
    _batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): void {
    this.calls.push(['batch', (prediction as Tensor).tolist(), indices, batchIdx, dataloaderIdx]);
  }

  override writeOnEpochEnd(
    _trainer: Trainer,
    _module: unknown,
    predictions: readonly unknown[],
    indices: readonly unknown[],
  ): void {
    const plain = (value: unknown): unknown => (value instanceof Tensor ? value.tolist() : (value as []).map(plain));
    this.calls.push(['epoch', plain(predictions), indices]);
  }
}

describe('prediction writers are called as in the reference', () => {
  it.each(recorded.writing)('$interval', async ({ calls, interval, sizes }) => {
    const writeInterval = (interval === 'batch_and_epoch' ? 'batchAndEpoch' : interval) as WriteInterval;
    const writer = new Writer({ writeInterval });
    const loaders = sizes.map((size) => new DataLoader(new TensorDataset(arange(size).float()), { batchSize: 2 }));
    await trainerWith([writer]).predict(new Line(), loaders);
    expect(writer.calls).toEqual(calls);
  });
});
