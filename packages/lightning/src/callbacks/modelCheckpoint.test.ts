import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { type Tensor, tensor } from '@lightning-ts/torch';
import { load } from '@lightning-ts/torch/serialize';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { batches, LossModel } from '../../test/lossModel.js';
import type { LightningError } from '../errors.js';
import { CSVLogger } from '../loggers/csvLogger.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';
import { Callback } from './callback.js';
import { ModelCheckpoint } from './modelCheckpoint.js';

let folder: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'model-checkpoint-')));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function fit(
  callback: Callback | Callback[],
  module: LossModel = new LossModel(),
  options: TrainerOptions & { batches?: number } = {},
) {
  const { batches: count = 3, ...given } = options;
  const trainer = new Trainer({
    maxEpochs: 2,
    logger: false,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: folder,
    callbacks: callback,
    ...given,
  });
  const result = await trainer.fit(module, { trainDataloaders: batches(count), valDataloaders: batches(1) });
  return { trainer, result };
}

/** Files below `directory` (default: the run's checkpoint folder), sorted. */
function files(directory = join(folder, 'checkpoints')): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort();
}

async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    return (error as LightningError).code ?? String(error);
  }
  return 'none';
}

describe('ModelCheckpoint without a monitor', () => {
  it('keeps the newest checkpoint, named by epoch and step', async () => {
    const callback = new ModelCheckpoint();
    await fit(callback);
    expect(files()).toEqual(['epoch=1-step=6.ckpt']);
    expect(callback.bestModelPath).toBe(join(folder, 'checkpoints', 'epoch=1-step=6.ckpt'));
    expect(callback.bestModelScore).toBe(null);
  });

  it('keeps all of them with saveTopK -1, and none with 0', async () => {
    await fit(new ModelCheckpoint({ saveTopK: -1, dirpath: join(folder, 'all') }));
    expect(files(join(folder, 'all'))).toEqual(['epoch=0-step=3.ckpt', 'epoch=1-step=6.ckpt']);
    await fit(new ModelCheckpoint({ saveTopK: 0, dirpath: join(folder, 'none') }));
    expect(files(join(folder, 'none'))).toEqual([]);
  });

  it('goes beside the logs of the first logger', async () => {
    await fit(new ModelCheckpoint(), new LossModel(), {
      logger: new CSVLogger(folder, { name: 'runs', version: 'v1' }),
    });
    expect(files(join(folder, 'runs', 'v1', 'checkpoints'))).toEqual(['epoch=1-step=6.ckpt']);
    await fit(new ModelCheckpoint(), new LossModel(), { logger: new CSVLogger(folder) });
    expect(files(join(folder, 'lightning_logs', 'version_0', 'checkpoints'))).toHaveLength(1);
  });

  it('does not overwrite a file of the same name unless told to', async () => {
    await fit(new ModelCheckpoint({ filename: 'm', saveTopK: -1 }), new LossModel(), { maxEpochs: 3 });
    expect(files()).toEqual(['m-v1.ckpt', 'm-v2.ckpt', 'm.ckpt']);
    await fit(
      new ModelCheckpoint({ filename: 'm', saveTopK: -1, enableVersionCounter: false, dirpath: join(folder, 'one') }),
    );
    expect(files(join(folder, 'one'))).toEqual(['m.ckpt']);
  });

  it('saves after every n steps, and once more at the end', async () => {
    const options = { batches: 5, maxEpochs: 2 };
    await fit(new ModelCheckpoint({ everyNTrainSteps: 4, saveTopK: -1 }), new LossModel(), options);
    expect(files()).toEqual(['epoch=0-step=4.ckpt', 'epoch=1-step=10.ckpt', 'epoch=1-step=8.ckpt']);
    const strict = new ModelCheckpoint({
      everyNTrainSteps: 4,
      saveTopK: -1,
      finalSave: false,
      dirpath: join(folder, 'strict'),
    });
    await fit(strict, new LossModel(), options);
    expect(files(join(folder, 'strict'))).toEqual(['epoch=0-step=4.ckpt', 'epoch=1-step=8.ckpt']);
  });

  it('saves something even when the interval is longer than the run', async () => {
    await fit(new ModelCheckpoint({ everyNTrainSteps: 1000 }));
    expect(files()).toEqual(['epoch=1-step=6.ckpt']);
  });

  it('saves nothing before the first step of an accumulation', async () => {
    await fit(new ModelCheckpoint({ everyNTrainSteps: 1, saveTopK: -1 }), new LossModel(), {
      batches: 4,
      maxEpochs: 1,
      accumulateGradBatches: 2,
    });
    expect(files()).toEqual(['epoch=0-step=1.ckpt', 'epoch=0-step=2.ckpt']);
  });

  it('saves nothing at the end when every interval is off', async () => {
    await fit(new ModelCheckpoint({ everyNEpochs: 0 }));
    expect(files()).toEqual([]);
  });

  it('saves under a plain name when the name waits for a value in vain', async () => {
    await fit(new ModelCheckpoint({ filename: '{epoch}-{val_loss:.1f}' }), new LossModel([1]), {
      maxEpochs: 1,
      checkValEveryNEpoch: 2,
    });
    expect(files()).toEqual(['epoch=0-step=3.ckpt']);
  });

  it('saves every n epochs', async () => {
    await fit(new ModelCheckpoint({ everyNEpochs: 2, saveTopK: -1, finalSave: false }), new LossModel(), {
      maxEpochs: 5,
    });
    expect(files()).toEqual(['epoch=1-step=6.ckpt', 'epoch=3-step=12.ckpt']);
  });

  it('saves after a time interval', async () => {
    class Slow extends Callback {
      override async onTrainBatchStart(): Promise<void> {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    await fit([
      new Slow(),
      new ModelCheckpoint({ trainTimeInterval: { milliseconds: 30 }, saveTopK: -1, finalSave: false }),
    ]);
    const saved = files().length;
    expect(saved).toBeGreaterThanOrEqual(2);
    expect(saved).toBeLessThan(6);
  });
});

describe('ModelCheckpoint with a monitor', () => {
  it('keeps the best k, the earlier of two equals', async () => {
    const callback = new ModelCheckpoint({ monitor: 'val_loss', saveTopK: 2, filename: '{epoch}-{val_loss:.1f}' });
    await fit(callback, new LossModel([0.5, 0.3, 0.4, 0.3, Number.NaN, 0.3]), { maxEpochs: 6 });
    expect(files()).toEqual(['epoch=1-val_loss=0.3.ckpt', 'epoch=3-val_loss=0.3.ckpt']);
    expect(callback.bestModelPath).toBe(join(folder, 'checkpoints', 'epoch=1-val_loss=0.3.ckpt'));
    expect(callback.bestModelScore).toBeCloseTo(0.3, 6);
    expect([...callback.bestKModels.values()]).toEqual([Math.fround(0.3), Math.fround(0.3)]);
    expect(callback.kthValue).toBeCloseTo(0.3, 6);
  });

  it('takes larger values for better in mode max', async () => {
    const callback = new ModelCheckpoint({ monitor: 'val_loss', mode: 'max', filename: '{epoch}' });
    await fit(callback, new LossModel([0.5, 0.7, 0.6]), { maxEpochs: 3 });
    expect(files()).toEqual(['epoch=1.ckpt']);
  });

  it('makes no directory of a metric with a slash', async () => {
    await fit(
      new ModelCheckpoint({ monitor: 'val/acc', mode: 'max', filename: '{epoch}-{val/acc:.3f}' }),
      new LossModel([0.5], 'val/acc'),
      {
        maxEpochs: 1,
      },
    );
    expect(files()).toEqual(['epoch=0-val_acc=0.500.ckpt']);
  });

  it('uses the value of the validation that follows the step, not the one before', async () => {
    const callback = new ModelCheckpoint({
      monitor: 'val_loss',
      everyNTrainSteps: 2,
      saveTopK: -1,
      filename: '{step}-{val_loss:.0f}',
    });
    await fit(callback, new LossModel([1, 2, 3]), { batches: 6, maxEpochs: 1, valCheckInterval: 2 });
    expect(files()).toEqual(['step=2-val_loss=1.ckpt', 'step=4-val_loss=2.ckpt', 'step=6-val_loss=3.ckpt']);
  });

  it('uses each value once, and waits for the next', async () => {
    const callback = new ModelCheckpoint({
      monitor: 'val_loss',
      everyNTrainSteps: 1,
      saveTopK: -1,
      filename: '{step}-{val_loss:.0f}',
    });
    await fit(callback, new LossModel([1, 2]), { batches: 4, maxEpochs: 2 });
    expect(files()).toEqual(['step=4-val_loss=1.ckpt', 'step=8-val_loss=2.ckpt']);
  });

  it('watches a training metric at every step', async () => {
    const callback = new ModelCheckpoint({
      monitor: 'train_loss',
      everyNTrainSteps: 1,
      saveTopK: -1,
      filename: '{step}',
    });
    await fit(callback, new LossModel([1]), { batches: 3, maxEpochs: 1 });
    expect(files()).toEqual(['step=1.ckpt', 'step=2.ckpt', 'step=3.ckpt']);
  });

  it('waits for a metric that validation has not produced yet', async () => {
    const callback = new ModelCheckpoint({ monitor: 'val_loss', filename: '{epoch}', saveTopK: -1 });
    await fit(callback, new LossModel([1, 2]), { maxEpochs: 4, checkValEveryNEpoch: 2 });
    expect(files()).toEqual(['epoch=1.ckpt', 'epoch=3.ckpt']);
  });

  it('fails at the end when the metric never came, with the last weights saved', async () => {
    const callback = new ModelCheckpoint({ monitor: 'val_los', filename: 'best-{val_los:.2f}' });
    let error: LightningError | null = null;
    try {
      await fit(callback, new LossModel([1]), { maxEpochs: 1 });
    } catch (caught) {
      error = caught as LightningError;
    }
    expect(error?.code).toBe('MONITOR_MISSING');
    expect(error?.message).toContain("Logged so far: 'val_loss'");
    expect(files()).toEqual(['epoch=0-step=3.ckpt']);
  });

  it('refuses a file name with an unknown value', async () => {
    const run = () =>
      fit(new ModelCheckpoint({ filename: '{epoch}-{val_acc:.2f}' }), new LossModel([1]), { maxEpochs: 1 });
    expect(await codeOf(run)).toBe('CHECKPOINT_NAME_KEY');
  });

  it('tells what it does when verbose', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    const callback = new ModelCheckpoint({ monitor: 'val_loss', verbose: true, filename: '{epoch}' });
    await fit(callback, new LossModel([0.5, 0.75]));
    const lines = log.mock.calls.map(([text]) => String(text));
    log.mockRestore();
    expect(lines.join('\n')).toContain(
      `Epoch 0, global step 3: 'val_loss' reached 0.50000 (best 0.50000), saving model to '${join(folder, 'checkpoints', 'epoch=0.ckpt')}' as top 1`,
    );
    expect(lines.join('\n')).toContain("Epoch 1, global step 6: 'val_loss' was not in top 1");
  });
});

describe('last.ckpt', () => {
  const stepOf = async (path: string): Promise<unknown> => ((await load(path)) as { global_step: number }).global_step;

  it('is the newest state, whether that is among the best or not', async () => {
    const seen: unknown[] = [];
    class Watch extends Callback {
      override async onTrainEpochStart(): Promise<void> {
        const path = join(folder, 'checkpoints', 'last.ckpt');
        if (existsSync(path)) seen.push(await stepOf(path));
      }
    }
    const callback = new ModelCheckpoint({ monitor: 'val_loss', saveLast: true, filename: '{epoch}' });
    await fit([new Watch(), callback], new LossModel([1, 2, 3]), { maxEpochs: 3 });
    expect(files()).toEqual(['epoch=0.ckpt', 'last.ckpt']);
    expect(seen).toEqual([3, 6]);
    expect(await stepOf(callback.lastModelPath)).toBe(9);
    expect(await stepOf(callback.bestModelPath)).toBe(3);
  });

  it('does not wait for everyNEpochs, and needs no best checkpoints', async () => {
    const callback = new ModelCheckpoint({ everyNEpochs: 2, saveLast: true, saveTopK: 0 });
    await fit(callback, new LossModel(), { maxEpochs: 3 });
    expect(files()).toEqual(['last.ckpt']);
    expect(await stepOf(callback.lastModelPath)).toBe(9);
  });

  it('can be a link to the newest checkpoint', async () => {
    await fit(new ModelCheckpoint({ saveLast: 'link', saveTopK: -1 }));
    const path = join(folder, 'checkpoints', 'last.ckpt');
    expect(lstatSync(path).isSymbolicLink()).toBe(true);
    expect(readlinkSync(path)).toBe('epoch=1-step=6.ckpt');
  });

  it('leaves a last.ckpt of somebody else alone', async () => {
    await fit(new ModelCheckpoint({ saveLast: true }));
    const before = readFileSync(join(folder, 'checkpoints', 'last.ckpt'));
    await fit(new ModelCheckpoint({ saveLast: true }), new LossModel(), { maxEpochs: 1 });
    expect(files()).toContain('last-v1.ckpt');
    expect(readFileSync(join(folder, 'checkpoints', 'last.ckpt')).equals(before)).toBe(true);
  });

  it('takes its name from a subclass', async () => {
    class Named extends ModelCheckpoint {
      static override CHECKPOINT_NAME_LAST = '{epoch}-newest';
      static override FILE_EXTENSION = '.pt';
    }
    await fit(new Named({ saveLast: true, saveTopK: 0 }));
    expect(files()).toEqual(['epoch=1-newest.pt']);
  });
});

describe('when nothing is saved', () => {
  it('is silent in fastDevRun', async () => {
    await fit(new ModelCheckpoint(), new LossModel(), { fastDevRun: true });
    expect(files()).toEqual([]);
  });

  it('saves on an exception only when asked to', async () => {
    class Failing extends LossModel {
      override trainingStep(batch: Tensor, batchIdx: number): Tensor {
        if (this.globalStep === 4) throw new Error('the loss exploded');
        return super.trainingStep(batch, batchIdx);
      }
    }
    await expect(fit(new ModelCheckpoint({ saveTopK: -1 }), new Failing())).rejects.toThrow('the loss exploded');
    expect(files()).toEqual(['epoch=0-step=3.ckpt']);
    const saving = new ModelCheckpoint({
      saveOnException: true,
      everyNTrainSteps: 100,
      dirpath: join(folder, 'saving'),
      filename: '{epoch}-{step}-{val_loss:.1f}',
    });
    await expect(fit(saving, new Failing())).rejects.toThrow('the loss exploded');
    expect(files(join(folder, 'saving'))).toEqual(['epoch=1-step=4.ckpt']);
  });
});

describe("ModelCheckpoint's state", () => {
  it('survives the way through a checkpoint', async () => {
    const options = { monitor: 'val_loss', saveTopK: 2, saveLast: true, filename: '{epoch}-{val_loss:.2f}' } as const;
    const callback = new ModelCheckpoint(options);
    const { trainer } = await fit(callback, new LossModel([0.5, 0.25, 0.75]), { maxEpochs: 3 });
    await trainer.saveCheckpoint(join(folder, 'all.ckpt'));
    const saved = (await load(join(folder, 'all.ckpt'))) as { callbacks: Record<string, Record<string, unknown>> };
    const state = saved.callbacks[callback.stateKey]!;
    expect(Object.keys(state).slice(0, 5)).toEqual([
      'monitor',
      'best_model_score',
      'best_k_models',
      'kth_best_model_path',
      'kth_value',
    ]);
    const copy = new ModelCheckpoint({ ...options, dirpath: callback.dirpath });
    copy.loadStateDict(state);
    expect(copy.bestModelPath).toBe(callback.bestModelPath);
    expect(copy.bestModelScore).toBe(0.25);
    expect([...copy.bestKModels]).toEqual([...callback.bestKModels]);
    expect([copy.kthBestModelPath, copy.kthValue, copy.lastModelPath]).toEqual([
      callback.kthBestModelPath,
      callback.kthValue,
      callback.lastModelPath,
    ]);
  });

  it('lets a resumed run go on with the same files', async () => {
    const make = () => new ModelCheckpoint({ monitor: 'val_loss', saveTopK: 1, saveLast: true, filename: '{epoch}' });
    await fit(make(), new LossModel([0.5, 0.25]));
    const resumed = make();
    const trainer = new Trainer({
      maxEpochs: 3,
      logger: false,
      enableProgressBar: false,
      enableModelSummary: false,
      defaultRootDir: folder,
      callbacks: resumed,
    });
    await trainer.fit(new LossModel([0.125]), {
      trainDataloaders: batches(3),
      valDataloaders: batches(1),
      ckptPath: join(folder, 'checkpoints', 'epoch=1.ckpt'),
    });
    // The file it resumed from stays, although a better one has come.
    expect(files()).toEqual(['epoch=1.ckpt', 'epoch=2.ckpt', 'last.ckpt']);
    expect(resumed.bestModelScore).toBe(0.125);
  });

  it('goes on exactly where it was: the same files and scores as without the interruption', async () => {
    const scores = [0.5, 0.25, 0.75, 0.125];
    const options = { monitor: 'val_loss', saveTopK: 2, saveLast: true, filename: '{step}-{val_loss:.3f}' } as const;
    const make = (name: string) =>
      new ModelCheckpoint({ ...options, everyNTrainSteps: 2, dirpath: join(folder, name) });
    const straight = make('straight');
    await fit(straight, new LossModel(scores), { maxEpochs: 4, batches: 3 });
    // Step 4 is due inside the second epoch, but its metric comes only when that epoch is validated.
    class SaveAt extends Callback {
      override async onTrainBatchEnd(trainer: Trainer): Promise<void> {
        if (trainer.globalStep === 5) await trainer.saveCheckpoint(join(folder, 'five.ckpt'));
      }
    }
    await fit([new SaveAt(), make('resumed')], new LossModel(scores), { maxEpochs: 2, batches: 3 });
    rmSync(join(folder, 'resumed', 'step=6-val_loss=0.250.ckpt'));
    const resumed = make('resumed');
    const trainer = new Trainer({
      maxEpochs: 4,
      logger: false,
      enableProgressBar: false,
      enableModelSummary: false,
      defaultRootDir: folder,
      callbacks: resumed,
    });
    const model = new LossModel(scores);
    model.validations = 1;
    await trainer.fit(model, {
      trainDataloaders: batches(3),
      valDataloaders: batches(1),
      ckptPath: join(folder, 'five.ckpt'),
    });
    expect(files(join(folder, 'resumed'))).toEqual(files(join(folder, 'straight')));
    expect([...resumed.bestKModels.values()]).toEqual([...straight.bestKModels.values()]);
    expect(resumed.bestModelScore).toBe(straight.bestModelScore);
  });

  it('renews the same last.ckpt after a resume from the very first checkpoint', async () => {
    const make = () => new ModelCheckpoint({ saveLast: true, saveTopK: -1 });
    await fit(make(), new LossModel(), { maxEpochs: 1 });
    const trainer = new Trainer({
      maxEpochs: 2,
      logger: false,
      enableProgressBar: false,
      enableModelSummary: false,
      defaultRootDir: folder,
      callbacks: make(),
    });
    await trainer.fit(new LossModel(), {
      trainDataloaders: batches(3),
      ckptPath: join(folder, 'checkpoints', 'last.ckpt'),
    });
    expect(files().filter((name) => name.startsWith('epoch'))).toEqual(['epoch=0-step=3.ckpt', 'epoch=1-step=6.ckpt']);
    expect(files().filter((name) => name.startsWith('last'))).toEqual(['last.ckpt']);
  });

  it('takes only the best path over into another folder', () => {
    const state = {
      dirpath: '/elsewhere',
      best_model_path: '/elsewhere/a.ckpt',
      best_k_models: { '/elsewhere/a.ckpt': tensor(0.5) },
    };
    const callback = new ModelCheckpoint({ monitor: 'val_loss', dirpath: folder });
    callback.loadStateDict(state);
    expect(callback.bestModelPath).toBe('/elsewhere/a.ckpt');
    expect(callback.bestKModels.size).toBe(0);
  });

  it('works in two runs, one after the other', async () => {
    const callback = new ModelCheckpoint({ monitor: 'val_loss', filename: '{epoch}', saveTopK: 1 });
    await fit(callback, new LossModel([0.5]), { maxEpochs: 1 });
    await fit(callback, new LossModel([0.25]), { maxEpochs: 1 });
    expect(callback.bestModelScore).toBe(0.25);
    expect(files()).toHaveLength(1);
  });

  it('has the key that Python looks for', () => {
    expect(new ModelCheckpoint({ monitor: 'val_loss' }).stateKey).toBe(
      "ModelCheckpoint{'monitor': 'val_loss', 'mode': 'min', 'every_n_train_steps': 0, 'every_n_epochs': 1, 'train_time_interval': None}",
    );
    expect(new ModelCheckpoint({ trainTimeInterval: { minutes: 1 } }).stateKey).toBe(
      "ModelCheckpoint{'monitor': None, 'mode': 'min', 'every_n_train_steps': 0, 'every_n_epochs': 0, 'train_time_interval': datetime.timedelta(seconds=60)}",
    );
  });

  it('lists the kept checkpoints as YAML', async () => {
    const callback = new ModelCheckpoint({ monitor: 'val_loss', filename: '{epoch}' });
    await fit(callback, new LossModel([0.5]), { maxEpochs: 1 });
    await callback.toYaml();
    expect(readFileSync(join(folder, 'checkpoints', 'best_k_models.yaml'), 'utf8')).toBe(
      `${join(folder, 'checkpoints', 'epoch=0.ckpt')}: 0.5\n`,
    );
  });
});

describe('names and options', () => {
  it('formats a name on request', () => {
    const callback = new ModelCheckpoint({ dirpath: '/runs' });
    expect(callback.formatCheckpointName({ epoch: 2, step: 10 })).toBe('/runs/epoch=2-step=10.ckpt');
    expect(callback.formatCheckpointName({ epoch: 2, acc: tensor(0.5) }, '{epoch:03d}-{acc}', 1, 'test')).toBe(
      '/runs/test-epoch=002-acc=0.5-v1.ckpt',
    );
  });

  it.each([
    [{ mode: 'best' }, 'OPTION_INVALID'],
    [{ saveTopK: -2 }, 'OPTION_INVALID'],
    [{ saveTopK: 1.5 }, 'OPTION_INVALID'],
    [{ saveTopK: 2 }, 'OPTION_CONFLICT'],
    [{ everyNTrainSteps: -1 }, 'OPTION_INVALID'],
    [{ everyNEpochs: -1 }, 'OPTION_INVALID'],
    [{ everyNEpochs: 1, everyNTrainSteps: 10 }, 'OPTION_CONFLICT'],
    [{ everyNEpochs: 1, trainTimeInterval: { minutes: 1 } }, 'OPTION_CONFLICT'],
    [{ trainTimeInterval: 'soon' }, 'OPTION_INVALID'],
    [{ saveLast: 'copy' }, 'OPTION_INVALID'],
    [{ filename: '{epoch:zz}' }, 'CHECKPOINT_TEMPLATE'],
  ])('refuses %j when it is made', async (options, code) => {
    expect(await codeOf(() => new ModelCheckpoint(options as never))).toBe(code);
  });

  it('keeps a file that is in the way', async () => {
    const directory = join(folder, 'checkpoints');
    await fit(new ModelCheckpoint({ filename: 'm' }), new LossModel(), { maxEpochs: 1 });
    writeFileSync(join(directory, 'm.ckpt'), 'mine');
    await fit(new ModelCheckpoint({ filename: 'm' }), new LossModel(), { maxEpochs: 1 });
    expect(readFileSync(join(directory, 'm.ckpt'), 'utf8')).toBe('mine');
    expect(files()).toEqual(['m-v1.ckpt', 'm.ckpt']);
  });
});
