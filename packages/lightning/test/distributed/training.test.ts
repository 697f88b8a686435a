import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { resultOf, runScript } from './runScript.js';
import type { TrainTask } from './scripts/train.js';

interface Outcome {
  weights: Record<string, unknown>;
  rows: Record<string, number>[];
  status: string;
  steps: number;
  worldSize: number;
  metrics: Record<string, number>;
  best: number;
  test?: Record<string, number>[];
  predictions?: number[][][];
}

const folder = mkdtempSync(join(tmpdir(), 'lightning-ddp-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const train = async (task: TrainTask, env: Record<string, string> = {}): Promise<Outcome> =>
  resultOf<Outcome>(await runScript('train', task, { env }));
const numbers = (outcome: Outcome): number[] =>
  [outcome.weights].flatMap((state) => Object.values(state)).flat(3) as number[];
/** The largest difference of any two weights. */
const distance = (a: Outcome, b: Outcome): number => {
  const other = numbers(b);
  return Math.max(...numbers(a).map((value, index) => Math.abs(value - other[index]!)));
};

describe('several processes agree with one that has their batches together', () => {
  // Sums in another order: float32 rounding, grown over the steps.
  const tolerance = 2e-5;

  it('in the weights after 24 steps, and in every value of evaluation, for sizes that do not divide', async () => {
    const common = { after: 'predict', trainer: { maxEpochs: 6 } } as const;
    const [one, two, three] = await Promise.all([
      train({ ...common, batchSize: 12, trainer: { ...common.trainer, devices: 1 } }),
      train({ ...common, batchSize: 6, trainer: { ...common.trainer, devices: 2 } }),
      train({ ...common, batchSize: 4, trainer: { ...common.trainer, devices: 3 } }),
    ]);
    for (const several of [two, three]) {
      expect(several.steps).toBe(24);
      expect(distance(several, one)).toBeLessThan(tolerance);
      expect(several.metrics.val_loss).toBeCloseTo(one.metrics.val_loss!, 5);
      // Counts: exactly equal, as each of the 11 samples counts once.
      expect(several.metrics.val_accuracy).toBe(one.metrics.val_accuracy);
      expect(several.rows.length).toBe(one.rows.length);
      expect(several.predictions!.map((batch) => batch.length)).toEqual([2, 2, 2, 2, 2, 1]);
      expect(
        several.predictions!.flat(2).every((value, i) => Math.abs(value - one.predictions!.flat(2)[i]!) < 1e-4),
      ).toBe(true);
    }
    expect([one.worldSize, two.worldSize, three.worldSize]).toEqual([1, 2, 3]);
  });

  it('with accumulated, clipped gradients and synchronised batch norms', async () => {
    const task = { norm: true, trainer: { accumulateGradBatches: 2, gradientClipVal: 0.1, maxEpochs: 4 } };
    const [one, two] = await Promise.all([
      train({ ...task, batchSize: 8, trainer: { ...task.trainer, devices: 1 } }),
      train({ ...task, batchSize: 4, trainer: { ...task.trainer, devices: 2, syncBatchnorm: true } }),
    ]);
    expect(two.steps).toBe(one.steps);
    expect(distance(two, one)).toBeLessThan(2e-4);
  });
});

it('two runs with one seed are equal bit for bit, and a resumed one goes on as if it had never stopped', async () => {
  const task: TrainTask = { batchSize: 4, shuffle: true, dropout: 0.3, seed: 5, trainer: { devices: 2, maxEpochs: 3 } };
  const [first, second] = await Promise.all([
    train({ ...task, checkpoints: join(folder, 'first') }),
    train({ ...task, checkpoints: join(folder, 'second') }),
  ]);
  expect(second).toEqual(first);
  // Inside the second epoch of six steps.
  const resumed = await train({
    ...task,
    checkpoints: join(folder, 'third'),
    ckptPath: join(folder, 'first', 'step=8.ckpt'),
  });
  expect(resumed.weights).toEqual(first.weights);
  expect(resumed.rows).toEqual(first.rows.slice(-resumed.rows.length));
  expect(resumed.rows.length).toBeGreaterThan(8);
});

it('streams of different lengths end together', async () => {
  const outcome = await train({ batchSize: 4, stream: [7, 4], trainer: { devices: 2, maxEpochs: 2 } });
  expect(outcome.steps).toBe(8);
});

it('processes started by hand meet, as two hosts with one process each', async () => {
  const common = { MASTER_ADDR: '127.0.0.1', MASTER_PORT: '29761' };
  const task: TrainTask = { batchSize: 4, trainer: { devices: 1, numNodes: 2 } };
  const [first, second] = await Promise.all(
    [0, 1].map((node) => runScript('train', task, { env: { ...common, NODE_RANK: String(node) } })),
  );
  expect(resultOf<Outcome>(first!).worldSize).toBe(2);
  expect([second!.code, second!.results]).toEqual([0, []]);
});

it('a job that fails starts again from its last checkpoint, and ends as if nothing had happened', async () => {
  const task: TrainTask = {
    batchSize: 4,
    dropout: 0.2,
    seed: 3,
    trainer: { devices: 2, maxEpochs: 3 },
  };
  const fault = { rank: 1, at: 'secondEpoch', kind: 'kill', once: 'yes' } as const;
  const [straight, failing] = await Promise.all([
    train({ ...task, checkpoints: join(folder, 'straight') }),
    runScript('train', { ...task, fault, strategy: { maxRestarts: 2 }, checkpoints: join(folder, 'elastic') }),
  ]);
  const outcome = resultOf<Outcome>(failing);
  expect(outcome.weights).toEqual(straight.weights);
  expect(failing.stderr).toContain('starts again (1 of at most 2)');
});

it('lines of the other processes are shown with their rank when that is asked for', async () => {
  const pids = join(folder, 'pids');
  const result = await runScript('train', {
    batchSize: 8,
    pids,
    strategy: { output: 'prefixed' },
    trainer: { devices: 2 },
  });
  expect(result.stdout).toContain('[rank 1] training');
  expect(readFileSync(pids, 'utf8').trim().split('\n').length).toBe(2);
});
