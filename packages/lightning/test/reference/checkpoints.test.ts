import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  EarlyStopping,
  LightningDataModule,
  LightningModule,
  ModelCheckpoint,
  Timer,
  Trainer,
} from '@lightning-ts/lightning';
import { manualSeed, silenceWarnings, type Tensor, tensor } from '@lightning-ts/torch';
import { Linear } from '@lightning-ts/torch/nn';
import { Adam, OneCycleLR, ReduceLROnPlateau, SGD } from '@lightning-ts/torch/optim';
import { describe, expect, test } from 'vitest';

// Checkpoints that Python Lightning wrote (makeCheckpoints.py) go on here as they do there, and ours go on there.

const at = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const recorded = JSON.parse(readFileSync(at('fixtures/resumed.json'), 'utf8')) as {
  batches: number[][][];
  jobs: Record<string, Resumed>;
};
const jobs = Object.keys(recorded.jobs);
silenceWarnings('CHECKPOINT_DIRPATH_CHANGED', 'RESUME_POSITION', 'CHECKPOINT_DIRECTORY_NOT_EMPTY');

/** What a resumed run gave. */
interface Resumed {
  losses: number[];
  weights: Record<string, unknown>;
  step: number;
  epoch: number;
  position: number;
  waits: number[];
  best: number[];
  rate: number[];
}

interface NetOptions {
  readonly learningRate?: number;
  readonly job?: string;
  readonly sizes?: readonly number[] | null;
}

class Net extends LightningModule<Tensor, NetOptions> {
  layer = new Linear(3, 1);
  other: Linear | null = null;
  readonly losses: number[] = [];

  constructor({ learningRate = 0.1, job = 'plain', sizes = null }: NetOptions = {}) {
    super();
    this.saveHyperparameters({ learningRate, job, sizes });
    if (job === 'manual') {
      this.other = new Linear(3, 1);
      this.automaticOptimization = false;
    }
  }

  override trainingStep(batch: Tensor): Tensor | null {
    const loss = this.layer.forward(batch).pow(2).mean();
    this.losses.push(Number(loss.item()));
    this.log('loss', loss);
    if (this.other === null) return loss;
    const [first, second] = this.optimizers(2);
    first.zeroGrad();
    this.manualBackward(loss);
    first.step();
    const other = this.other.forward(batch).sub(1).pow(2).mean();
    this.losses.push(Number(other.item()));
    second.zeroGrad();
    this.manualBackward(other);
    second.step();
    return null;
  }

  override validationStep(batch: Tensor): void {
    this.log('val_loss', this.layer.forward(batch).pow(2).mean());
  }

  override configureOptimizers() {
    const { learningRate: lr = 0.1, job } = this.hparams;
    if (this.other !== null)
      return [new SGD(this.layer.parameters(), { lr, momentum: 0.9 }), new Adam(this.other.parameters(), { lr })];
    if (job === 'plateau') {
      const optimizer = new SGD(this.parameters(), { lr, momentum: 0.9 });
      const scheduler = new ReduceLROnPlateau(optimizer, { patience: 0, factor: 0.5, threshold: 0.9 });
      return { optimizer, lrScheduler: { scheduler, monitor: 'val_loss' } };
    }
    const optimizer = new Adam(this.parameters(), { lr });
    if (job !== 'scheduled') return optimizer;
    const scheduler = new OneCycleLR(optimizer, { maxLr: 0.2, totalSteps: 20 });
    return { optimizer, lrScheduler: { scheduler, interval: 'step' as const } };
  }
}

class Data extends LightningDataModule<Tensor> {
  position = 0;
  private readonly rows = recorded.batches.map((rows) => tensor(rows));
  constructor() {
    super();
    this.saveHyperparameters({ batchSize: 4 });
  }
  override trainDataloader(): Tensor[] {
    return this.rows;
  }
  override valDataloader(): Tensor[] {
    return this.rows;
  }
  override stateDict() {
    return { position: 3 };
  }
  override loadStateDict(state: Record<string, unknown>): void {
    this.position = Number(state.position);
  }
}

type Ends = { readonly maxEpochs?: number; readonly maxSteps?: number };

const firstEnd = (job: string): Ends => (job === 'midway' ? { maxSteps: 4 } : { maxEpochs: 2 });
const lastEnd = (job: string): Ends => (job === 'midway' ? { maxEpochs: 3 } : { maxEpochs: 4 });

function trainerFor(job: string, end: Ends) {
  const folder = mkdtempSync(join(tmpdir(), 'lightning-'));
  const stopping = new EarlyStopping({ monitor: 'val_loss', patience: 7, minDelta: 10 });
  const checkpoint = new ModelCheckpoint({ dirpath: folder, monitor: 'val_loss', saveTopK: 2, saveLast: true });
  const callbacks = job === 'callbacks' ? [stopping, checkpoint, new Timer({ duration: { hours: 1 } })] : [];
  const trainer = new Trainer({
    ...end,
    accelerator: 'cpu',
    accumulateGradBatches: job === 'accumulated' ? 2 : 1,
    // The reference divides a short window by the full length.
    accumulationDivisor: 'option',
    callbacks,
    defaultRootDir: folder,
    enableCheckpointing: job === 'callbacks',
    enableModelSummary: false,
    enableProgressBar: false,
    logger: false,
    numSanityValSteps: 0,
  });
  return { trainer, stopping, checkpoint, folder };
}

/** Goes on from a checkpoint, as `resume` of makeCheckpoints.py does. */
async function resume(job: string, path: string): Promise<Resumed> {
  manualSeed(99);
  const model = new Net({ job });
  const data = new Data();
  const { trainer, stopping, checkpoint } = trainerFor(job, lastEnd(job));
  await trainer.fit(model, { datamodule: data, ckptPath: path });
  const hasCallbacks = job === 'callbacks';
  return {
    losses: model.losses,
    weights: Object.fromEntries([...model.stateDict()].map(([name, value]) => [name, value.tolist()])),
    step: trainer.globalStep,
    epoch: trainer.currentEpoch,
    position: data.position,
    waits: hasCallbacks ? [stopping.waitCount] : [],
    best: hasCallbacks ? [checkpoint.bestModelScore!] : [],
    rate: trainer.optimizers.map(({ paramGroups }) => Number(paramGroups[0]!.lr)),
  };
}

describe('a checkpoint of Python Lightning', () => {
  test.each(jobs)('goes on here as it does there: %s', async (job) => {
    expect(await resume(job, at(`fixtures/${job}.ckpt`))).toEqual(recorded.jobs[job]);
  });

  test.each(jobs)('brings its hyperparameters: %s', async (job) => {
    const model = await Net.loadFromCheckpoint(at(`fixtures/${job}.ckpt`));
    expect(model.hparams).toEqual({ learningRate: 0.1, job, sizes: [3, 1] });
  });
});

const python = '/usr/bin/python3';
const hasLightning = (() => {
  try {
    execFileSync(python, ['-c', 'import lightning.pytorch'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!hasLightning)('a checkpoint of ours', () => {
  test.each(jobs)('goes on in Python Lightning as it does here: %s', async (job) => {
    manualSeed(1);
    const { trainer, folder } = trainerFor(job, firstEnd(job));
    await trainer.fit(new Net({ learningRate: 0.1, job, sizes: [3, 1] }), new Data());
    const path = join(folder, 'ours.ckpt');
    await trainer.saveCheckpoint(path);
    const output = execFileSync(python, [at('makeCheckpoints.py'), 'resume', job, path], { encoding: 'utf8' });
    const there = JSON.parse(output.trim().split('\n').at(-1)!) as Resumed;
    const here = await resume(job, path);
    // Inside an epoch the reference takes as many batches as are left, but from the loader's beginning.
    if (job !== 'midway') expect(there).toEqual(here);
    else expect([there.losses.length, there.step, there.epoch]).toEqual([here.losses.length, here.step, here.epoch]);
  });
});
