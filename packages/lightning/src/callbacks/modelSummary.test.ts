import { describe, expect, it, vi } from 'vitest';
import { batches, LossModel } from '../../test/lossModel.js';
import { Trainer } from '../trainer/trainer.js';
import { ModelSummary } from './modelSummary.js';
import { RichModelSummary } from './richModelSummary.js';

async function printed(callback: ModelSummary, options: object = {}): Promise<string> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  try {
    const trainer = new Trainer({
      maxEpochs: 1,
      logger: false,
      enableCheckpointing: false,
      enableProgressBar: false,
      callbacks: callback,
      ...options,
    });
    await trainer.fit(new LossModel(), { trainDataloaders: batches(1) });
    return log.mock.calls.map(([text]) => String(text)).join('\n');
  } finally {
    log.mockRestore();
  }
}

describe('ModelSummary', () => {
  it('prints the layers when training starts', async () => {
    const text = await printed(new ModelSummary());
    expect(text).toContain('0 | layer | Linear | 3      | train');
    expect(text).toContain('3         Trainable params');
    expect(text).toContain('0.000     Total estimated model params size (MB)');
  });

  it('is drawn with lines and colours by the rich one, in the width of its terminal', async () => {
    const text = await printed(new RichModelSummary({ stream: { write: () => true, columns: 60 } }));
    expect(text).toContain('│ 0 │ layer │ Linear │      3 │ train │');
    expect(text).toContain('Trainable params: 3');
  });

  it('prints nothing with maxDepth 0', async () => {
    expect(await printed(new ModelSummary({ maxDepth: 0 }))).not.toContain('Params');
  });

  it('refuses bad depths', () => {
    expect(() => new ModelSummary({ maxDepth: -2 })).toThrow(/OPTION_INVALID/);
    expect(() => new ModelSummary({ maxDepth: 0.5 })).toThrow(/OPTION_INVALID/);
    expect(() => new ModelSummary({ time: 'yes' as never })).toThrow(/OPTION_INVALID/);
    expect(() => new RichModelSummary({ maxdepth: 1 } as never)).toThrow(/OPTION_UNKNOWN: RichModelSummary.*maxDepth/);
  });
});
