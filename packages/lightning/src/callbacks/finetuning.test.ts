import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualSeed, randn, type Tensor } from '@lightning-ts/torch';
import { BatchNorm1d, Linear, ReLU, Sequential } from '@lightning-ts/torch/nn';
import { Adam, LambdaLR, type Optimizer } from '@lightning-ts/torch/optim';
import { describe, expect, it, vi } from 'vitest';
import type { AnyLightningModule } from '../module/lightningModule.js';
import { LightningModule } from '../module/lightningModule.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';
import { BackboneFinetuning } from './backboneFinetuning.js';
import { BaseFinetuning } from './baseFinetuning.js';
import type { Callback } from './callback.js';
import { LambdaCallback } from './lambdaCallback.js';

class Net extends LightningModule<Tensor> {
  backbone = new Sequential(new Linear(3, 4), new BatchNorm1d(4), new ReLU());
  head = new Linear(4, 1);
  /** For each epoch: the groups' rates when it ended, and whether the backbone's weight changed in it. */
  epochs: { rates: number[]; moved: boolean }[] = [];
  private before: unknown = null;

  constructor(readonly all = false) {
    super();
  }

  override trainingStep(batch: Tensor): Tensor {
    return this.head.forward(this.backbone.forward(batch)).sub(1).pow(2).mean();
  }

  get weight(): unknown {
    return (this.backbone.at(0) as Linear).weight.tolist();
  }

  override onTrainEpochStart(): void {
    this.before = this.weight;
  }

  override onTrainEpochEnd(): void {
    const [{ optimizer }] = this.trainer.optimizers as unknown as [{ optimizer: Optimizer }];
    const rates = optimizer.paramGroups.map(({ lr }) => lr);
    this.epochs.push({ rates, moved: JSON.stringify(this.weight) !== JSON.stringify(this.before) });
  }

  override configureOptimizers() {
    const parameters = this.all ? this.parameters() : this.parameters().filter((p) => p.requiresGrad);
    const optimizer = new Adam(parameters, { lr: 0.1 });
    return { optimizer, lrScheduler: new LambdaLR(optimizer, () => 1) };
  }
}

const folder = mkdtempSync(join(tmpdir(), 'finetuning-'));
const batches = (): Tensor[] => {
  manualSeed(1);
  return Array.from({ length: 3 }, () => randn([4, 3]));
};
const newModel = (all = false): Net => {
  manualSeed(0);
  return new Net(all);
};
const trainerWith = (callbacks: Callback | Callback[], options: TrainerOptions = {}) =>
  new Trainer({
    maxEpochs: 5,
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: folder,
    callbacks,
    ...options,
  });
const stateOf = (module: Net) => [...module.stateDict()].map(([key, value]) => [key, value.tolist()]);
const newFinetuning = () => new BackboneFinetuning({ unfreezeBackboneAtEpoch: 2 });

describe('BackboneFinetuning', () => {
  it('trains the head first, then the backbone at a rate that grows until it is that of the head', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const model = newModel();
    await trainerWith(newFinetuning(), { maxEpochs: 7 }).fit(model, batches());
    expect(warned.mock.calls.map(String).join()).not.toContain('in the optimizer already');
    warned.mockRestore();
    expect(model.epochs.map(({ moved }) => moved)).toEqual([false, false, true, true, true, true, true]);
    const rates = model.epochs.map((epoch) => epoch.rates.map((rate) => Number(rate.toFixed(9))));
    // The backbone's batch normalisation trains from the start, in the first group.
    expect(rates).toEqual([[0.1], [0.1], [0.1, 0.01], [0.1, 0.02], [0.1, 0.04], [0.1, 0.08], [0.1, 0.1]]);
  });

  it('takes rates of its own, above the head when not aligned, and says so', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    const model = newModel();
    const callback = new BackboneFinetuning({
      unfreezeBackboneAtEpoch: 1,
      backboneInitialLr: 0.06,
      lambdaFunc: (epoch) => epoch,
      shouldAlign: false,
      verbose: true,
      rounding: 3,
    });
    await trainerWith(callback, { maxEpochs: 3 }).fit(model, batches());
    expect(model.epochs.at(-1)!.rates[1]).toBeCloseTo(0.18, 9);
    const printed = log.mock.calls.flat();
    log.mockRestore();
    expect(printed).toEqual(
      expect.arrayContaining(['Current lr: 0.1, Backbone lr: 0.06', 'Current lr: 0.1, Backbone lr: 0.18']),
    );
  });

  it.each([1, 3])('resumes in epoch %i as if it had not stopped', async (epoch) => {
    const path = join(folder, `epoch${epoch}.ckpt`);
    const saving = new LambdaCallback({
      onTrainBatchEnd: async (trainer) => {
        if (trainer.globalStep === 3 * epoch + 2) await trainer.saveCheckpoint(path);
      },
    });
    const straight = newModel();
    await trainerWith([newFinetuning(), saving]).fit(straight, batches());
    const resumed = newModel();
    await trainerWith(newFinetuning()).fit(resumed, { trainDataloaders: batches(), ckptPath: path });
    expect(resumed.epochs.map(({ rates }) => rates)).toEqual(straight.epochs.map(({ rates }) => rates).slice(epoch));
    expect(stateOf(resumed)).toEqual(stateOf(straight));
  });

  it('serves two runs alike, also after one that failed', async () => {
    const callback = newFinetuning();
    const failing = new LambdaCallback({
      onTrainEpochEnd: (trainer) => {
        if (trainer.currentEpoch === 3) throw new Error('no luck');
      },
    });
    await expect(trainerWith([callback, failing]).fit(newModel(), batches())).rejects.toThrow('no luck');
    const [first, second] = [newModel(), newModel()];
    const trainer = trainerWith(callback);
    await trainer.fit(first, batches());
    await trainer.fit(second, batches());
    expect(stateOf(second)).toEqual(stateOf(first));
    expect(second.epochs).toEqual(first.epochs);
  });

  it('warns when the optimizer has the backbone already, and leaves the rate of the head alone', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const model = newModel(true);
    await trainerWith(newFinetuning(), { maxEpochs: 4 }).fit(model, batches());
    expect(warned.mock.calls.map(String).join()).toContain('are in the optimizer already');
    warned.mockRestore();
    expect(model.epochs.map(({ rates }) => rates)).toEqual([[0.1], [0.1], [0.1], [0.1]]);
    expect(model.epochs.map(({ moved }) => moved)).toEqual([false, false, true, true]);
  });

  it('needs a backbone, and options it knows', async () => {
    class Headless extends Net {
      override backbone = null as never;
    }
    await expect(trainerWith(newFinetuning()).fit(new Headless(), batches())).rejects.toThrow(
      /OPTION_CONFLICT.*'backbone'.*Headless has none/,
    );
    expect(() => new BackboneFinetuning({ unfreezeBackboneAtEpoch: -1 })).toThrow(/OPTION_INVALID/);
    expect(() => new BackboneFinetuning({ lambdaFunc: 2 as never })).toThrow(/OPTION_INVALID.*lambdaFunc is 2/);
    expect(() => new BackboneFinetuning({ unfreezeAt: 1 } as never)).toThrow(/OPTION_UNKNOWN/);
  });
});

describe('BaseFinetuning', () => {
  it('freezes and lets go of what a subclass names', async () => {
    const seen: [number, boolean, boolean][] = [];
    class Whole extends BaseFinetuning {
      override freezeBeforeTraining(module: AnyLightningModule): void {
        BaseFinetuning.freeze([(module as unknown as Net).backbone], { trainBn: false });
      }
      override finetuneFunction(module: AnyLightningModule, epoch: number, optimizer: Optimizer): void {
        const { backbone } = module as unknown as Net;
        const norm = backbone.at(1) as BatchNorm1d;
        seen.push([epoch, norm.trackRunningStats, norm.weight!.requiresGrad]);
        if (epoch === 1) BaseFinetuning.unfreezeAndAddParamGroup(backbone, optimizer);
      }
    }
    const model = newModel();
    await trainerWith(new Whole(), { maxEpochs: 3 }).fit(model, batches());
    expect(seen).toEqual([
      [0, false, false],
      [1, false, false],
      [2, true, true],
    ]);
    expect(model.epochs.at(-1)!.rates[1]).toBeCloseTo(0.01, 12);
  });

  it('lists modules and parameters', () => {
    const { backbone, head } = newModel();
    expect(BaseFinetuning.flattenModules({ backbone, head }).map(({ constructor }) => constructor.name)).toEqual([
      'Linear',
      'BatchNorm1d',
      'ReLU',
      'Linear',
    ]);
    expect(BaseFinetuning.filterParams(backbone)).toHaveLength(4);
    expect(BaseFinetuning.filterParams(backbone, { trainBn: false })).toHaveLength(2);
    BaseFinetuning.freeze(backbone);
    expect(BaseFinetuning.filterParams(backbone, { requiresGrad: false })).toHaveLength(2);
    BaseFinetuning.makeTrainable([backbone, head]);
    expect(BaseFinetuning.filterParams([backbone, head])).toHaveLength(6);
  });
});
