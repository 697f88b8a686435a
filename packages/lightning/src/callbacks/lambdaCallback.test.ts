import { describe, expect, it } from 'vitest';
import { batches, LossModel } from '../../test/lossModel.js';
import { Trainer } from '../trainer/trainer.js';
import { LambdaCallback } from './lambdaCallback.js';

describe('LambdaCallback', () => {
  it('runs functions as hooks, with the hook arguments', async () => {
    const seen: string[] = [];
    const callback = new LambdaCallback({
      onFitStart: (trainer, module) => void seen.push(`${trainer.constructor.name} ${module.constructor.name}`),
      onTrainBatchEnd: (_trainer, _module, outputs, _batch, batchIdx) =>
        void seen.push(`${batchIdx} ${outputs.loss?.numel()}`),
      onTrainEnd: async () => {
        await Promise.resolve();
        seen.push('end');
      },
    });
    const trainer = new Trainer({
      maxEpochs: 1,
      logger: false,
      enableCheckpointing: false,
      enableProgressBar: false,
      enableModelSummary: false,
      callbacks: callback,
    });
    await trainer.fit(new LossModel(), { trainDataloaders: batches(2) });
    expect(seen).toEqual(['Trainer LossModel', '0 1', '1 1', 'end']);
  });

  it('takes the hooks for checkpoints too', () => {
    const checkpoint: Record<string, unknown> = {};
    const callback = new LambdaCallback({
      onSaveCheckpoint: (_trainer, _module, saved) => void Object.assign(saved, { mine: 1 }),
    });
    callback.onSaveCheckpoint!(null as never, null as never, checkpoint as never);
    expect(checkpoint).toEqual({ mine: 1 });
  });

  it('refuses names that are no hooks, and values that are no functions', () => {
    expect(() => new LambdaCallback({ onTrainEpochsEnd: () => {} } as never)).toThrow(
      /OPTION_UNKNOWN.*Did you mean 'onTrainEpochEnd'/,
    );
    expect(() => new LambdaCallback({ onTrainEnd: 3 } as never)).toThrow(/HOOK_INVALID/);
  });
});
