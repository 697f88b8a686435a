import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tensor } from '@lightning-ts/torch';
import { load } from '@lightning-ts/torch/serialize';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { batches, LossModel } from '../../test/lossModel.js';
import { Trainer } from '../trainer/trainer.js';
import { OnExceptionCheckpoint } from './onExceptionCheckpoint.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'on-exception-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

class Failing extends LossModel {
  fails = true;

  override trainingStep(batch: Tensor, batchIdx: number): Tensor {
    if (this.fails && batchIdx === 2) throw new Error('out of luck');
    return super.trainingStep(batch, batchIdx);
  }
}

const trainerWith = (callback: OnExceptionCheckpoint): Trainer =>
  new Trainer({
    maxEpochs: 1,
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    callbacks: callback,
  });

describe('OnExceptionCheckpoint', () => {
  it('saves when a run fails, and removes the file when one ends well', async () => {
    const callback = new OnExceptionCheckpoint(folder);
    const trainer = trainerWith(callback);
    await expect(trainer.fit(new Failing(), { trainDataloaders: batches(4) })).rejects.toThrow('out of luck');
    expect(callback.ckptPath).toBe(join(folder, 'on_exception.ckpt'));
    expect(((await load(callback.ckptPath)) as { global_step: number }).global_step).toBe(2);
    const model = new Failing();
    model.fails = false;
    await trainerWith(callback).fit(model, { trainDataloaders: batches(4), ckptPath: callback.ckptPath });
    expect(existsSync(callback.ckptPath)).toBe(false);
  });

  it('refuses an empty name', () => {
    expect(() => new OnExceptionCheckpoint(folder, '')).toThrow(/OPTION_INVALID/);
  });
});
