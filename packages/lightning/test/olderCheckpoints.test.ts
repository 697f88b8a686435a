import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  EarlyStopping,
  LightningModule,
  ModelCheckpoint,
  StoppingReason,
  Trainer,
  utilities,
} from '@lightning-ts/lightning';
import { silenceWarnings, type Tensor, tensor } from '@lightning-ts/torch';
import { Linear } from '@lightning-ts/torch/nn';
import * as F from '@lightning-ts/torch/nn/functional';
import { Adam, StepLR } from '@lightning-ts/torch/optim';
import { load } from '@lightning-ts/torch/serialize';
import { describe, expect, test } from 'vitest';

// Files in the layout of Python Lightning, made by fixtures/checkpoints/make.py; training itself was plain PyTorch.
const fixtures = fileURLToPath(new URL('./fixtures/checkpoints/', import.meta.url));
const expected = JSON.parse(readFileSync(join(fixtures, 'expected.json'), 'utf8')) as {
  inputs: number[][];
  targets: number[][];
  afterThreeEpochs: Record<'weight' | 'bias', number[]>;
};

type Batch = [Tensor, Tensor];

interface Options {
  readonly learningRate?: number;
  readonly sizes?: readonly number[];
  readonly name?: string;
}

class Net extends LightningModule<Batch, Options> {
  layer = new Linear(4, 2);
  seen: number[] = [];
  constructor(options: Options = {}) {
    super();
    this.saveHyperparameters(options);
  }
  override forward(x: Tensor): Tensor {
    return this.layer.forward(x);
  }
  override trainingStep([x, y]: Batch, batchIdx: number): Tensor {
    this.seen.push(this.currentEpoch * 10 + batchIdx);
    return F.mseLoss(this.forward(x), y);
  }
  override validationStep([x, y]: Batch): void {
    this.log('val_loss', F.mseLoss(this.forward(x), y));
  }
  override configureOptimizers() {
    const optimizer = new Adam(this.parameters(), { lr: 0.05 });
    return { optimizer, lrScheduler: new StepLR(optimizer, { stepSize: 1, gamma: 0.5 }) };
  }
}

const inputs = tensor(expected.inputs);
const targets = tensor(expected.targets);
const batches = [0, 4, 8].map((start): Batch => [inputs.narrow(0, start, 4), targets.narrow(0, start, 4)]);
const folder = mkdtempSync(join(tmpdir(), 'lightning-'));
silenceWarnings('CHECKPOINT_MIGRATED', 'CHECKPOINT_APEX', 'CHECKPOINT_DIRPATH_CHANGED', 'RESUME_POSITION');

function newTrainer(callbacks: (ModelCheckpoint | EarlyStopping)[] = []): Trainer {
  return new Trainer({
    maxEpochs: 3,
    callbacks,
    logger: false,
    enableCheckpointing: callbacks.length > 0,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: folder,
  });
}

const files = readdirSync(fixtures).filter((name) => /^lightning-.*\.ckpt$/.test(name));
const trainable = files.filter((name) => name !== 'lightning-0.6.ckpt');

describe('a checkpoint of Python Lightning', () => {
  test.each(files)('%s builds the module, with its hyperparameters and weights', async (name) => {
    const model = await Net.loadFromCheckpoint(join(fixtures, name));
    expect(model.hparams).toEqual({ learningRate: 0.05, sizes: [4, 2], name: 'fixture' });
    const file = (await load(join(fixtures, name))) as { state_dict: Map<string, Tensor> };
    expect(model.layer.weight.equal(file.state_dict.get('layer.weight')!)).toBe(true);
  });

  test.each(files)('%s is trained on, and gives bit for bit what PyTorch gives', async (name) => {
    const model = new Net();
    const trainer = newTrainer();
    await trainer.fit(model, { trainDataloaders: batches, ckptPath: join(fixtures, name) });
    expect(model.seen).toEqual(name.includes('batch-end') ? [11, 12, 20, 21, 22] : [20, 21, 22]);
    expect(model.layer.weight.tolist()).toEqual(expected.afterThreeEpochs.weight);
    expect(model.layer.bias!.tolist()).toEqual(expected.afterThreeEpochs.bias);
    expect([trainer.globalStep, trainer.currentEpoch]).toEqual([9, 3]);
  });

  test.each(trainable)('%s gives callbacks their states', async (name) => {
    const checkpoint = new ModelCheckpoint({ monitor: 'val_loss', dirpath: '/models', saveTopK: 1 });
    const stopping = new EarlyStopping({ monitor: 'val_loss', patience: 1 });
    const trainer = newTrainer([checkpoint, stopping]);
    // Evaluation takes them too, and changes nothing in them.
    await trainer.validate(new Net(), { dataloaders: batches, ckptPath: join(fixtures, name), verbose: false });
    expect([checkpoint.bestModelPath, checkpoint.bestModelScore]).toEqual(['/models/epoch=1-step=6.ckpt', 0.25]);
    const state = stopping.stateDict();
    expect([state.wait_count, state.patience]).toEqual([1, 7]);
    expect(state.stopping_reason).toBe(StoppingReason.NOT_STOPPED);
    // The layout of 0.9 had no score for early stopping.
    if (!name.includes('0.9')) expect(stopping.bestScore).toBe(0.25);
  });

  test('runs nothing that is in it', async () => {
    const path = join(fixtures, 'evil.ckpt');
    const model = await Net.loadFromCheckpoint(path);
    expect(model.hparams).toEqual({});
    expect((await Net.loadFromCheckpoint(path, { learningRate: 1 })).hparams).toEqual({ learningRate: 1 });
    const { foreignClasses } = await utilities.inspectCheckpoint(path);
    expect(foreignClasses).toContain('posix.system');
    const copy = join(folder, 'evil.ckpt');
    copyFileSync(path, copy);
    await utilities.upgradeCheckpoint(copy);
    await newTrainer().fit(new Net(), { trainDataloaders: batches, ckptPath: path });
    expect(existsSync('pwned-by-a-checkpoint')).toBe(false);
  });
});

describe('upgradeCheckpoint', () => {
  const before = (name: string): boolean => !name.includes('2.5');

  test.each(files.filter(before))('%s gets the layout of today, and is then left alone', async (name) => {
    const path = join(folder, name);
    copyFileSync(join(fixtures, name), path);
    const result = await utilities.upgradeCheckpoint(path);
    expect(result.upgraded).toBe(true);
    expect(result.from).toBe(
      { '1.8': '1.8.6', '1.5': '1.5.10', '1.2': '1.2.10', '0.9': '0.9.0' }[name.slice(10, 13)] ?? null,
    );
    const file = (await load(path)) as Record<string, unknown>;
    expect(file['pytorch-lightning_version']).toBe('2.6.0');
    expect(file['legacy_pytorch-lightning_version']).toBe(result.from ?? 'unknown');
    const fit = (file.loops as Record<string, Record<string, unknown>>).fit_loop!;
    const newest = (await load(join(fixtures, 'lightning-2.5-epoch-end.ckpt'))) as typeof file;
    expect(Object.keys(fit).sort()).toEqual(Object.keys((newest.loops as Record<string, object>).fit_loop!).sort());
    expect(fit['epoch_loop.state_dict']).toEqual({ _batches_that_stepped: 6 });
    expect((fit.epoch_progress as { current: { completed: number } }).current.completed).toBe(
      name.includes('1.8') ? 1 : 2,
    );
    const written = statSync(path).mtimeMs;
    expect(await utilities.upgradeCheckpoint(path)).toMatchObject({ upgraded: false, changes: [] });
    expect(statSync(path).mtimeMs).toBe(written);
    const model = new Net();
    await newTrainer().fit(model, { trainDataloaders: batches, ckptPath: path });
    expect(model.layer.weight.tolist()).toEqual(expected.afterThreeEpochs.weight);
  });

  test('renames the state of a ModelCheckpoint, and drops the scale of Apex', async () => {
    const output = join(folder, 'upgraded.ckpt');
    const { changes } = await utilities.upgradeCheckpoint(join(fixtures, 'lightning-1.8.ckpt'), { output });
    const { callbacks, ...rest } = (await load(output)) as { callbacks: object };
    expect(Object.keys(callbacks)).toEqual([
      "EarlyStopping{'monitor': 'val_loss', 'mode': 'min'}",
      "ModelCheckpoint{'monitor': 'val_loss', 'mode': 'min', 'every_n_train_steps': 0, 'every_n_epochs': 1, 'train_time_interval': None}",
    ]);
    expect(rest).not.toHaveProperty('amp_scaling_state');
    expect(changes).toContain('amp_scaling_state was dropped');
  });
});
