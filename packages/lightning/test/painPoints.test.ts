import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BoringModel, LambdaCallback, MemoryLogger, Trainer, type TrainerOptions } from '@lightning-ts/lightning';
import { randn, resetWarnings, type Tensor } from '@lightning-ts/torch';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

// What users of the reference suffer from, and which tests hold that it is otherwise here. The name of a test is enough: a test
// below looks that each one is still there.
const points: Readonly<Record<string, readonly [file: string, ...tests: string[]][]>> = {
  'a resumed run repeats and skips samples': [
    ['test/resume.test.ts', 'for random settings, wherever a checkpoint was taken', 'in a process that starts fresh'],
    ['src/loops/inFlight.test.ts', 'in the middle of validation, after its batch %i'],
  ],
  'one counter for everything': [
    ['src/loops/fitLoop.test.ts', 'counts the steps of each optimizer, beside all of them together'],
  ],
  'checkpoints with a stale metric': [
    [
      'src/callbacks/modelCheckpoint.test.ts',
      'uses the value of the validation that follows the step, not the one before',
    ],
    ['src/loops/hookOrder.test.ts', 'callbacks that watch metrics get onTrainEpochEnd after the module'],
  ],
  'ModelCheckpoint surprises': [
    [
      'src/callbacks/modelCheckpoint.test.ts',
      'saves something even when the interval is longer than the run',
      'makes no directory of a metric with a slash',
      'refuses a file name with an unknown value',
      'is the newest state, whether that is among the best or not',
    ],
  ],
  'evaluation that repeats samples': [
    [
      'test/distributed/training.test.ts',
      'in the weights after 50 steps, and in every value of evaluation, for sizes that do not divide',
    ],
  ],
  'states and failures of callbacks': [
    [
      'src/callbacks/everyCallback.test.ts',
      'gets back from a checkpoint what it put there',
      'passes a failure on as it is, and can be used again',
      'serves two runs of one Trainer alike',
    ],
  ],
  'no cross-validation': [
    [
      'src/crossValidation/crossValidate.test.ts',
      'trains a fresh model on each fold and sums up what the held-out samples give',
    ],
  ],
  'predict keeps everything': [
    ['src/trainer/prediction.test.ts', 'gives predictions one by one, no faster than they are read'],
    [
      'src/trainer/prediction.test.ts',
      'predict keeps nothing when a callback stores the predictions, unless it is told to',
    ],
  ],
  'a tail of the epoch without validation': [
    ['src/loops/fitLoop.test.ts', 'comes at the end of each epoch too when that is asked for'],
  ],
  '1 and 1.0, lists as loaders': [
    ['src/trainer/resolveOptions.test.ts', 'is a count, a part, a percentage, or says which'],
    ['src/trainer/trainer.test.ts', 'a list of batches is a loader, also when a batch is an array'],
  ],
  'step schedulers that lose the remainder': [
    ['src/loops/fitLoop.test.ts', 'step once an epoch, or by optimizer steps counted over the run'],
    ['src/loops/fitLoop.test.ts', 'by batches step while gradients accumulate too'],
  ],
  'a short window, and losses over tokens': [
    ['src/loops/fitLoop.test.ts', 'are divided by the true length of the accumulation window'],
    [
      'src/loops/accumulationWindow.test.ts',
      'are those of one batch with all of the window, also of a last, shorter one',
    ],
    [
      'test/weightedRanks.test.ts',
      'losses are weighted over all processes: two with uneven batches step as one with all of them',
    ],
  ],
  'options that fail late': [['src/trainer/resolveOptions.test.ts', 'of %s']],
  'where a logged value went, and over what': [
    ['src/module/lightningModule.test.ts', 'every row says its moment in every unit'],
    ['src/logging/xAxis.test.ts', 'values over one axis share a row, which stands where the axis is'],
    ['test/painPoints.test.ts', 'a batch size that was guessed is told once'],
  ],
  'a monitored metric that is not there yet': [
    ['src/loops/fitLoop.test.ts', 'that watch a metric wait until it has come once'],
    ['src/loops/fitLoop.test.ts', 'that watch a metric nobody ever logs are an error, or skipped'],
  ],
  'Ctrl-C ends the process': [
    [
      'src/trainer/signals.test.ts',
      'is an error for those who ask for one',
      'a second Ctrl-C ends the process at once',
    ],
  ],
  'half-open ends': [
    ['src/trainer/trainer.test.ts', 'reaches onException, ends what was begun, and is thrown as it was'],
    ['src/trainer/trainer.test.ts', 'in a setup hook tears down too, and the Trainer can be used again'],
  ],
  'checkpoints that run code': [
    ['test/olderCheckpoints.test.ts', 'runs nothing that is in it'],
    [
      'src/trainer/checkpoint.test.ts',
      'names what cannot be stored, and takes it from the overrides',
      'a damaged file is an error that says so',
    ],
  ],
  'counters after a resume': [
    ['src/loops/inFlight.test.ts', 'after maxSteps ended the run in the middle of an epoch'],
    [
      'test/painPoints.test.ts',
      'a run that maxSteps ended with an epoch goes on with the next',
      'loaders are asked for again in the same epochs',
    ],
  ],
  'pre-emption': [
    [
      'src/trainer/signals.test.ts',
      'a pre-emption signal saves where the run is, and the next start goes on from there',
    ],
    [
      'src/trainer/checkpoint.test.ts',
      "'auto' is the newest file that can be trained on, of whatever name; nothing when there is none",
    ],
    ['src/trainer/checkpoint.test.ts', 'a checkpoint file is written whole or not at all'],
  ],
  overhead: [['src/loops/fitLoop.test.ts', 'the way from fit to the update is at most 7 calls through 5 files']],
  noise: [['test/painPoints.test.ts', 'a run that is in order says nothing but what it does']],
  'names that are gone': [
    ['src/trainer/resolveOptions.test.ts', 'removed options of every age are told apart from misspelt ones'],
    ['src/trainer/trainer.test.ts', 'with a hook of older versions is told what to use'],
  ],
};

test.each(Object.entries(points))('%s: there are tests', (_, tests) => {
  for (const [file, ...names] of tests) {
    const text = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
    for (const name of names)
      expect(text.includes(`'${name}'`) || text.includes(`"${name}"`), `${file}: ${name}`).toBe(true);
  }
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lightning-'));
  resetWarnings();
});
afterEach(() => vi.restoreAllMocks());

const newTrainer = (options: TrainerOptions = {}): Trainer =>
  new Trainer({
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: folder,
    ...options,
  });

const warnings = (): { codes: () => unknown[] } => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  return { codes: () => warned.mock.calls.map(([, options]) => (options as { code?: string }).code) };
};

describe('after a resume', () => {
  const batches = (): Tensor[] => [randn([2, 32]), randn([2, 32]), randn([2, 32])];
  const watch = (): { callback: LambdaCallback; seen: string[] } => {
    const seen: string[] = [];
    const callback = new LambdaCallback({
      onTrainBatchStart: (trainer: Trainer, _: unknown, __: unknown, batchIdx: number) =>
        void seen.push(`${trainer.currentEpoch}/${batchIdx}`),
    });
    return { callback, seen };
  };

  test('a run that maxSteps ended with an epoch goes on with the next', async () => {
    const path = join(folder, 'end.ckpt');
    const data = { trainDataloaders: batches(), valDataloaders: [] };
    const first = newTrainer({ maxSteps: 6 });
    await first.fit(new BoringModel(), data);
    await first.saveCheckpoint(path);
    expect([first.currentEpoch, first.globalStep]).toEqual([2, 6]);
    const { callback, seen } = watch();
    const second = newTrainer({ maxSteps: 8, callbacks: callback });
    await second.fit(new BoringModel(), { ...data, ckptPath: path });
    expect([seen, second.currentEpoch, second.globalStep]).toEqual([['2/0', '2/1'], 2, 8]);
  });

  test('loaders are asked for again in the same epochs', async () => {
    const path = join(folder, 'third.ckpt');
    class Asked extends BoringModel {
      readonly trained: number[] = [];
      readonly validated: number[] = [];
      override trainDataloader(): Tensor[] {
        this.trained.push(this.currentEpoch);
        return batches();
      }
      override valDataloader(): Tensor[] {
        this.validated.push(this.currentEpoch);
        return batches();
      }
    }
    const options = { maxEpochs: 9, reloadDataloadersEveryNEpochs: 2, numSanityValSteps: 0, checkValEveryNEpoch: 3 };
    const save = new LambdaCallback({
      onTrainBatchEnd: async (trainer: Trainer, _: unknown, __: unknown, ___: unknown, batchIdx: number) => {
        if (trainer.currentEpoch === 3 && batchIdx === 1) await trainer.saveCheckpoint(path);
      },
    });
    const straight = new Asked();
    await newTrainer({ ...options, callbacks: save }).fit(straight);
    expect([straight.trained, straight.validated]).toEqual([
      [0, 2, 4, 6, 8],
      [0, 2, 5, 8],
    ]);
    const resumed = new Asked();
    await newTrainer(options).fit(resumed, { ckptPath: path });
    // Once for the start, then as without the interruption.
    expect([resumed.trained, resumed.validated]).toEqual([
      [3, 4, 6, 8],
      [3, 5, 8],
    ]);
  });
});

test('a batch size that was guessed is told once', async () => {
  const { codes } = warnings();
  const logger = new MemoryLogger();
  class Pairs extends BoringModel {
    override validationStep(): void {
      this.log('val', 1);
    }
  }
  const pair = [randn([2, 32]), randn([5, 32])] as unknown as Tensor;
  await newTrainer({ logger }).validate(new Pairs(), { dataloaders: [pair, pair, pair], verbose: false });
  expect(codes().filter((code) => code === 'LOG_BATCH_SIZE')).toHaveLength(1);
});

test('a run that is in order says nothing but what it does', async () => {
  const { codes } = warnings();
  const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const trainer = new Trainer({ maxEpochs: 2, logEveryNSteps: 1, limitTrainBatches: 3, defaultRootDir: folder });
  await trainer.fit(new BoringModel());
  expect(codes()).toEqual([]);
  const lines = printed.mock.calls.map(([line]) => String(line));
  expect(lines.filter((line) => /tip|consider|recommend|https?:/i.test(line))).toEqual([]);
});
