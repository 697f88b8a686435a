import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LightningError, Trainer, type TrainerOptions, utilities } from '@lightning-ts/lightning';
import { setNumThreads, silenceWarnings } from '@lightning-ts/torch';
import { beforeAll, describe, expect, it } from 'vitest';
import { LitAutoEncoder } from './autoencoder/model.js';
import { serve } from './autoencoder/serve.js';
import * as autoencoder from './autoencoder/train.js';
import * as classifier from './classifier/train.js';
import * as crossValidation from './cross-validation/train.js';
import * as customCallback from './custom-callback/train.js';
import * as gan from './gan/train.js';
import * as hooks from './hooks/train.js';
import * as warmUp from './learning-rate-warmup/train.js';
import * as loggers from './loggers/train.js';
import * as metrics from './metrics/evaluate.js';
import * as resume from './resume/train.js';
import { multiGpuSetups, setups } from './trainer-setups/setups.js';

const folder = mkdtempSync(join(tmpdir(), 'examples-'));
/** Without screens and logs, in a folder of its own. */
const quiet = (name: string, options: TrainerOptions = {}): TrainerOptions => ({
  defaultRootDir: join(folder, name),
  enableProgressBar: false,
  enableModelSummary: false,
  ...options,
});

beforeAll(() => {
  setNumThreads(1);
  console.log = () => {};
  silenceWarnings('CHECKPOINT_DIRECTORY_NOT_EMPTY', 'LOG_INTERVAL');
});

describe('the examples', () => {
  it('classifier learns, is tested, and comes back from its checkpoint with another learning rate', async () => {
    const { restored, results } = await classifier.train(quiet('classifier', { maxEpochs: 8 }));
    expect(results.test_acc).toBeGreaterThan(0.8);
    expect([restored.training, restored.hparams.learningRate]).toEqual([false, 0.0001]);
  });

  it('cross-validation tells a network from a line', async () => {
    const { comparison, line, network } = await crossValidation.train({ defaultRootDir: folder });
    expect(network.folds).toHaveLength(5);
    expect(network.metric('val_acc').mean).toBeGreaterThan(line.metric('val_acc').mean);
    expect(comparison.interval[0]).toBeGreaterThan(0);
    expect(comparison.pValue).toBeLessThan(0.05);
  });

  it('autoencoder is trained, saved and served', async () => {
    const { path } = await autoencoder.train({
      data: 'random',
      output: join(folder, 'autoencoder.ckpt'),
      maxEpochs: 1,
    });
    const server = await serve(path, 0);
    const url = `http://localhost:${(server.address() as AddressInfo).port}/predict`;
    const ask = async (body: string) => {
      const response = await fetch(url, { method: 'POST', body });
      return { status: response.status, body: (await response.json()) as { embedding?: number[]; error?: string } };
    };
    try {
      const answer = await ask(JSON.stringify({ data: Array.from({ length: 784 }, () => 0.5) }));
      expect([answer.status, answer.body.embedding?.length]).toEqual([200, 3]);
      expect(await ask('{ "data": [1, 2] }')).toEqual({ status: 400, body: { error: 'data must hold 784 numbers' } });
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    expect((await LitAutoEncoder.loadFromCheckpoint(path)).hparams).toEqual({ inputSize: 784, embeddingSize: 3 });
  });

  it('gan trains both networks', async () => {
    const { trainer } = await gan.train(quiet('gan', { maxEpochs: 1 }));
    expect(trainer.globalStep).toBe(2 * 16);
    expect(Object.keys(trainer.callbackMetrics).sort()).toEqual(['d_loss', 'g_loss']);
  });

  it('learning-rate warm-up climbs, then falls', async () => {
    const { rates } = await warmUp.train(quiet('warm-up', { logger: true }));
    const highest = rates.indexOf(Math.max(...rates));
    expect(rates).toHaveLength(40);
    expect(highest).toBeGreaterThan(5);
    expect(highest).toBeLessThan(20);
    expect(rates.at(-1)).toBeLessThan(rates[0]!);
  });

  it('callbacks log pictures and keep their state', async () => {
    const { trainer, watcher } = await customCallback.train(quiet('callbacks', { logger: true }));
    expect(watcher.history).toHaveLength(2);
    const { callbacks } = await utilities.inspectCheckpoint(trainer.checkpointCallback!.bestModelPath);
    expect(callbacks.GradientWatcher).toMatchObject({ history: [watcher.history[0], watcher.history[1]] });
  });

  it('loggers all get the same run', async () => {
    const logs = join(folder, 'logs');
    await loggers.train(logs, quiet('loggers'));
    expect(readdirSync(join(logs, 'csv-logs', 'version_0')).sort()).toEqual(
      expect.arrayContaining(['hparams.yaml', 'metrics.csv']),
    );
    expect(
      readdirSync(join(logs, 'my-project', 'version_0')).some((name) => name.startsWith('events.out.tfevents')),
    ).toBe(true);
  });

  it('hooks put their own data into the checkpoint and take it back', async () => {
    const { trainer } = await hooks.train(quiet('hooks'));
    const again = await hooks.Hooked.loadFromCheckpoint(trainer.checkpointCallback!.bestModelPath);
    expect(again.customData).toEqual({ runs: 1 });
    expect(Object.keys(trainer.callbackMetrics).sort()).toEqual(['grad_norm', 'prediction_std']);
  });

  it('a resumed run ends where the uninterrupted one does', async () => {
    const options = quiet('resume', { maxEpochs: 2, logger: false });
    const straight = await resume.train(join(folder, 'straight'), options);
    await resume.train(join(folder, 'stopped'), { ...options, maxSteps: 13 });
    const resumed = await resume.train(join(folder, 'stopped'), options);
    expect(resumed.result.globalStep).toBe(40);
    const [weight, expected] = [resumed, straight].map(({ model }) =>
      [...model.stateDict().values()].map((t) => t.tolist()),
    );
    expect(weight).toEqual(expected);
  });

  it('metrics are exact over the test set', async () => {
    const { detailed, results } = await metrics.train(quiet('metrics', { maxEpochs: 3 }));
    const correct = detailed.counts.diagonal().sum().item();
    expect(results['test/acc']).toBeCloseTo(Number(correct) / 250, 6);
    expect(results['test/acc_by_batch']).not.toBeCloseTo(Number(correct) / 250, 6);
    expect(detailed.report).toContain('middle');
  });

  it.each(Object.entries(setups))('the set-up %s is a Trainer', (_, options) => {
    const given = options();
    expect(new Trainer({ ...given, defaultRootDir: folder })).toBeInstanceOf(Trainer);
  });

  it('the set-ups for several GPUs say what is missing', () => {
    for (const options of Object.values(multiGpuSetups)) {
      expect(() => new Trainer(options() as TrainerOptions)).toThrow(LightningError);
    }
    expect(existsSync('logs')).toBe(false);
  });
});
