import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCudnnBenchmark, ones, setCudnnBenchmark, type Tensor } from '@lightning-ts/torch';
import { describe, expect, test } from 'vitest';
import { Callback } from '../callbacks/callback.js';
import { LambdaCallback } from '../callbacks/lambdaCallback.js';
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
    defaultRootDir: mkdtempSync(join(tmpdir(), 'lightning-')),
    ...options,
  });
const batches = (count: number): Tensor[] => Array.from({ length: count }, () => ones([2, 32]));

/** Predicts the number of the batch. */
class Counting extends BoringModel {
  predicted = 0;
  override predictStep(batch: Tensor, batchIdx: number): unknown {
    this.predicted += 1;
    return [batchIdx, this.forward(batch)];
  }
}

describe('predictStream', () => {
  test('gives predictions one by one, no faster than they are read', async () => {
    const model = new Counting();
    const seen: unknown[] = [];
    for await (const { output, batchIdx, dataloaderIdx } of newTrainer().predictStream(model, [
      new Set(batches(2)),
      new Set(batches(1)),
    ])) {
      seen.push([(output as [number])[0], batchIdx, dataloaderIdx]);
      await new Promise((resolve) => setImmediate(resolve));
      expect(model.predicted).toBe(seen.length);
    }
    expect(seen).toEqual([
      [0, 0, 0],
      [1, 1, 0],
      [0, 0, 1],
    ]);
  });

  test('ends in order when its reader leaves, and when a step fails', async () => {
    const calls: string[] = [];
    const note = (name: string) => () => void calls.push(name);
    const callbacks = new LambdaCallback({ onException: note('onException'), teardown: note('teardown') });
    const trainer = newTrainer({ callbacks });
    const model = new Counting();
    for await (const { batchIdx } of trainer.predictStream(model, batches(5))) if (batchIdx === 1) break;
    expect(model.predicted).toBe(2);
    expect(calls).toEqual(['teardown']);
    expect(model.training).toBe(true);
    model.predictStep = () => {
      throw new Error('boom');
    };
    const read = async (): Promise<void> => {
      for await (const _ of trainer.predictStream(model, batches(5)));
    };
    await expect(read()).rejects.toThrow('boom');
    expect(calls).toEqual(['teardown', 'onException', 'teardown']);
    expect(await trainer.predict(model.eval() && new Counting(), batches(2))).toHaveLength(2);
  });
});

test('predict keeps nothing when a callback stores the predictions, unless it is told to', async () => {
  class Writer extends Callback {
    override readonly writesPredictions = true;
  }
  const trainer = newTrainer({ callbacks: new Writer() });
  expect(await trainer.predict(new Counting(), batches(2))).toBeNull();
  expect(await trainer.predict(new Counting(), { dataloaders: batches(2), returnPredictions: true })).toHaveLength(2);
});

test('benchmark is set as it was asked for', () => {
  const before = getCudnnBenchmark();
  newTrainer({ benchmark: true });
  expect(getCudnnBenchmark()).toBe(true);
  newTrainer();
  expect(getCudnnBenchmark()).toBe(true);
  newTrainer({ benchmark: false });
  expect(getCudnnBenchmark()).toBe(false);
  setCudnnBenchmark(before);
});

test('a checkpoint that ckptPath was set to is used by later calls', async () => {
  const trainer = newTrainer({ limitTrainBatches: 1, limitValBatches: 0, limitTestBatches: 1 });
  const model = new BoringModel();
  await trainer.fit(model);
  const path = join(trainer.defaultRootDir, 'pinned.ckpt');
  await trainer.saveCheckpoint(path);
  trainer.ckptPath = path;
  const other = new BoringModel();
  await trainer.test(other, { verbose: false });
  expect(other.layer.weight.equal(model.layer.weight)).toBe(true);
  trainer.ckptPath = null;
  const untouched = new BoringModel();
  const before = untouched.layer.weight.clone();
  await trainer.test(untouched, { verbose: false });
  expect(untouched.layer.weight.equal(before)).toBe(true);
});

test('a misspelt option of an entry point is an error with the nearest name', async () => {
  const fit = (options: object) => newTrainer().fit(new BoringModel(), options as never);
  await expect(fit({ trainDataloader: [] })).rejects.toThrow(/OPTION_UNKNOWN.*'trainDataloaders'/);
  await expect(newTrainer().test(new BoringModel(), { checkpoint: 'best' } as never)).rejects.toThrow('OPTION_UNKNOWN');
  await expect(fit(5 as never)).rejects.toMatchObject({ code: 'LOADER_INVALID' });
});
