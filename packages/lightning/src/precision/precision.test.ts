import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Device,
  full,
  getDefaultDType,
  manualSeed,
  randn,
  resetWarnings,
  type Tensor,
  tensor,
} from '@lightning-ts/torch';
import { autocast, GradScaler } from '@lightning-ts/torch/amp';
import { Linear } from '@lightning-ts/torch/nn';
import { LBFGS, SGD } from '@lightning-ts/torch/optim';
import { load } from '@lightning-ts/torch/serialize';
import { describe, expect, test } from 'vitest';
import { LightningError } from '../errors.js';
import { LightningModule, type StepOutput } from '../module/lightningModule.js';
import { BoringModel } from '../testing/boringModel.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';
import { MixedPrecision } from './mixedPrecision.js';
import { Precision, type PrecisionOption } from './precision.js';
import { DoublePrecision } from './truePrecision.js';

const folder = mkdtempSync(join(tmpdir(), 'lightning-'));
const newTrainer = (options: TrainerOptions = {}): Trainer =>
  new Trainer({
    accelerator: 'cpu',
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    maxEpochs: 1,
    limitTrainBatches: 3,
    limitValBatches: 1,
    defaultRootDir: folder,
    ...options,
  });
const codeOf = async (run: () => unknown): Promise<string> => {
  try {
    await run();
  } catch (error) {
    if (error instanceof LightningError) return error.code;
    throw error;
  }
  return 'none';
};
const warningsOf = async (run: () => Promise<unknown>): Promise<string[]> => {
  const codes: string[] = [];
  const note = (warning: Error & { code?: string }): void => void codes.push(warning.code ?? '');
  resetWarnings();
  process.on('warning', note);
  await run();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', note);
  return codes;
};

/** Notes the types of what a step sees and makes. */
class Typed extends BoringModel {
  types: Record<string, string> = {};
  override trainingStep(batch: Tensor): StepOutput {
    const output = this.forward(batch);
    this.types = {
      weight: this.layer.weight.dtype,
      batch: batch.dtype,
      output: output.dtype,
      made: tensor([0.5]).dtype,
    };
    return this.loss(output.float());
  }
}

describe('precision', () => {
  const types = async (precision: PrecisionOption): Promise<Record<string, string>> => {
    const model = new Typed();
    const trainer = newTrainer({ precision, limitValBatches: 0 });
    await trainer.fit(model);
    expect(getDefaultDType()).toBe('float32');
    return { ...model.types, name: trainer.precision, gradient: model.layer.weight.grad!.dtype };
  };

  test.each([
    ['32-true', { weight: 'float32', batch: 'float32', output: 'float32', made: 'float32', gradient: 'float32' }],
    ['64-true', { weight: 'float64', batch: 'float64', output: 'float64', made: 'float64', gradient: 'float64' }],
    [
      'bf16-true',
      { weight: 'bfloat16', batch: 'bfloat16', output: 'bfloat16', made: 'bfloat16', gradient: 'bfloat16' },
    ],
    ['bf16-mixed', { weight: 'float32', batch: 'float32', output: 'bfloat16', made: 'float32', gradient: 'float32' }],
  ] as const)('%s decides the types of weights, inputs, outputs and gradients', async (name, expected) => {
    expect(await types(name)).toEqual({ ...expected, name });
  });

  test('16-true converts everything to float16', () => {
    const trainer = newTrainer({ precision: '16-true' });
    const { precisionPlugin } = trainer;
    const model = trainer.initModule(() => new BoringModel());
    expect(model.layer.weight.dtype).toBe('float16');
    const converted = precisionPlugin.convertInput!({ x: [randn([2])], label: tensor([1]) });
    expect([converted.x[0]!.dtype, converted.label.dtype]).toEqual(['float16', 'int64']);
  });

  test('16-mixed becomes bf16-mixed on a CPU, with a warning, and short forms say what they are read as', async () => {
    const warnings = await warningsOf(async () => {
      expect((await types('16-mixed')).name).toBe('bf16-mixed');
      expect((await types('bf16')).name).toBe('bf16-mixed');
    });
    expect(warnings).toEqual(expect.arrayContaining(['PRECISION_CPU', 'PRECISION_ALIAS']));
    expect(newTrainer({ precision: 64 }).precision).toBe('64-true');
    expect(newTrainer({ precision: '32' }).precision).toBe('32-true');
  });

  test('bf16-mixed gives the numbers of autocast around the step, bit for bit', async () => {
    manualSeed(1);
    const data = Array.from({ length: 3 }, () => randn([4, 32]));
    manualSeed(2);
    const model = new BoringModel();
    model.trainingStep = (batch) => model.loss(model.forward(batch).float());
    await newTrainer({ precision: 'bf16-mixed', gradientClipVal: 0.1 }).fit(model, { trainDataloaders: data });
    manualSeed(2);
    const byHand = new BoringModel();
    const optimizer = new SGD(byHand.parameters(), { lr: 0.1 });
    for (const batch of data) {
      const loss = autocast({ deviceType: 'cpu' }, () => byHand.loss(byHand.forward(batch).float()));
      optimizer.zeroGrad();
      loss.backward();
      byHand.clipGradients(optimizer, { gradientClipVal: 0.1 });
      optimizer.step();
    }
    expect(model.layer.weight.tolist()).toEqual(byHand.layer.weight.tolist());
  });

  test('covers evaluation and prediction too', async () => {
    const seen: string[] = [];
    const model = new BoringModel();
    model.validationStep = (batch) => void seen.push(model.forward(batch).dtype);
    model.predictStep = (batch) => void seen.push(model.forward(batch).dtype);
    const trainer = newTrainer({ precision: 'bf16-mixed', limitPredictBatches: 1 });
    await trainer.validate(model, { verbose: false });
    await trainer.predict(model);
    expect(seen).toEqual(['bfloat16', 'bfloat16']);
  });

  test('makes modules in its type from the start', () => {
    const made = newTrainer({ precision: '64-true' }).initModule(() => new Linear(2, 2));
    expect(made.weight.dtype).toBe('float64');
    expect(getDefaultDType()).toBe('float32');
    expect(newTrainer().initModule(() => new Linear(2, 2)).weight.dtype).toBe('float32');
  });
});

/** loss = weight · x, so that the gradient is x. */
class Line extends LightningModule<Tensor> {
  layer = new Linear(1, 1, { bias: false });
  readonly seen: Record<string, number>[] = [];
  override trainingStep(batch: Tensor): StepOutput {
    return this.layer.forward(batch).sum();
  }
  override onBeforeBackward(loss: Tensor): void {
    this.seen.push({ loss: loss.item() });
  }
  override onAfterBackward(): void {
    this.seen.push({ scaledGradient: this.layer.weight.grad!.item() });
  }
  override onBeforeOptimizerStep(): void {
    const { grad } = this.layer.weight;
    if (grad !== null) this.seen.push({ gradient: grad.item() });
  }
  override configureOptimizers() {
    return new SGD(this.parameters(), { lr: 1 });
  }
}

const numbers = (...values: number[]): Tensor[] => values.map((value) => full([1, 1], value, { dtype: 'float32' }));
const newScaler = (): GradScaler => new GradScaler({ device: 'cpu', initScale: 8, growthInterval: 2 });

describe('scaled mixed precision', () => {
  const fit = async (model: Line, data: Tensor[], options: TrainerOptions = {}) => {
    const plugins = new MixedPrecision('16-mixed', { scaler: newScaler() });
    const trainer = newTrainer({ plugins, limitTrainBatches: { fraction: 1 }, ...options });
    await trainer.fit(model, { trainDataloaders: data });
    return trainer;
  };

  test('scales the loss before backward, and gradients back before hooks and clipping', async () => {
    const model = new Line();
    model.layer.weight.data.fill_(1);
    await fit(model, numbers(3), { gradientClipVal: 1, gradientClipAlgorithm: 'value' });
    expect(model.seen).toEqual([{ loss: 24 }, { scaledGradient: 24 }, { gradient: 3 }]);
    expect(model.layer.weight.item()).toBe(0);
  });

  test('leaves a step out whose gradients overflowed, counts it, and adapts the scale', async () => {
    const model = new Line();
    model.layer.weight.data.fill_(1);
    const trainer = await fit(model, numbers(1, Number.POSITIVE_INFINITY, 2));
    expect(model.layer.weight.item()).toBe(1 - 1 - 2);
    expect(trainer.globalStep).toBe(3);
    const { scaler } = trainer.precisionPlugin as MixedPrecision;
    expect(scaler!.getScale()).toBe(4);
    const grown = await fit(new Line(), numbers(1, 1));
    expect((grown.precisionPlugin as MixedPrecision).scaler!.getScale()).toBe(16);
  });

  test('skips a step that returned null, and works by hand', async () => {
    const skipping = new Line();
    skipping.trainingStep = () => null;
    expect((await fit(skipping, numbers(1))).globalStep).toBe(1);
    const manual = new Line();
    manual.automaticOptimization = false;
    manual.layer.weight.data.fill_(1);
    manual.trainingStep = (batch) => {
      manual.manualBackward(manual.layer.forward(batch).sum());
      manual.optimizers().step();
    };
    await fit(manual, numbers(3));
    expect(manual.seen).toEqual([{ loss: 24 }, { scaledGradient: 24 }, { gradient: 3 }]);
    expect(manual.layer.weight.item()).toBe(-2);
  });

  test('keeps the scale in checkpoints', async () => {
    const path = join(folder, 'scaled.ckpt');
    const trainer = await fit(new Line(), numbers(1, 1, 1));
    await trainer.saveCheckpoint(path);
    const { MixedPrecision: saved } = (await load(path)) as { MixedPrecision: unknown };
    expect(saved).toEqual({ scale: 16, growth_factor: 2, backoff_factor: 0.5, growth_interval: 2, _growth_tracker: 1 });
    const resumed = newTrainer({
      maxEpochs: 2,
      plugins: new MixedPrecision('16-mixed', { scaler: newScaler() }),
      limitTrainBatches: { fraction: 1 },
    });
    await resumed.fit(new Line(), { trainDataloaders: numbers(1, 1, 1), ckptPath: path });
    expect((resumed.precisionPlugin as MixedPrecision).scaler!.stateDict()).toMatchObject({
      scale: 64,
      _growth_tracker: 0,
    });
  });

  test('refuses what cannot be scaled', async () => {
    const lbfgs = new Line();
    lbfgs.configureOptimizers = () => new LBFGS(lbfgs.parameters()) as unknown as SGD;
    expect(await codeOf(() => fit(lbfgs, numbers(1)))).toBe('OPTION_CONFLICT');
    expect(await codeOf(() => new MixedPrecision('bf16-mixed', { scaler: newScaler() }))).toBe('OPTION_CONFLICT');
    expect(await codeOf(() => new MixedPrecision('bf16-mixed').connect(new Device('mps')))).toBe('OPTION_UNAVAILABLE');
  });
});

test('a precision of one’s own takes the place of the named one', async () => {
  const calls: string[] = [];
  class Halving extends Precision {
    override readonly name = 'halving';
    override scaleLoss(loss: Tensor): Tensor {
      calls.push('scaleLoss');
      return loss.mul(0.5);
    }
  }
  const model = new Line();
  model.layer.weight.data.fill_(1);
  const trainer = newTrainer({ plugins: [new Halving()] });
  await trainer.fit(model, { trainDataloaders: numbers(2) });
  expect(trainer.precision).toBe('halving');
  expect(model.layer.weight.item()).toBe(0);
  expect(calls).toEqual(['scaleLoss']);
  expect(await codeOf(() => newTrainer({ plugins: new Halving(), precision: '32-true' }))).toBe('OPTION_CONFLICT');
  expect(await codeOf(() => newTrainer({ plugins: [new Halving(), new DoublePrecision()] }))).toBe('OPTION_CONFLICT');
  expect(await codeOf(() => newTrainer({ precision: 'transformer-engine' as '32' }))).toBe('OPTION_UNAVAILABLE');
});

test('an async step is refused where the precision covers only code that runs at once', async () => {
  const model = new BoringModel();
  model.trainingStep = async (batch) => model.loss(model.forward(batch));
  for (const precision of ['64-true', 'bf16-mixed'] as const)
    expect(await codeOf(() => newTrainer({ precision, limitValBatches: 0 }).fit(model))).toBe('HOOK_ASYNC');
});
