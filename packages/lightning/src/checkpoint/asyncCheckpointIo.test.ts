import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Tensor, zeros } from '@lightning-ts/torch';
import { load } from '@lightning-ts/torch/serialize';
import { describe, expect, test } from 'vitest';
import { ModelCheckpoint } from '../callbacks/modelCheckpoint.js';
import type { LightningModule } from '../module/lightningModule.js';
import { BoringModel } from '../testing/boringModel.js';
import type { CheckpointData } from '../trainer/checkpointData.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';
import { AsyncCheckpointIO } from './asyncCheckpointIo.js';
import { type CheckpointIO, TorchCheckpointIO } from './checkpointIo.js';

const newFolder = (): string => mkdtempSync(join(tmpdir(), 'lightning-'));

function newTrainer(options: TrainerOptions): Trainer {
  return new Trainer({
    logger: false,
    enableProgressBar: false,
    enableModelSummary: false,
    limitTrainBatches: { batches: 4 },
    limitValBatches: 0,
    maxEpochs: 2,
    defaultRootDir: newFolder(),
    ...options,
  });
}

/** Keeps checkpoints in memory, and can be told to wait or to fail. */
class MemoryIO implements CheckpointIO {
  readonly files = new Map<string, CheckpointData>();
  readonly calls: string[] = [];
  failsAt: string | null = null;
  gate: Promise<void> = Promise.resolve();

  async saveCheckpoint(checkpoint: CheckpointData, path: string): Promise<void> {
    await this.gate;
    this.calls.push(`save ${path}`);
    if (path === this.failsAt) throw new Error(`no room for ${path}`);
    this.files.set(path, checkpoint);
  }
  async loadCheckpoint(path: string): Promise<unknown> {
    return this.files.get(path);
  }
  async removeCheckpoint(path: string): Promise<void> {
    this.calls.push(`remove ${path}`);
    this.files.delete(path);
  }
  async checkpointExists(path: string): Promise<boolean> {
    return this.files.has(path);
  }
  async teardown(): Promise<void> {
    this.calls.push('teardown');
  }
}

const checkpointOf = (step: number, weights: Tensor = zeros([2])): CheckpointData => ({
  epoch: 0,
  global_step: step,
  'pytorch-lightning_version': '2.6.0',
  state_dict: new Map([['weights', weights]]),
});

describe('AsyncCheckpointIO', () => {
  test('leaves the same files as writing at once', async () => {
    const states = await Promise.all(
      [undefined, new AsyncCheckpointIO()].map(async (plugins) => {
        const dirpath = newFolder();
        const callbacks = new ModelCheckpoint({ dirpath, everyNTrainSteps: 1, saveLast: true });
        await newTrainer({ callbacks, ...(plugins === undefined ? {} : { plugins }) }).fit(new BoringModel());
        return readdirSync(dirpath).sort();
      }),
    );
    expect(states[0]).toEqual(['epoch=1-step=8.ckpt', 'last.ckpt']);
    expect(states[1]).toEqual(states[0]);
  });

  test('saves what the weights were, whatever happens to them while it writes', async () => {
    const io = new AsyncCheckpointIO(new MemoryIO());
    const inner = io.inner as MemoryIO;
    let open = (): void => {};
    inner.gate = new Promise((resolve) => {
      open = resolve;
    });
    const weights = zeros([2]);
    await io.saveCheckpoint(checkpointOf(1, weights), 'a');
    weights.fill_(7);
    open();
    await io.flush();
    expect(inner.files.get('a')!.state_dict.get('weights')!.tolist()).toEqual([0, 0]);
  });

  test('does everything in order, with one save under way at a time', async () => {
    const inner = new MemoryIO();
    const io = new AsyncCheckpointIO(inner);
    await io.saveCheckpoint(checkpointOf(1), 'a');
    expect(await io.checkpointExists('a')).toBe(true);
    await io.saveCheckpoint(checkpointOf(2), 'b');
    await io.removeCheckpoint('a');
    await io.duplicateCheckpoint('b', 'last', 'copy');
    await io.teardown();
    expect(inner.calls).toEqual(['save a', 'save b', 'remove a', 'save last', 'teardown']);
    expect((inner.files.get('last') as CheckpointData).global_step).toBe(2);
  });

  test('a failure is thrown by the next save, which is written all the same; what followed the failed one is not done', async () => {
    const inner = new MemoryIO();
    inner.failsAt = 'b';
    const io = new AsyncCheckpointIO(inner);
    await io.saveCheckpoint(checkpointOf(1), 'a');
    await io.saveCheckpoint(checkpointOf(2), 'b');
    await io.removeCheckpoint('a');
    await expect(io.saveCheckpoint(checkpointOf(3), 'c')).rejects.toThrow('no room for b');
    await io.flush();
    expect([...inner.files.keys()]).toEqual(['a', 'c']);
  });

  test('a failure of the last save fails the run', async () => {
    const inner = new MemoryIO();
    const dirpath = newFolder();
    inner.failsAt = join(dirpath, 'last.ckpt');
    const callbacks = new ModelCheckpoint({ dirpath, saveTopK: 0, saveLast: true, everyNEpochs: 5 });
    const trainer = newTrainer({ callbacks, maxEpochs: 1, plugins: new AsyncCheckpointIO(inner) });
    await expect(trainer.fit(new BoringModel())).rejects.toThrow('no room for');
    expect(inner.calls.at(-1)).toBe('teardown');
  });

  test('outside of a run a save is on the disk when it returns', async () => {
    const trainer = newTrainer({ plugins: new AsyncCheckpointIO() });
    const model = new BoringModel();
    trainer.strategy.connect(model as unknown as LightningModule);
    const path = join(newFolder(), 'new', 'a.ckpt');
    await trainer.saveCheckpoint(path);
    expect(existsSync(path)).toBe(true);
    expect((await load(path)) as object).toMatchObject({ global_step: 0 });
    await trainer.checkpointIo.teardown!();
  });
});

describe('a CheckpointIO of your own', () => {
  test('keeps what a run saves, and a run goes on from it', async () => {
    const plugins = new MemoryIO();
    const dirpath = newFolder();
    const callbacks = () => new ModelCheckpoint({ dirpath, everyNTrainSteps: 3, saveLast: true, saveTopK: -1 });
    const first = new BoringModel();
    await newTrainer({ plugins, callbacks: callbacks() }).fit(first);
    const names = [...plugins.files.keys()].map((path) => path.slice(dirpath.length + 1));
    expect(names.sort()).toEqual(['epoch=0-step=3.ckpt', 'epoch=1-step=6.ckpt', 'epoch=1-step=8.ckpt', 'last.ckpt']);
    expect(readdirSync(dirpath)).toEqual([]);
    const second = new BoringModel();
    const trainer = newTrainer({ plugins, callbacks: callbacks() });
    await trainer.fit(second, { ckptPath: join(dirpath, 'epoch=0-step=3.ckpt') });
    expect(trainer.globalStep).toBe(8);
  });

  test('that is none is refused, and so are two', () => {
    expect(() => newTrainer({ plugins: {} as CheckpointIO })).toThrow(/OPTION_INVALID.*plugins/);
    expect(() => newTrainer({ plugins: [new TorchCheckpointIO(), new MemoryIO()] })).toThrow(
      /OPTION_CONFLICT.*CheckpointIO/,
    );
  });
});
