import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { full, manualSeed, memory, ones, randn, type Tensor, zeros } from '@lightning-ts/torch';
import { BatchNorm1d, Dropout, Linear, Parameter, Sequential } from '@lightning-ts/torch/nn';
import { Adam, type Closure, type Optimizer, ReduceLROnPlateau, SGD, StepLR } from '@lightning-ts/torch/optim';
import { describe, expect, test } from 'vitest';
import { LambdaCallback } from '../callbacks/lambdaCallback.js';
import { LightningError } from '../errors.js';
import { LightningModule, type StepOutput } from '../module/lightningModule.js';
import type { OptimizersConfig } from '../module/optimizersConfig.js';
import { BoringModel } from '../testing/boringModel.js';
import { MemoryLogger } from '../testing/memoryLogger.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';

const folder = mkdtempSync(join(tmpdir(), 'lightning-'));

function newTrainer(options: TrainerOptions = {}): Trainer {
  return new Trainer({
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    maxEpochs: 1,
    defaultRootDir: folder,
    ...options,
  });
}

/** loss = weight · mean(batch): the gradient of a batch is its mean. */
class Slope extends LightningModule<Tensor> {
  weight = new Parameter(zeros([1]));
  output: (loss: Tensor, batchIdx: number) => unknown = (loss) => loss;
  override trainingStep(batch: Tensor, batchIdx: number): StepOutput | Promise<StepOutput> {
    return this.output(this.weight.mul(batch.mean()).sum(), batchIdx) as StepOutput;
  }
  override configureOptimizers(): OptimizersConfig {
    return new SGD([this.weight], { lr: 1 });
  }
}

const numbers = (values: readonly number[]): Tensor[] => values.map((value) => full([1], value, { dtype: 'float32' }));
const codeOf = async (run: () => unknown): Promise<string> => {
  try {
    await run();
  } catch (error) {
    if (error instanceof LightningError) return error.code;
    throw error;
  }
  return 'none';
};

describe('a step', () => {
  const returning = (output: Slope['output'], options: TrainerOptions = {}): Promise<string> => {
    const model = new Slope();
    model.output = output;
    return codeOf(() => newTrainer(options).fit(model, { trainDataloaders: numbers([1, 2]) }));
  };

  test('takes a loss, an object with one, or null', async () => {
    expect(await returning((loss) => loss)).toBe('none');
    expect(await returning((loss) => ({ loss, extra: 1 }))).toBe('none');
    expect(await returning(() => null)).toBe('none');
  });

  test('refuses everything else with a code', async () => {
    expect(await returning(() => undefined)).toBe('TRAINING_STEP_OUTPUT');
    expect(await returning(() => 3)).toBe('TRAINING_STEP_OUTPUT');
    expect(await returning(() => ({ accuracy: 1 }))).toBe('TRAINING_STEP_OUTPUT');
    expect(await returning((loss) => [loss])).toBe('TRAINING_STEP_OUTPUT');
    expect(await returning((loss) => loss.detach())).toBe('LOSS_WITHOUT_GRAD');
    expect(await returning((loss) => loss.add(zeros([3])))).toBe('LOSS_NOT_SCALAR');
  });

  test('trains on when the loss is NaN', async () => {
    const model = new Slope();
    model.output = (loss) => loss.mul(Number.NaN);
    expect((await newTrainer().fit(model, { trainDataloaders: numbers([1]) })).globalStep).toBe(1);
  });

  test('that returns null is skipped, but counts', async () => {
    const model = new Slope();
    model.output = (loss, batchIdx) => (batchIdx === 0 ? null : loss);
    const { globalStep } = await newTrainer().fit(model, { trainDataloaders: numbers([5, 2]) });
    expect([globalStep, model.weight.item()]).toEqual([2, -2]);
  });

  test('skips a batch that is null', async () => {
    const model = new Slope();
    const trainer = newTrainer();
    const data = [...numbers([1]), null, ...numbers([2])] as Tensor[];
    await trainer.fit(model, { trainDataloaders: data });
    expect([model.weight.item(), trainer.globalStep, trainer.counters.batches]).toEqual([-3, 2, 3]);
  });

  test('may be async, declared so or not', async () => {
    for (const isDeclared of [true, false]) {
      const model = new Slope();
      const later = (loss: Tensor): Promise<Tensor> => new Promise((resolve) => setTimeout(() => resolve(loss), 1));
      model.output = isDeclared ? async (loss) => later(loss) : (loss) => later(loss);
      if (isDeclared) {
        const step = model.trainingStep.bind(model);
        model.trainingStep = async (batch, batchIdx) => step(batch, batchIdx);
      }
      const { globalStep } = await newTrainer().fit(model, { trainDataloaders: numbers([1, 2, 3]) });
      expect([globalStep, model.weight.item()]).toEqual([3, -6]);
    }
  });

  test('that is async is refused for an optimizer that computes the loss several times', async () => {
    class Twice extends SGD {
      override step(closure?: Closure): ReturnType<Optimizer['step']> {
        closure?.();
        return super.step(closure);
      }
    }
    const model = new Slope();
    model.configureOptimizers = () => new Twice([model.weight], { lr: 1 });
    expect(await codeOf(() => newTrainer().fit(model, { trainDataloaders: numbers([1]) }))).toBe('none');
    const step = model.trainingStep.bind(model);
    model.trainingStep = async (batch, batchIdx) => step(batch, batchIdx);
    expect(await codeOf(() => newTrainer().fit(model, { trainDataloaders: numbers([1]) }))).toBe('OPTIMIZATION_MODE');
  });

  test('gives onTrainBatchEnd the detached loss and whatever else it returned', async () => {
    const seen: unknown[] = [];
    const model = new Slope();
    model.output = (loss, batchIdx) => (batchIdx === 0 ? { loss, name: 'x' } : null);
    const callbacks = new LambdaCallback({
      onTrainBatchEnd: (_: Trainer, __: unknown, outputs: { loss?: Tensor; name?: string }) => {
        seen.push([outputs.loss?.requiresGrad, outputs.name]);
      },
    });
    await newTrainer({ callbacks }).fit(model, { trainDataloaders: numbers([1, 2]) });
    expect(seen).toEqual([
      [false, 'x'],
      [undefined, undefined],
    ]);
  });

  test('whose optimizerStep forgets the closure is an error', async () => {
    const model = new Slope();
    model.optimizerStep = () => {};
    expect(await codeOf(() => newTrainer().fit(model, { trainDataloaders: numbers([1]) }))).toBe('CLOSURE_NOT_RUN');
  });

  test('may not have async hooks inside', async () => {
    const callbacks = new LambdaCallback({ onAfterBackward: async () => {} });
    expect(await codeOf(() => newTrainer({ callbacks }).fit(new Slope(), { trainDataloaders: numbers([1]) }))).toBe(
      'HOOK_ASYNC',
    );
  });

  test('without an optimizer only counts', async () => {
    const model = new Slope();
    model.configureOptimizers = () => null;
    const { globalStep } = await newTrainer().fit(model, { trainDataloaders: numbers([1, 2]) });
    expect([globalStep, model.weight.item()]).toEqual([2, 0]);
  });
});

describe('gradients', () => {
  test('are divided by the true length of the accumulation window', async () => {
    const stream = {
      *[Symbol.iterator]() {
        yield* numbers([1, 3, 6, 8, 7]);
      },
    };
    for (const trainDataloaders of [numbers([1, 3, 6, 8, 7]), stream]) {
      const model = new Slope();
      await newTrainer({ accumulateGradBatches: 2 }).fit(model, { trainDataloaders });
      // Means of (1, 3), (6, 8) and (7) alone.
      expect(model.weight.item()).toBe(-(2 + 7 + 7));
    }
  });

  test('can be divided by the option as before, also in a shorter window', async () => {
    const model = new Slope();
    await newTrainer({ accumulateGradBatches: 2, accumulationDivisor: 'option' }).fit(model, {
      trainDataloaders: numbers([2, 4, 6]),
    });
    // (2 + 4) / 2, then 6 / 2
    expect(model.weight.item()).toBe(-6);
  });

  test('are clipped by norm or by value', async () => {
    const weightAfter = async (options: TrainerOptions): Promise<number> => {
      const model = new Slope();
      await newTrainer(options).fit(model, { trainDataloaders: numbers([4]) });
      return model.weight.item();
    };
    expect(await weightAfter({ gradientClipVal: 0.5, gradientClipAlgorithm: 'value' })).toBe(-0.5);
    expect(await weightAfter({ gradientClipVal: 0.5 })).toBeCloseTo(-0.5, 5);
    expect(await weightAfter({ gradientClipVal: 0 })).toBe(-4);
  });

  test('are the same as in a loop written by hand, bit for bit', async () => {
    const train = async (viaTrainer: boolean): Promise<number[]> => {
      manualSeed(3);
      class Net extends BoringModel {
        body = new Sequential(new Linear(32, 8), new BatchNorm1d(8), new Dropout(0.3), new Linear(8, 2));
        override forward(x: Tensor): Tensor {
          return this.body.forward(x);
        }
        override configureOptimizers(): OptimizersConfig {
          return new Adam(this.body.parameters(), { lr: 0.01 });
        }
      }
      const model = new Net();
      const data = Array.from({ length: 20 }, () => randn([4, 32]));
      if (viaTrainer) {
        model.valDataloader = () => data;
        await newTrainer({ maxEpochs: 2, numSanityValSteps: 2 }).fit(model, { trainDataloaders: data });
      } else {
        const optimizer = model.configureOptimizers() as Adam;
        for (let epoch = 0; epoch < 2; epoch += 1) {
          for (const batch of data) {
            const loss = model.loss(model.forward(batch));
            optimizer.zeroGrad();
            loss.backward();
            optimizer.step();
          }
        }
      }
      return model.parameters().flatMap((parameter) => [...(parameter.toTypedArray() as Float32Array)]);
    };
    expect(await train(true)).toEqual(await train(false));
  });
});

describe('training ends', () => {
  const fit = (options: TrainerOptions, count = 5, hooks: Record<string, (...args: never[]) => unknown> = {}) =>
    newTrainer({ ...options, callbacks: new LambdaCallback(hooks) }).fit(new Slope(), {
      trainDataloaders: numbers(Array.from({ length: count }, () => 1)),
    });

  test('at maxEpochs, at maxSteps, or on request, and the result says which', async () => {
    expect(await fit({ maxEpochs: 2 })).toMatchObject({
      status: 'finished',
      reason: 'maxEpochs',
      epochs: 2,
      globalStep: 10,
    });
    expect(await fit({ maxEpochs: -1, maxSteps: 7 })).toMatchObject({ reason: 'maxSteps', epochs: 1, globalStep: 7 });
    expect(await fit({ maxSteps: 5 })).toMatchObject({ reason: 'maxSteps', epochs: 1, globalStep: 5 });
    const stop = (trainer: Trainer): void => {
      if (trainer.globalStep === 3) trainer.shouldStop = true;
    };
    expect(await fit({ maxEpochs: 9 }, 5, { onTrainBatchEnd: stop })).toMatchObject({
      reason: 'stopRequested',
      epochs: 0,
      globalStep: 3,
    });
    expect(await fit({ maxEpochs: 9, minSteps: 7 }, 5, { onTrainBatchEnd: stop })).toMatchObject({ globalStep: 7 });
    expect(await fit({ maxEpochs: 9, minEpochs: 2 }, 5, { onTrainBatchEnd: stop })).toMatchObject({ globalStep: 10 });
  });

  test('before it begins when a limit is 0', async () => {
    const calls: string[] = [];
    const hooks = { onTrainStart: () => calls.push('onTrainStart') };
    expect(await fit({ maxEpochs: 0 }, 5, hooks)).toMatchObject({ reason: 'maxEpochs', globalStep: 0 });
    expect(await fit({ limitTrainBatches: 0 }, 5, hooks)).toMatchObject({ reason: 'noBatches', globalStep: 0 });
    expect(calls).toEqual([]);
  });

  test('for the epoch when onTrainBatchStart returns -1', async () => {
    const model = new Slope();
    const seen: number[] = [];
    model.onTrainBatchStart = (_, batchIdx) => {
      seen.push(batchIdx);
      return batchIdx === 2 ? -1 : undefined;
    };
    const result = await newTrainer({ maxEpochs: 2 }).fit(model, { trainDataloaders: numbers([1, 1, 1, 1]) });
    expect(seen).toEqual([0, 1, 2, 0, 1, 2]);
    expect(result).toMatchObject({ epochs: 2, globalStep: 4 });
  });

  test('and a second fit starts anew', async () => {
    const trainer = newTrainer({ maxEpochs: 2 });
    const model = new Slope();
    await trainer.fit(model, { trainDataloaders: numbers([1]) });
    expect(await trainer.fit(model, { trainDataloaders: numbers([1]) })).toMatchObject({ epochs: 2, globalStep: 2 });
  });
});

describe('validation', () => {
  const whenValidated = async (options: TrainerOptions, count = 6): Promise<number[]> => {
    const at: number[] = [];
    const callbacks = new LambdaCallback({
      onValidationStart: (trainer: Trainer) => {
        if (!trainer.sanityChecking) at.push(trainer.globalStep);
      },
    });
    const model = new Slope();
    model.validationStep = () => {};
    await newTrainer({ maxEpochs: 2, ...options, callbacks }).fit(model, {
      trainDataloaders: numbers(Array.from({ length: count }, () => 1)),
      valDataloaders: numbers([1]),
    });
    return at;
  };

  test('comes once an epoch, or after batches, parts, epochs, across epochs', async () => {
    expect(await whenValidated({})).toEqual([6, 12]);
    expect(await whenValidated({ valCheckInterval: 1 })).toEqual([6, 12]);
    expect(await whenValidated({ valCheckInterval: 4 })).toEqual([4, 10]);
    expect(await whenValidated({ valCheckInterval: { batches: 1 }, maxEpochs: 1 }, 2)).toEqual([1, 2]);
    expect(await whenValidated({ valCheckInterval: 0.5 })).toEqual([3, 6, 9, 12]);
    expect(await whenValidated({ valCheckInterval: '40%' }, 5)).toEqual([2, 4, 7, 9]);
    expect(await whenValidated({ checkValEveryNEpoch: 2, maxEpochs: 4 })).toEqual([12, 24]);
    expect(await whenValidated({ checkValEveryNEpoch: null, valCheckInterval: 8 })).toEqual([8]);
    expect(await whenValidated({ valCheckInterval: { milliseconds: 0.001 }, maxEpochs: 1 }, 3)).toEqual([1, 2, 3]);
    expect(await whenValidated({ limitValBatches: 0 })).toEqual([]);
  });

  test('comes before a run stops early', async () => {
    const at: number[] = [];
    const model = new Slope();
    model.validationStep = () => {};
    const callbacks = new LambdaCallback({
      onTrainBatchEnd: (trainer: Trainer) => {
        trainer.shouldStop = true;
      },
      onValidationStart: (trainer: Trainer) => at.push(trainer.globalStep),
    });
    await newTrainer({ callbacks, numSanityValSteps: 0 }).fit(model, {
      trainDataloaders: numbers([1, 1, 1]),
      valDataloaders: numbers([1]),
    });
    expect(at).toEqual([1]);
  });

  test('refuses intervals that never come', async () => {
    expect(await codeOf(() => whenValidated({ valCheckInterval: 7 }))).toBe('LOADER_LENGTH');
    const model = new Slope();
    model.validationStep = () => {};
    const stream = {
      *[Symbol.iterator]() {
        yield* numbers([1, 1]);
      },
    };
    const fit = (valCheckInterval: number) => () =>
      newTrainer({ valCheckInterval }).fit(model, { trainDataloaders: stream, valDataloaders: numbers([1]) });
    expect(await codeOf(fit(0.5))).toBe('LOADER_LENGTH');
    expect(await codeOf(fit(2))).toBe('none');
  });

  test('comes at the end of each epoch too when that is asked for', async () => {
    const batchesAt = async (options: TrainerOptions): Promise<number[]> => {
      const seen: number[] = [];
      const model = new BoringModel();
      model.onValidationStart = () => void seen.push(model.trainer.fitRun!.progress.batch.current.ready);
      await newTrainer({ limitTrainBatches: 10, limitValBatches: 1, numSanityValSteps: 0, ...options }).fit(model);
      return seen;
    };
    expect(await batchesAt({ valCheckInterval: 0.3 })).toEqual([3, 6, 9]);
    expect(await batchesAt({ valCheckInterval: 0.3, validateAtEpochEnd: true })).toEqual([3, 6, 9, 10]);
    expect(await batchesAt({ valCheckInterval: 5, validateAtEpochEnd: true })).toEqual([5, 10]);
    expect(await batchesAt({ valCheckInterval: { hours: 1 }, validateAtEpochEnd: true })).toEqual([10]);
  });

  test('puts every layer back into the mode it had, and records no gradients', async () => {
    const modes: boolean[][] = [];
    let records = true;
    class Partly extends BoringModel {
      frozen = new Dropout(0.5).eval();
      override validationStep(batch: Tensor): void {
        modes.push([this.training, this.layer.training, this.frozen.training]);
        records = this.forward(batch).requiresGrad;
      }
    }
    const model = new Partly();
    await newTrainer({ limitTrainBatches: 1, limitValBatches: { batches: 1 } }).fit(model);
    expect(modes).toEqual([
      [false, false, false],
      [false, false, false],
    ]);
    expect([model.training, model.layer.training, model.frozen.training]).toEqual([true, true, false]);
    expect(records).toBe(false);
  });
});

describe('schedulers', () => {
  const ratesOf = async (
    config: (model: Slope, optimizer: SGD) => OptimizersConfig,
    options: TrainerOptions = {},
  ): Promise<number[]> => {
    const rates: number[] = [];
    const model = new Slope();
    let optimizer!: SGD;
    model.configureOptimizers = () => {
      optimizer = new SGD([model.weight], { lr: 1 });
      return config(model, optimizer);
    };
    const callbacks = new LambdaCallback({ onTrainBatchStart: () => rates.push(optimizer.paramGroups[0]!.lr) });
    await newTrainer({ maxEpochs: 2, callbacks, ...options }).fit(model, { trainDataloaders: numbers([1, 1, 1]) });
    return rates;
  };

  test('step once an epoch, or by optimizer steps counted over the run', async () => {
    expect(
      await ratesOf((_, optimizer) => [[optimizer], [new StepLR(optimizer, { stepSize: 1, gamma: 0.5 })]]),
    ).toEqual([1, 1, 1, 0.5, 0.5, 0.5]);
    const byStep = (frequency: number) => (_: Slope, optimizer: SGD) => ({
      optimizer,
      lrScheduler: {
        scheduler: new StepLR(optimizer, { stepSize: 1, gamma: 0.5 }),
        interval: 'step' as const,
        frequency,
      },
    });
    expect(await ratesOf(byStep(1))).toEqual([1, 0.5, 0.25, 0.125, 0.0625, 0.03125]);
    // The fourth step is the first of the second epoch: the count goes on.
    expect(await ratesOf(byStep(2))).toEqual([1, 1, 0.5, 0.5, 0.25, 0.25]);
    expect(await ratesOf(byStep(1), { accumulateGradBatches: 2 })).toEqual([1, 1, 0.5, 0.25, 0.25, 0.125]);
  });

  test('that watch a metric get it after it was logged', async () => {
    const rates = await ratesOf(
      (model, optimizer) => {
        model.output = (loss) => {
          model.log('watched', 1);
          return loss;
        };
        return {
          optimizer,
          lrScheduler: new ReduceLROnPlateau(optimizer, { factor: 0.5, patience: 0 }),
          monitor: 'watched',
        };
      },
      { maxEpochs: 4 },
    );
    expect(rates.filter((_, index) => index % 3 === 0)).toEqual([1, 1, 0.5, 0.25]);
  });

  test('by batches step while gradients accumulate too', async () => {
    const byBatch = (_: Slope, optimizer: SGD) => ({
      optimizer,
      lrScheduler: {
        scheduler: new StepLR(optimizer, { stepSize: 1, gamma: 0.5 }),
        interval: 'batch' as const,
        frequency: 2,
      },
    });
    expect(await ratesOf(byBatch, { accumulateGradBatches: 3 })).toEqual([1, 1, 0.5, 0.5, 0.25, 0.25]);
  });

  test('that watch a metric wait until it has come once', async () => {
    const rates = await ratesOf(
      (model, optimizer) => {
        model.output = (loss) => {
          if (model.currentEpoch >= 2) model.log('late', 1, { onStep: false, onEpoch: true });
          return loss;
        };
        return {
          optimizer,
          lrScheduler: new ReduceLROnPlateau(optimizer, { factor: 0.5, patience: 0 }),
          monitor: 'late',
        };
      },
      { maxEpochs: 5 },
    );
    expect(rates.filter((_, index) => index % 3 === 0)).toEqual([1, 1, 1, 1, 0.5]);
  });

  test('that watch a metric nobody ever logs are an error, or skipped', async () => {
    const plateau = (strict: boolean) => (_: Slope, optimizer: SGD) => ({
      optimizer,
      lrScheduler: { scheduler: new ReduceLROnPlateau(optimizer), monitor: 'nothing', strict },
    });
    expect(await codeOf(() => ratesOf(plateau(true)))).toBe('MONITOR_MISSING');
    expect(await codeOf(() => ratesOf(plateau(false)))).toBe('none');
  });
});

describe('configureOptimizers', () => {
  const returning = (config: (optimizer: SGD, model: Slope) => unknown): Promise<string> => {
    const model = new Slope();
    model.configureOptimizers = () => config(new SGD([model.weight], { lr: 1 }), model) as OptimizersConfig;
    return codeOf(() => newTrainer().fit(model, { trainDataloaders: numbers([1]) }));
  };
  const scheduler = (optimizer: SGD): StepLR => new StepLR(optimizer, { stepSize: 1 });

  test('may return any of the forms', async () => {
    const forms: ((optimizer: SGD) => unknown)[] = [
      (optimizer) => optimizer,
      (optimizer) => [optimizer],
      (optimizer) => [[optimizer], [scheduler(optimizer)]],
      (optimizer) => [[optimizer], scheduler(optimizer)],
      (optimizer) => [[optimizer], [{ scheduler: scheduler(optimizer), interval: 'step' }]],
      (optimizer) => ({ optimizer }),
      (optimizer) => ({ optimizer, lrScheduler: scheduler(optimizer) }),
      (optimizer) => ({ optimizer, lrScheduler: { scheduler: scheduler(optimizer) }, monitor: 'a' }),
      (optimizer) => [{ optimizer, lrScheduler: scheduler(optimizer) }],
      () => null,
    ];
    for (const form of forms) expect(await returning(form)).toBe('none');
  });

  test('is refused with a code for anything else', async () => {
    expect(await returning(() => undefined)).toBe('OPTIMIZERS_INVALID');
    expect(await returning((optimizer) => [optimizer, scheduler(optimizer)])).toBe('OPTIMIZERS_INVALID');
    expect(await returning(() => ({ lrScheduler: 1 }))).toBe('OPTIMIZERS_INVALID');
    expect(await returning(() => [])).toBe('OPTIMIZERS_INVALID');
    expect(await returning((optimizer, model) => [optimizer, new SGD([model.weight], { lr: 1 })])).toBe(
      'OPTIMIZER_COUNT',
    );
    expect(await returning((optimizer) => ({ optimizer, lrScheduler: {} }))).toBe('SCHEDULER_INVALID');
    expect(
      await returning((optimizer) => ({
        optimizer,
        lrScheduler: { scheduler: scheduler(optimizer), interval: 'minute' },
      })),
    ).toBe('SCHEDULER_INVALID');
    expect(
      await returning((optimizer) => ({ optimizer, lrScheduler: { scheduler: scheduler(optimizer), frequency: 0 } })),
    ).toBe('SCHEDULER_INVALID');
    expect(await returning((optimizer) => ({ optimizer, lrScheduler: new ReduceLROnPlateau(optimizer) }))).toBe(
      'SCHEDULER_INVALID',
    );
    expect(
      await returning((optimizer, model) => ({
        optimizer,
        lrScheduler: scheduler(new SGD([model.weight], { lr: 1 })),
      })),
    ).toBe('SCHEDULER_INVALID');
  });
});

describe('manual optimization', () => {
  class Gan extends LightningModule<Tensor> {
    override automaticOptimization = false;
    generator = new Linear(1, 1);
    discriminator = new Linear(1, 1);
    needed: boolean[][] = [];
    override trainingStep(batch: Tensor): void {
      const [optG, optD] = this.optimizers(2);
      this.toggledOptimizer(optG, () => {
        this.needed.push([this.generator.weight.requiresGrad, this.discriminator.weight.requiresGrad]);
        optG.zeroGrad();
        const loss = this.discriminator.forward(this.generator.forward(batch)).mean();
        this.manualBackward(loss);
        optG.step();
        this.log('g_loss', loss);
      });
      this.needed.push([this.generator.weight.requiresGrad, this.discriminator.weight.requiresGrad]);
      optD.zeroGrad();
      const loss = this.discriminator.forward(batch).mean();
      this.manualBackward(loss);
      optD.step();
      this.log('d_loss', loss);
    }
    override configureOptimizers(): OptimizersConfig {
      return [
        new Adam(this.generator.parameters(), { lr: 0.01 }),
        new Adam(this.discriminator.parameters(), { lr: 0.01 }),
      ];
    }
  }

  test('steps several optimizers, each with the other switched off', async () => {
    const model = new Gan();
    const result = await newTrainer().fit(model, { trainDataloaders: [ones([2, 1]), ones([2, 1])] });
    expect(result.globalStep).toBe(4);
    expect(Object.keys(result.metrics)).toEqual(['g_loss', 'd_loss']);
    expect(model.needed.slice(0, 2)).toEqual([
      [true, false],
      [true, true],
    ]);
  });

  test('can be written like the reference, taking the list apart or using the only one', async () => {
    const model = new Gan();
    model.trainingStep = function (this: Gan, batch: Tensor): void {
      const [first] = this.optimizers();
      expect(() => this.optimizers().step()).toThrow(/OPTIMIZER_COUNT/);
      expect(() => this.optimizers(3)).toThrow(/OPTIMIZER_COUNT/);
      first!.zeroGrad();
      this.manualBackward(this.generator.forward(batch).mean());
      first!.step();
    };
    expect((await newTrainer().fit(model, { trainDataloaders: [ones([2, 1])] })).globalStep).toBe(1);
  });

  test('counts the steps of each optimizer, beside all of them together', async () => {
    class Two extends BoringModel {
      override automaticOptimization = false;
      other = new Linear(2, 2);
      override trainingStep(batch: Tensor, batchIdx: number): null {
        const [often, rarely] = this.optimizers(2);
        this.manualBackward(this.loss(this.other.forward(this.forward(batch))));
        often.step();
        if (batchIdx % 2 === 0) rarely.step();
        return null;
      }
      override configureOptimizers(): OptimizersConfig {
        const [often, rarely] = [this.layer, this.other].map((part) => new SGD(part.parameters(), { lr: 0.1 }));
        return [[often!, rarely!], [new StepLR(often!, { stepSize: 1 })]];
      }
    }
    const path = join(folder, 'counted.ckpt');
    const model = new Two();
    const trainer = newTrainer({ limitTrainBatches: 4, limitValBatches: 0 });
    await trainer.fit(model);
    expect(trainer.counters).toEqual({ epochs: 1, batches: 4, optimizerSteps: [4, 2], globalStep: 6 });
    expect(model.lrSchedulers().map((scheduler) => scheduler.lastEpoch)).toEqual([0]);
    await trainer.saveCheckpoint(path);
    const resumed = newTrainer({ maxEpochs: 2, limitTrainBatches: 4, limitValBatches: 0 });
    await resumed.fit(new Two(), { ckptPath: path });
    expect(resumed.counters.optimizerSteps).toEqual([8, 4]);
    const automatic = newTrainer({ limitTrainBatches: 4, limitValBatches: 0, accumulateGradBatches: 2 });
    await automatic.fit(new BoringModel());
    expect(automatic.counters).toEqual({ epochs: 1, batches: 4, optimizerSteps: [2], globalStep: 2 });
  });

  test('cannot be mixed with options of automatic optimization, nor manualBackward with automatic', async () => {
    const fit = (options: TrainerOptions) => () =>
      newTrainer(options).fit(new Gan(), { trainDataloaders: [ones([1, 1])] });
    expect(await codeOf(fit({ accumulateGradBatches: 2 }))).toBe('OPTION_CONFLICT');
    expect(await codeOf(fit({ gradientClipVal: 1 }))).toBe('OPTION_CONFLICT');
    const model = new Slope();
    model.output = (loss) => {
      model.manualBackward(loss);
      return loss;
    };
    expect(await codeOf(() => newTrainer().fit(model, { trainDataloaders: numbers([1]) }))).toBe('OPTIMIZATION_MODE');
  });
});

test('the loop lets the event loop turn, but not on every batch', async () => {
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 1);
  const model = new Slope();
  const started = performance.now();
  await newTrainer({ maxEpochs: 40 }).fit(model, { trainDataloaders: numbers(Array.from({ length: 100 }, () => 1)) });
  clearInterval(timer);
  const elapsed = performance.now() - started;
  expect(turns).toBeGreaterThanOrEqual(Math.floor(elapsed / 100));
  expect(turns).toBeLessThan(1000);
});

test('2,000 steps leave no more tensors behind than 200, and no epoch more than the one before', async () => {
  const live: number[] = [];
  const callbacks = new LambdaCallback({
    onTrainBatchEnd: (trainer: Trainer) => {
      if (![200, 2000, 2200, 4200].includes(trainer.globalStep)) return;
      memory.collect();
      live.push(memory.stats().liveTensors);
    },
  });
  class Stashing extends BoringModel {
    first: Tensor | null = null;
    override trainingStep(batch: Tensor, batchIdx: number): StepOutput {
      const predictions = this.forward(batch);
      if (this.globalStep === 0) this.first = predictions.detach();
      if (batchIdx === 499) expect(this.first!.toTypedArray()).toEqual(stashed);
      if (this.globalStep === 0) stashed = this.first!.toTypedArray();
      const loss = this.loss(predictions);
      this.log('loss', loss, { onEpoch: true, progBar: true });
      return loss;
    }
  }
  let stashed: unknown;
  const some = Array.from({ length: 10 }, () => randn([2, 32]));
  const batches = Array.from({ length: 2000 }, (_, index) => some[index % 10]!);
  await newTrainer({ maxEpochs: 3, callbacks, logger: new MemoryLogger() }).fit(new Stashing(), {
    trainDataloaders: batches,
  });
  expect(live).toHaveLength(4);
  // A leak would be thousands; which of a step's own tensors the collector has found by then varies by a few.
  expect(live[1]).toBeLessThanOrEqual(live[0]! + 3);
  expect(live[3]).toBeLessThanOrEqual(live[2]! + 3);
});

test('the way from fit to the update is at most 7 calls through 5 files', async () => {
  const frames: string[] = [];
  class Watched extends SGD {
    override step(closure?: Closure): ReturnType<SGD['step']> {
      Error.stackTraceLimit = 50;
      const stack = (new Error().stack ?? '').split('\n').filter((line) => /packages\/lightning\/src/.test(line));
      frames.splice(0, frames.length, ...stack.filter((line) => !line.includes('.test.ts')));
      return super.step(closure);
    }
  }
  const model = new Slope();
  model.configureOptimizers = () => new Watched([model.weight], { lr: 1 });
  await newTrainer().fit(model, { trainDataloaders: numbers([1]) });
  const files = new Set(frames.map((line) => /src\/([^:]+)/.exec(line)?.[1]));
  expect(frames[0]).toContain('LightningOptimizer.step');
  expect(frames.at(-1)).toContain('Trainer.fit');
  // The update itself is the last call, in a file of its own.
  expect(frames.length).toBeLessThanOrEqual(6 + 1);
  expect(files.size + 1).toBeLessThanOrEqual(5);
});
