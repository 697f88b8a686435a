import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LightningError } from '@lightning-ts/lightning';
import { silenceWarnings } from '@lightning-ts/torch';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProcessTask } from './resumeProcess.js';
import { type Moment, type Outcome, runResumed, runStraight, type Scenario, type Taken } from './resumeScenario.js';

/** `LIGHTNING_TS_RESUME_RUNS=500` tries more scenarios, each at every checkpoint rather than some. */
const asked = process.env.LIGHTNING_TS_RESUME_RUNS;
const scenarios = Number(asked ?? 10);
const resumesOfEach = asked === undefined ? 5 : Number.POSITIVE_INFINITY;

const root = mkdtempSync(join(tmpdir(), 'lightning-resume-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const nextFolder = (): string => {
  folders += 1;
  const folder = join(root, String(folders));
  mkdirSync(folder);
  return folder;
};

beforeAll(() => {
  silenceWarnings(
    'CALLBACK_STATE_UNUSED',
    'CHECKPOINT_DIRECTORY_NOT_EMPTY',
    'MONITOR_WAITING',
    'SCHEDULER_MONITOR',
    'CHECKPOINT_NAME_KEY',
    'RESUME_FROZEN',
    'WEIGHT_GUESSED',
  );
  // One "Restored all states" for each of hundreds of runs.
  console.log = () => {};
});

const scenario: fc.Arbitrary<Scenario> = fc.record<Scenario>({
  seed: fc.integer({ min: 0, max: 1000 }),
  samples: fc.integer({ min: 6, max: 14 }),
  batchSize: fc.integer({ min: 2, max: 4 }),
  loader: fc.constantFrom(
    'ordered',
    'shuffled',
    'shuffled',
    'generator',
    'dropLast',
    'list',
    'randomIterable',
    'stream',
    'unknownLength',
    'minSize',
    'maxSizeCycle',
    'maxSize',
  ),
  model: fc.constantFrom('automatic', 'automatic', 'twoOptimizers', 'byHand'),
  optimizer: fc.constantFrom('sgd', 'adam', 'adamw', 'rmsprop'),
  scheduler: fc.constantFrom('none', 'epoch', 'cosineSteps', 'oneCycle', 'plateau', 'plateauSteps', 'everySecondStep'),
  accumulate: fc.integer({ min: 1, max: 3 }),
  divisor: fc.constantFrom('window', 'weight'),
  clip: fc.constantFrom('none', 'norm', 'value'),
  validation: fc.constantFrom('none', 'epoch', 'everyTwoBatches', 'half', 'secondEpoch', 'acrossEpochs', 'twoLoaders'),
  earlyStopping: fc.boolean(),
  checkpoint: fc.constantFrom('none', 'everyStep', 'everySecondStep', 'best', 'bestAsync'),
  limitTrain: fc.constantFrom(null, null, 2, 3),
  limitVal: fc.constantFrom(null, null, 1, 2),
  maxEpochs: fc.integer({ min: 1, max: 3 }),
  maxSteps: fc.constantFrom(null, null, 3, 5),
  logEvery: fc.integer({ min: 1, max: 3 }),
});

/** Some of the checkpoints: never only the first ones. */
function some(taken: readonly Taken[], count: number, seed: number): Taken[] {
  if (taken.length <= count) return [...taken];
  const step = taken.length / count;
  const shift = (seed % 97) / 97;
  return Array.from({ length: count }, (_, index) => taken[Math.floor((index + shift) * step)]!);
}

function check(resumed: Outcome, straight: Outcome, from: Taken): void {
  const expected = { ...straight, rows: straight.rows.slice(from.rowsBefore) };
  expect(firstDifference(resumed, expected), `resumed from ${from.moment} ${from.index}`).toBeNull();
}

/** Where two values differ first, in a line: whole outcomes are too long to read. */
function firstDifference(value: unknown, expected: unknown, path = ''): string | null {
  if (Object.is(value, expected)) return null;
  const isObject = (one: unknown): one is object => typeof one === 'object' && one !== null;
  if (!isObject(value) || !isObject(expected))
    return `${path} is ${JSON.stringify(value)}, not ${JSON.stringify(expected)}`;
  const keys = [...new Set([...Object.keys(expected), ...Object.keys(value)])];
  for (const key of keys) {
    const difference = firstDifference(Reflect.get(value, key), Reflect.get(expected, key), `${path}/${key}`);
    if (difference !== null) return difference;
  }
  return null;
}

async function checkScenario(settings: Scenario, moment: Moment | null = null): Promise<void> {
  const folder = nextFolder();
  const { outcome, taken } = await runStraight(settings, folder).catch((error: unknown) => {
    // Validation every two batches of an epoch of one: refused, as it should be.
    fc.pre(!(error instanceof LightningError && error.code === 'LOADER_LENGTH'));
    throw error;
  });
  const chosen = taken.filter((one) => moment === null || one.moment === moment);
  for (const from of some(chosen, resumesOfEach, settings.seed)) {
    check(await runResumed(settings, folder, from), outcome, from);
  }
  rmSync(folder, { recursive: true, force: true });
}

const usual: Scenario = {
  seed: 7,
  samples: 12,
  batchSize: 3,
  loader: 'shuffled',
  model: 'automatic',
  optimizer: 'adamw',
  scheduler: 'cosineSteps',
  accumulate: 2,
  divisor: 'window',
  clip: 'norm',
  validation: 'everyTwoBatches',
  earlyStopping: true,
  checkpoint: 'everySecondStep',
  limitTrain: null,
  limitVal: null,
  maxEpochs: 2,
  maxSteps: null,
  logEvery: 1,
};

describe('run k batches, save, resume: the same as running straight through, bit for bit', () => {
  test('for random settings, wherever a checkpoint was taken', {
    timeout: asked === undefined ? 120_000 : 3_600_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(scenario, (settings) => checkScenario(settings)),
      {
        numRuns: scenarios,
        ...(asked === undefined ? { seed: 20260 } : {}),
        endOnFailure: asked === undefined,
      },
    );
  });

  test('in a process that starts fresh', { timeout: 180_000 }, async () => {
    const cases: Scenario[] = [
      usual,
      {
        ...usual,
        model: 'twoOptimizers',
        loader: 'maxSizeCycle',
        scheduler: 'epoch',
        checkpoint: 'best',
        validation: 'half',
      },
      {
        ...usual,
        loader: 'unknownLength',
        scheduler: 'plateau',
        optimizer: 'rmsprop',
        validation: 'twoLoaders',
        checkpoint: 'none',
      },
    ];
    const tasks: ProcessTask[] = [];
    const expected: { outcome: Outcome; from: Taken }[] = [];
    for (const settings of cases) {
      const folder = nextFolder();
      const { outcome, taken } = await runStraight(settings, folder);
      for (const from of some(taken, 3, settings.seed)) {
        tasks.push({ scenario: settings, folder, from });
        expected.push({ outcome, from });
      }
    }
    const { outcomes } = await start(tasks).done;
    expect(outcomes).toHaveLength(tasks.length);
    for (const [index, { from, outcome }] of expected.entries()) check(outcomes[index]!, outcome, from);
  });

  test.each([
    ['saving at every step', 2, { ...usual, checkpoint: 'everyStep', accumulate: 1 }],
    ['saving the best in the background', 1, { ...usual, checkpoint: 'bestAsync', accumulate: 1, maxEpochs: 3 }],
  ] as const)(
    'after kill -9 at any moment, from the newest file, %s',
    { timeout: 180_000 },
    async (_, times, settings) => {
      const folder = nextFolder();
      const { outcome } = await runStraight(settings, folder);
      rmSync(join(folder, 'models'), { recursive: true, force: true });
      const task: ProcessTask = { scenario: settings, folder, from: 'auto', saysSteps: true };
      // Different moments in every run of the test: whichever it is, nothing may be lost.
      const resumedFrom = new Set<string>();
      for (let kills = 0; kills < times; kills += 1) {
        const run = start([task]);
        const last = Math.floor(Math.random() * 5) + 2 * kills;
        for (const name of await run.killAfter(last, Math.random() * 20)) resumedFrom.add(name);
      }
      const { outcomes, resumed: names } = await start([task]).done;
      for (const name of names) resumedFrom.add(name);
      const [resumed] = outcomes;
      const { rows, state } = resumed!;
      expect(firstDifference(state, outcome.state)).toBeNull();
      expect(firstDifference(rows, outcome.rows.slice(outcome.rows.length - rows.length))).toBeNull();
      // What the killed processes were writing is hidden, and goes when it is a minute old. Files that a run went on from stay.
      const files = readdirSync(join(folder, 'models')).filter((name) => !name.startsWith('.'));
      expect(files.filter((name) => !resumedFrom.has(name) || outcome.files.includes(name)).sort()).toEqual(
        outcome.files,
      );
    },
  );
});

const repository = fileURLToPath(new URL('../../../', import.meta.url));
const program = fileURLToPath(new URL('./resumeProcess.ts', import.meta.url));

interface Run {
  /** What it printed; rejects when it fails by itself. */
  readonly done: Promise<{ outcomes: Outcome[]; resumed: string[] }>;
  /**
   * Kills it some milliseconds after it began a batch, or lets it end when it is done before.
   *
   * @returns the names of the files it went on from
   */
  killAfter(step: number, milliseconds: number): Promise<string[]>;
}

function start(tasks: readonly ProcessTask[]): Run {
  const args = ['--import', 'tsx', '--conditions=@lightning-ts/source', program, JSON.stringify(tasks)];
  const child = spawn(process.execPath, args, { cwd: repository, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  let errors = '';
  let onText = (): void => {};
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    onText();
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk;
  });
  const resumed = (): string[] => [...text.matchAll(/^Restored all states .*\/([^/\n]+)$/gm)].map(([, name]) => name!);
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return {
    done: ended.then((code) => {
      if (code !== 0) throw new Error(`the process ended with ${code}: ${errors}`);
      const lines = text.split('\n').filter((line) => line.startsWith('outcome '));
      return {
        outcomes: lines.map((line) => JSON.parse(line.slice('outcome '.length)) as Outcome),
        resumed: resumed(),
      };
    }),
    async killAfter(step, milliseconds) {
      this.done.catch(() => undefined);
      onText = () => {
        if (!text.includes(`step ${step}\n`)) return;
        onText = () => {};
        setTimeout(() => child.kill('SIGKILL'), milliseconds);
      };
      await ended;
      return resumed();
    },
  };
}
