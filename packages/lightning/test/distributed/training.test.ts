import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setNumThreads } from '@lightning-ts/torch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, outcomesOf, runScript, type ScriptResult } from './runScript.js';
import { type Outcome, runTask, type TrainTask } from './scripts/trainTask.js';

const folder = mkdtempSync(join(tmpdir(), 'lightning-ddp-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The largest difference of any two weights. */
const distance = (a: Outcome, b: Outcome): number => {
  const [numbers, other] = [a, b].map(({ weights }) => Object.values(weights).flat(3) as number[]);
  return Math.max(...numbers!.map((value, index) => Math.abs(value - other![index]!)));
};

// 48 samples: a joined batch of 12 is four steps an epoch.
const agreeing = (processes: number): TrainTask => ({
  batchSize: 12 / processes,
  after: 'predict',
  trainer: { devices: processes, maxEpochs: 13, maxSteps: 50 },
});
const normed = (processes: number): TrainTask => ({
  batchSize: 8 / processes,
  norm: true,
  trainer: {
    devices: processes,
    accumulateGradBatches: 2,
    gradientClipVal: 0.1,
    maxEpochs: 4,
    syncBatchnorm: processes > 1,
  },
});
const seeded = (name: string, given: Partial<TrainTask> = {}): TrainTask => ({
  batchSize: 4,
  shuffle: true,
  dropout: 0.3,
  seed: 5,
  checkpoints: join(folder, name),
  trainer: { devices: 2, maxEpochs: 3 },
  ...given,
});

// Processes take seconds to start, so that all that two of them show is trained by the same two.
const tasks = {
  agreeing: { ...agreeing(2), exchanges: true },
  views: { ...agreeing(2), after: undefined, strategy: { gradientAsBucketView: true, staticGraph: true } },
  searching: { ...agreeing(2), after: undefined, strategy: { findUnusedParameters: true, bucketCapMb: 0.001 } },
  rounded: { ...agreeing(2), after: undefined, strategy: { commHook: 'bf16' } },
  normed: normed(2),
  stream: { batchSize: 4, stream: [7, 4], trainer: { devices: 2, maxEpochs: 2 } },
  first: seeded('first'),
  second: seeded('second'),
  // Inside the second epoch of six steps.
  resumed: seeded('third', { ckptPath: join(folder, 'first', 'step=8.ckpt') }),
} satisfies Record<string, TrainTask>;

let two: ScriptResult;
let of: Record<keyof typeof tasks, Outcome>;
let three: Outcome;
let one: { agreeing: Outcome; normed: Outcome };
const pids = join(folder, 'pids');

beforeAll(async () => {
  setNumThreads(1);
  const list = Object.values<TrainTask>(tasks).map((task) => ({
    ...task,
    strategy: { output: 'prefixed' as const, ...task.strategy },
  }));
  const running = Promise.all([runScript({ tasks: list, pids }), runScript({ tasks: [agreeing(3)] })]);
  one = { agreeing: (await runTask(agreeing(1)))!, normed: (await runTask(normed(1)))! };
  const results = await running;
  two = results[0];
  const outcomes = outcomesOf(two);
  of = Object.fromEntries(Object.keys(tasks).map((name, at) => [name, outcomes[at]!])) as typeof of;
  three = outcomesOf(results[1])[0]!;
}, 180_000);

describe('several processes agree with one that has their batches together', () => {
  it('in the weights after 50 steps, and in every value of evaluation, for sizes that do not divide', () => {
    for (const several of [of.agreeing, three]) {
      expect([several.steps, one.agreeing.steps]).toEqual([50, 50]);
      // Sums in another order: float32 rounding, grown over the steps.
      expect(distance(several, one.agreeing)).toBeLessThan(2e-5);
      expect(several.metrics.val_loss).toBeCloseTo(one.agreeing.metrics.val_loss!, 5);
      // Counts: exactly equal, as each of the 11 samples counts once.
      expect(several.metrics.val_accuracy).toBe(one.agreeing.metrics.val_accuracy);
      expect(several.rows.length).toBe(one.agreeing.rows.length);
      expect(several.predictions!.map((batch) => batch.length)).toEqual([2, 2, 2, 2, 2, 1]);
      const expected = one.agreeing.predictions!.flat(2);
      several.predictions!.flat(2).forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 3);
      });
    }
    expect([one.agreeing.worldSize, of.agreeing.worldSize, three.worldSize]).toEqual([1, 2, 3]);
  });

  it('with accumulated, clipped gradients and synchronised batch norms', () => {
    expect(of.normed.steps).toBe(one.normed.steps);
    expect(distance(of.normed, one.normed)).toBeLessThan(2e-4);
  });
});

it('options of the engine lead to the same weights, rounded gradients to others nearby', () => {
  expect(of.views.weights).toEqual(of.agreeing.weights);
  expect(of.searching.weights).toEqual(of.agreeing.weights);
  expect(distance(of.rounded, of.agreeing)).toBeGreaterThan(0);
  // AdamW makes steps of 0.02 whatever the size of a gradient, and 8 bits of it survive.
  expect(distance(of.rounded, of.agreeing)).toBeLessThan(0.1);
});

it('a strategy exchanges values in every way, with gradients where they are asked for', () => {
  expect(of.agreeing.exchanged).toEqual({
    reduced: {
      mean: [1.5, 0.5],
      avg: [1.5, 0.5],
      sum: [3, 1],
      min: [1, 0.5],
      max: [2, 0.5],
      product: [2, 0.25],
      whole: [1], // whole numbers are cut towards zero
    },
    decisions: [false, true],
    broadcast: [1, 2],
    gathered: [
      [1, 2],
      [[1], [2]],
    ],
    gradient: [[2], [3]],
  });
});

it('two runs with one seed are equal bit for bit, and a resumed one goes on as if it had never stopped', () => {
  const { first, resumed, second } = of;
  expect(second).toEqual(first);
  expect(resumed.weights).toEqual(first.weights);
  expect(resumed.rows).toEqual(first.rows.slice(-resumed.rows.length));
  expect(resumed.rows.length).toBeGreaterThan(8);
});

it('streams of different lengths end together', () => {
  expect(of.stream.steps).toBe(8);
});

it('lines of the other processes are shown with their rank when that is asked for', () => {
  expect(two.stdout).toContain('[rank 1] training');
  expect(readFileSync(pids, 'utf8').trim().split('\n')).toHaveLength(2);
});

it('processes started by hand meet, as two hosts with one process each', async () => {
  const common = { MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) };
  const task: TrainTask = { batchSize: 4, trainer: { devices: 1, numNodes: 2, maxEpochs: 1 } };
  const [first, second] = await Promise.all(
    [0, 1].map((node) => runScript({ tasks: [task] }, { env: { ...common, NODE_RANK: String(node) } })),
  );
  expect(outcomesOf(first!)[0]!.worldSize).toBe(2);
  expect([second!.code, second!.outcomes]).toEqual([0, []]);
});
