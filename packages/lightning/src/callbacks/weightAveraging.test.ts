import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualSeed, randn, type Tensor } from '@lightning-ts/torch';
import { BatchNorm1d, Linear, Sequential } from '@lightning-ts/torch/nn';
import { SGD } from '@lightning-ts/torch/optim';
import { load } from '@lightning-ts/torch/serialize';
import { getEmaAvgFn, getSwaMultiAvgFn } from '@lightning-ts/torch/swa';
import { describe, expect, it, vi } from 'vitest';
import { LightningModule } from '../module/lightningModule.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';
import type { Callback } from './callback.js';
import { EMAWeightAveraging } from './emaWeightAveraging.js';
import { LambdaCallback } from './lambdaCallback.js';
import { ModelCheckpoint } from './modelCheckpoint.js';
import { type UpdateMoment, WeightAveraging } from './weightAveraging.js';

/** Keeps its weight after every step and at every validation. */
class Watched extends LightningModule<Tensor> {
  layers = new Sequential(new Linear(3, 2), new BatchNorm1d(2));
  afterSteps: number[] = [];
  atValidation: number[] = [];

  constructor(readonly failsInValidation = false) {
    super();
  }

  get first(): number {
    return (this.layers.at(0) as Linear).weight.at(0).at(0).item();
  }

  override trainingStep(batch: Tensor): Tensor {
    return this.layers.forward(batch).sub(1).pow(2).mean();
  }

  override onTrainBatchEnd(): void {
    this.afterSteps.push(this.first);
  }

  override validationStep(batch: Tensor): void {
    this.atValidation.push(this.first);
    this.log('val_loss', this.layers.forward(batch).pow(2).mean());
    if (this.failsInValidation && !this.trainer.sanityChecking) throw new Error('no luck');
  }

  override configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: 0.1 });
  }
}

const folder = mkdtempSync(join(tmpdir(), 'weight-averaging-'));
const batches = (count: number): Tensor[] => {
  manualSeed(1);
  return Array.from({ length: count }, () => randn([4, 3]));
};
const newModel = (fails = false): Watched => {
  manualSeed(0);
  return new Watched(fails);
};
const trainerWith = (callbacks: Callback | Callback[], options: TrainerOptions = {}) =>
  new Trainer({
    maxEpochs: 2,
    logger: false,
    enableCheckpointing: [callbacks].flat().some((callback) => callback instanceof ModelCheckpoint),
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: folder,
    callbacks,
    ...options,
  });
const data = () => ({ trainDataloaders: batches(3), valDataloaders: batches(1) });
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
/** Weights and buffers as numbers. */
const stateOf = (module: Watched) => [...module.stateDict()].map(([key, value]) => [key, value.tolist()]);

describe('WeightAveraging', () => {
  it('validates with the mean of all steps, trains on with the weights, and ends with the mean', async () => {
    const model = newModel();
    const start = model.first;
    await trainerWith(new WeightAveraging()).fit(model, data());
    const plain = newModel();
    await trainerWith([]).fit(plain, data());
    expect(model.afterSteps).toEqual(plain.afterSteps);
    expect(model.atValidation[0]).toBe(start);
    expect(model.atValidation[1]).toBeCloseTo(mean(model.afterSteps.slice(0, 3)), 6);
    expect(model.atValidation[2]).toBeCloseTo(mean(model.afterSteps), 6);
    expect(model.first).toBeCloseTo(mean(model.afterSteps), 6);
    const tracked = (model.layers.at(1) as BatchNorm1d).runningMean!.tolist();
    expect(tracked).not.toEqual((plain.layers.at(1) as BatchNorm1d).runningMean!.tolist());
  });

  it('takes in the weights when it is told to, once for each step', async () => {
    const asked: UpdateMoment[] = [];
    class ByEpoch extends WeightAveraging {
      override shouldUpdate(moment: UpdateMoment): boolean {
        asked.push(moment);
        return moment.epochIdx !== undefined;
      }
    }
    const model = newModel();
    await trainerWith(new ByEpoch({ useBuffers: false }), { accumulateGradBatches: 2 }).fit(model, data());
    expect(asked).toEqual([
      { stepIdx: 0 },
      { stepIdx: 1 },
      { epochIdx: 0 },
      { stepIdx: 2 },
      { stepIdx: 3 },
      { epochIdx: 1 },
    ]);
    expect(model.first).toBeCloseTo((model.afterSteps[2]! + model.afterSteps[5]!) / 2, 6);
    const plain = newModel();
    await trainerWith([], { accumulateGradBatches: 2 }).fit(plain, data());
    // Buffers are copied, not averaged.
    const [own, other] = [model, plain].map(({ layers }) => (layers.at(1) as BatchNorm1d).runningMean!.tolist());
    expect(own).toEqual(other);
  });

  it('averages by other rules', async () => {
    const run = async (callback: WeightAveraging) => {
      const model = newModel();
      await trainerWith(callback).fit(model, data());
      return model;
    };
    const decay = 0.5;
    const ema = await run(new WeightAveraging({ avgFn: getEmaAvgFn(decay) }));
    const [first, ...others] = ema.afterSteps;
    expect(ema.first).toBeCloseTo(
      others.reduce((average, value) => decay * average + (1 - decay) * value, first!),
      6,
    );
    const multi = await run(new WeightAveraging({ multiAvgFn: getSwaMultiAvgFn(), device: 'cpu' }));
    expect(multi.first).toBeCloseTo(mean(multi.afterSteps), 6);
  });

  it('saves the average as the weights, and a resumed run does what the uninterrupted one does', async () => {
    const path = join(folder, 'middle.ckpt');
    const saving = new LambdaCallback({
      onTrainBatchEnd: async (trainer) => {
        if (trainer.globalStep === 4) await trainer.saveCheckpoint(path);
      },
    });
    const straight = newModel();
    await trainerWith([new WeightAveraging(), saving], { maxEpochs: 3 }).fit(straight, data());
    const saved = (await load(path)) as Record<string, unknown>;
    const weight = (saved.state_dict as Map<string, Tensor>).get('layers.0.weight')!;
    expect(weight.at(0).at(0).item()).toBeCloseTo(mean(straight.afterSteps.slice(0, 4)), 6);
    const live = (saved.current_model_state as Map<string, Tensor>).get('layers.0.weight')!;
    expect(live.at(0).at(0).item()).toBe(straight.afterSteps[3]);
    expect((saved.averaging_state as { n_averaged: Tensor }).n_averaged.item()).toBe(4);
    expect((await Watched.loadFromCheckpoint(path)).first).toBe(weight.at(0).at(0).item());
    const resumed = newModel();
    await trainerWith(new WeightAveraging(), { maxEpochs: 3 }).fit(resumed, { ...data(), ckptPath: path });
    expect(resumed.afterSteps).toEqual(straight.afterSteps.slice(4));
    expect(stateOf(resumed)).toEqual(stateOf(straight));
  });

  it('resumes inside a validation, which runs with the average', async () => {
    const path = join(folder, 'validation.ckpt');
    const saving = new LambdaCallback({
      onValidationBatchEnd: async (trainer, _module, _outputs, _batch, batchIdx) => {
        if (!trainer.sanityChecking && trainer.currentEpoch === 1 && batchIdx === 0) await trainer.saveCheckpoint(path);
      },
    });
    const loaders = () => ({ ...data(), valDataloaders: batches(2) });
    const straight = newModel();
    await trainerWith([new WeightAveraging(), saving], { maxEpochs: 3 }).fit(straight, loaders());
    const loaded = await Watched.loadFromCheckpoint(path);
    expect(loaded.first).toBeCloseTo(mean(straight.afterSteps.slice(0, 6)), 6);
    const resumed = newModel();
    await trainerWith(new WeightAveraging(), { maxEpochs: 3 }).fit(resumed, { ...loaders(), ckptPath: path });
    expect(resumed.atValidation).toEqual(straight.atValidation.slice(-3));
    expect(resumed.afterSteps).toEqual(straight.afterSteps.slice(6));
    expect(stateOf(resumed)).toEqual(stateOf(straight));
  });

  it('goes on from the checkpoint of the end with the weights in training', async () => {
    const checkpoint = new ModelCheckpoint({ dirpath: join(folder, 'end'), filename: 'end' });
    const short = newModel();
    const trainer = trainerWith([new WeightAveraging(), checkpoint], { maxEpochs: 1 });
    await trainer.fit(short, data());
    const resumed = newModel();
    await trainerWith(new WeightAveraging()).fit(resumed, { ...data(), ckptPath: checkpoint.bestModelPath });
    const straight = newModel();
    await trainerWith(new WeightAveraging()).fit(straight, data());
    expect(stateOf(resumed)).toEqual(stateOf(straight));
    // Tested with the average.
    await trainer.validate(short, { dataloaders: batches(1), ckptPath: 'best', verbose: false });
    expect(short.atValidation.at(-1)).toBeCloseTo(mean(short.afterSteps), 6);
  });

  it('starts from plain weights with a warning', async () => {
    const path = join(folder, 'plain.ckpt');
    const plain = trainerWith([], { maxEpochs: 1 });
    await plain.fit(newModel(), data());
    await plain.saveCheckpoint(path);
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const model = newModel();
    await trainerWith(new WeightAveraging()).fit(model, { ...data(), ckptPath: path });
    expect(warned.mock.calls.map(String).join()).toContain('no average of weights');
    warned.mockRestore();
    expect(model.first).toBeCloseTo(mean(model.afterSteps), 6);
  });

  it('gives the weights in training back when validation fails, and starts anew in the next run', async () => {
    const averaging = new WeightAveraging();
    const failing = newModel(true);
    await expect(trainerWith(averaging).fit(failing, data())).rejects.toThrow('no luck');
    expect(failing.first).toBe(failing.afterSteps[2]);
    const again = newModel();
    const trainer = trainerWith(averaging);
    await trainer.fit(again, data());
    expect(again.first).toBeCloseTo(mean(again.afterSteps), 6);
    const second = newModel();
    await trainer.fit(second, data());
    expect(stateOf(second)).toEqual(stateOf(again));
  });

  it('refuses what it cannot use', () => {
    const both = { avgFn: getEmaAvgFn(), multiAvgFn: getSwaMultiAvgFn() };
    expect(() => new WeightAveraging(both)).toThrow(/OPTION_CONFLICT.*not both/);
    expect(() => new WeightAveraging({ avgFn: 0.9 as never })).toThrow(/OPTION_INVALID.*avgFn is 0.9/);
    expect(() => new WeightAveraging({ decay: 1 } as never)).toThrow(/OPTION_UNKNOWN/);
  });
});

describe('EMAWeightAveraging', () => {
  it('is told by steps and epochs when to update', () => {
    const asked = (ema: EMAWeightAveraging, by: 'stepIdx' | 'epochIdx') =>
      [0, 1, 2, 3, 4, 5, 6].filter((place) => ema.shouldUpdate({ [by]: place }));
    const every = new EMAWeightAveraging();
    expect([asked(every, 'stepIdx'), asked(every, 'epochIdx')]).toEqual([[0, 1, 2, 3, 4, 5, 6], []]);
    const some = new EMAWeightAveraging({ updateEveryNSteps: 2, updateStartingAtStep: 3, updateStartingAtEpoch: 5 });
    expect([asked(some, 'stepIdx'), asked(some, 'epochIdx')]).toEqual([
      [4, 6],
      [5, 6],
    ]);
    expect(asked(new EMAWeightAveraging({ updateEveryNSteps: 0 }), 'stepIdx')).toEqual([]);
  });

  it('decays', async () => {
    const model = newModel();
    await trainerWith(new EMAWeightAveraging({ decay: 0.9 })).fit(model, data());
    const [first, ...others] = model.afterSteps;
    expect(model.first).toBeCloseTo(
      others.reduce((average, value) => 0.9 * average + 0.1 * value, first!),
      6,
    );
  });

  it('refuses what it cannot use', () => {
    expect(() => new EMAWeightAveraging({ decay: 1.5 })).toThrow(/OPTION_INVALID.*decay is 1.5/);
    expect(() => new EMAWeightAveraging({ updateEveryNSteps: -1 })).toThrow(/OPTION_INVALID/);
    expect(() => new EMAWeightAveraging({ avgFn: getEmaAvgFn() } as never)).toThrow(/OPTION_UNKNOWN/);
  });
});
