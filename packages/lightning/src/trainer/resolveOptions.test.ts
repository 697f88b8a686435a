import { homedir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { ModelCheckpoint } from '../callbacks/modelCheckpoint.js';
import { ProgressBar } from '../callbacks/progressBar.js';
import { LightningError } from '../errors.js';
import type { TrainerOptions } from './options.js';
import { resolveOptions } from './resolveOptions.js';
import { Trainer } from './trainer.js';

const codeOf = (options: object): string => {
  try {
    new Trainer({ maxEpochs: 1, ...options } as TrainerOptions);
  } catch (error) {
    if (error instanceof LightningError) return error.code;
    throw error;
  }
  return 'none';
};
const messageOf = (options: object): string => {
  try {
    new Trainer(options as TrainerOptions);
  } catch (error) {
    return (error as Error).message;
  }
  return '';
};

describe('an amount of batches', () => {
  const limit = (value: unknown): unknown => resolveOptions({ limitTrainBatches: value as number }).limitTrainBatches;

  test('is a count, a part, a percentage, or says which', () => {
    expect(limit(undefined)).toEqual({ fraction: 1 });
    expect(limit(0)).toEqual({ batches: 0 });
    expect(limit(1)).toEqual({ batches: 1 });
    expect(limit(3)).toEqual({ batches: 3 });
    expect(limit(0.25)).toEqual({ fraction: 0.25 });
    expect(limit('25%')).toEqual({ fraction: 0.25 });
    expect(limit('100%')).toEqual({ fraction: 1 });
    expect(limit({ batches: 1 })).toEqual({ batches: 1 });
    expect(limit({ fraction: 1 })).toEqual({ fraction: 1 });
  });

  test.each([
    -1,
    1.5,
    '25',
    '120%',
    '-5%',
    { batches: 1.5 },
    { fraction: 2 },
    { batches: 1, fraction: 1 },
    {},
    [],
    true,
  ])('is not %j', (value) => {
    expect(codeOf({ limitTrainBatches: value })).toBe('OPTION_INVALID');
  });

  test('of 1 is once an epoch for valCheckInterval, which takes times too', () => {
    const interval = (value: unknown): unknown =>
      resolveOptions({ valCheckInterval: value as number }).valCheckInterval;
    expect(interval(1)).toEqual({ fraction: 1 });
    expect(interval({ batches: 1 })).toEqual({ batches: 1 });
    expect(interval('00:00:01:30')).toEqual({ milliseconds: 90_000 });
    expect(interval({ minutes: 2 })).toEqual({ milliseconds: 120_000 });
    for (const wrong of [0, -1, '1:2', { hours: 0 }, { parsecs: 1 }])
      expect(codeOf({ valCheckInterval: wrong })).toBe('OPTION_INVALID');
  });
});

test('defaults are the documented ones', () => {
  expect(resolveOptions({})).toMatchObject({
    precision: '32-true',
    logger: true,
    callbacks: [],
    fastDevRun: 0,
    maxEpochs: 1000,
    minEpochs: 0,
    maxSteps: Number.POSITIVE_INFINITY,
    checkValEveryNEpoch: 1,
    numSanityValSteps: 2,
    logEveryNSteps: 50,
    accumulateGradBatches: 1,
    gradientClipVal: null,
    gradientClipAlgorithm: 'norm',
    inferenceMode: true,
    barebones: false,
    reloadDataloadersEveryNEpochs: 0,
    defaultRootDir: process.cwd(),
  });
  expect(resolveOptions({ maxSteps: 5 }).maxEpochs).toBe(Number.POSITIVE_INFINITY);
  expect(resolveOptions({ minSteps: 5 }).minEpochs).toBe(1);
  expect(resolveOptions({ numSanityValSteps: -1 }).numSanityValSteps).toBe(Number.POSITIVE_INFINITY);
  expect(resolveOptions({ defaultRootDir: '~/runs' }).defaultRootDir).toBe(`${homedir()}/runs`);
});

describe('bad values are errors with a code', () => {
  test.each([
    { accelerator: 'ipu' },
    { devices: 0 },
    { devices: [] },
    { devices: 'two' },
    { strategy: 'fastest' },
    { strategy: {} },
    { precision: 8 },
    { logger: 'csv' },
    { logger: [1] },
    { callbacks: [() => {}] },
    { callbacks: 'all' },
    { fastDevRun: -1 },
    { maxEpochs: -2 },
    { maxEpochs: 1.5 },
    { maxEpochs: '3' },
    { minEpochs: -1 },
    { maxSteps: -2 },
    { minSteps: 0.5 },
    { maxTime: '1h' },
    { checkValEveryNEpoch: 0 },
    { numSanityValSteps: -5 },
    { logEveryNSteps: -1 },
    { enableCheckpointing: 1 },
    { enableProgressBar: 'yes' },
    { accumulateGradBatches: 0 },
    { accumulateGradBatches: 1.5 },
    { gradientClipVal: -1 },
    { gradientClipVal: '1' },
    { gradientClipAlgorithm: 'l2' },
    { deterministic: 'x' },
    { inferenceMode: 1 },
    { barebones: 'yes' },
    { defaultRootDir: 5 },
    { reloadDataloadersEveryNEpochs: -1 },
    { overfitBatches: 1.5 },
  ])('%j', (options) => {
    expect(codeOf(options)).toBe('OPTION_INVALID');
  });

  test.each([
    { minEpochs: 2, maxEpochs: 1 },
    { minSteps: 2, maxSteps: 1 },
    { checkValEveryNEpoch: null },
    { checkValEveryNEpoch: null, valCheckInterval: 0.5 },
    { barebones: true, logger: true },
    { barebones: true, fastDevRun: true },
    { barebones: true, enableProgressBar: true },
    { enableCheckpointing: false, callbacks: new ModelCheckpoint() },
    { enableProgressBar: false, callbacks: new ProgressBar() },
    { callbacks: [new ProgressBar(), new ProgressBar()] },
  ])('that contradict each other, case %#', (options) => {
    expect(codeOf(options)).toBe('OPTION_CONFLICT');
  });

  test.each([
    { devices: 2 },
    { devices: [0, 1] },
    { strategy: 'ddp' },
    { precision: '16-mixed' },
    { accelerator: 'tpu' },
    { profiler: 'simple' },
  ])('that ask for what is not there yet, case %#', (options) => {
    expect(codeOf(options)).toBe('OPTION_UNAVAILABLE');
  });
});

test('an unknown option is an error with the nearest names', () => {
  expect(messageOf({ maxEpoch: 3 })).toBe(
    "OPTION_UNKNOWN: Trainer has no option 'maxEpoch'. Did you mean 'maxEpochs' or 'minEpochs'?",
  );
  expect(messageOf({ max_epochs: 3 })).toContain("'maxEpochs'");
  expect(messageOf({ zzzzzzzzzzzzzzzz: 3 })).toBe("OPTION_UNKNOWN: Trainer has no option 'zzzzzzzzzzzzzzzz'.");
});

test('an option of older versions names what to use instead', () => {
  expect(messageOf({ gpus: 1 })).toContain("accelerator: 'gpu', devices: n");
  expect(messageOf({ enableLogging: false })).toContain('logger: false');
  expect(messageOf({ checkpoint_callback: false })).toContain('enableCheckpointing');
});

test('a mode sets what belongs to it', () => {
  expect(resolveOptions({ fastDevRun: 3, limitTestBatches: 9, maxEpochs: 7 })).toMatchObject({
    maxEpochs: 1,
    maxSteps: 3,
    numSanityValSteps: 0,
    limitTrainBatches: { batches: 3 },
    limitTestBatches: { batches: 3 },
  });
  expect(resolveOptions({ overfitBatches: 2 })).toMatchObject({
    limitTrainBatches: { batches: 2 },
    limitValBatches: { batches: 2 },
  });
  expect(resolveOptions({ barebones: true, maxEpochs: 1 })).toMatchObject({
    logger: [],
    enableCheckpointing: false,
    logEveryNSteps: 0,
    numSanityValSteps: 0,
  });
});
