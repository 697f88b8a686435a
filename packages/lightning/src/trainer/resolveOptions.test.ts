import { homedir } from 'node:os';
import { Device } from '@lightning-ts/torch';
import { describe, expect, test, vi } from 'vitest';
import { ModelCheckpoint } from '../callbacks/modelCheckpoint.js';
import { ProgressBar } from '../callbacks/progressBar.js';
import { LightningError } from '../errors.js';
import { SingleDeviceStrategy } from '../strategies/singleDeviceStrategy.js';
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

/** What every option refuses: one that is missing here does not compile. */
const badValues: Readonly<Record<keyof TrainerOptions, readonly unknown[]>> = {
  accelerator: ['ipu', 5, 'cpus'],
  accumulateGradBatches: [0, 1.5, -1, '4', { 0: 2 }],
  accumulationDivisor: ['loss', 2],
  barebones: ['yes', 1],
  benchmark: ['yes', 1],
  callbacks: [[() => {}], 'all', {}],
  checkValEveryNEpoch: [0, -1, 1.5, '1'],
  defaultRootDir: [5, {}],
  detectAnomaly: ['yes', 1],
  deterministic: ['x', 1],
  devices: [0, [], 'two', 1.5, -2],
  enableAutologHparams: [0, 'no'],
  enableCheckpointing: [1, 'yes'],
  enableModelSummary: [1, 'yes'],
  enableProgressBar: [1, 'yes'],
  fastDevRun: [-1, 1.5, 'yes'],
  gradientClipAlgorithm: ['l2', 2],
  gradientClipVal: [-1, '1', Number.NaN],
  inferenceMode: [1, 'no'],
  limitPredictBatches: [-1, 1.5, '25', true],
  limitTestBatches: [-1, 1.5, '25', true],
  limitTrainBatches: [-1, 1.5, '25', true],
  limitValBatches: [-1, 1.5, '25', true],
  logEveryNSteps: [-1, 1.5, '50'],
  logger: ['csv', [1], 5],
  maxEpochs: [-2, 1.5, '3'],
  maxSteps: [-2, 1.5, '3'],
  maxTime: ['1h', { parsecs: 1 }, 60],
  minEpochs: [-1, 0.5, '1'],
  minSteps: [-1, 0.5, '1'],
  numNodes: [0, 1.5, '1'],
  numSanityValSteps: [-5, 1.5, '2'],
  onInterrupt: ['exit', 1],
  overfitBatches: [1.5, -1, '10'],
  plugins: ['slurm', [5], {}],
  precision: [8, 'half', {}],
  preemptionSignal: ['SIGKILL', 'SIGNONE', 10],
  profiler: ['fast', 5, {}],
  reloadDataloadersEveryNEpochs: [-1, 1.5, '1'],
  strategy: ['fastest', {}, 5],
  syncBatchnorm: ['yes', 1],
  useDistributedSampler: ['yes', 1],
  valCheckInterval: [0, -1, '1:2', { hours: 0 }, true],
  validateAtEpochEnd: ['yes', 1],
};

describe('bad values are errors with a code', () => {
  test.each(Object.entries(badValues))('of %s', (name, values) => {
    for (const value of values) {
      expect(codeOf({ [name]: value }), `${name}: ${JSON.stringify(value)}`).toBe('OPTION_INVALID');
      expect(messageOf({ [name]: value }), 'the message says which option').toContain(name);
    }
  });

  test.each([
    { minEpochs: 2, maxEpochs: 1 },
    { minSteps: 2, maxSteps: 1 },
    { checkValEveryNEpoch: null },
    { checkValEveryNEpoch: null, valCheckInterval: 0.5 },
    { barebones: true, logger: true },
    { barebones: true, fastDevRun: true },
    { barebones: true, enableProgressBar: true },
    { barebones: true, detectAnomaly: true },
    { barebones: true, profiler: 'simple' },
    { barebones: true, numSanityValSteps: 1 },
    { enableCheckpointing: false, callbacks: new ModelCheckpoint() },
    { enableProgressBar: false, callbacks: new ProgressBar() },
    { callbacks: [new ProgressBar(), new ProgressBar()] },
    { strategy: 'single_device', accelerator: 'cpu', devices: 2 },
    { strategy: new SingleDeviceStrategy(new Device('cpu')), accelerator: 'cpu' },
  ])('that contradict each other, case %#', (options) => {
    expect(codeOf(options)).toBe('OPTION_CONFLICT');
  });

  test.each([
    { strategy: 'fsdp' },
    { strategy: 'ddp_notebook' },
    { precision: 'transformer-engine' },
    { accelerator: 'tpu' },
    { profiler: 'xla' },
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

test('removed options of every age are told apart from misspelt ones', () => {
  const removed = ['gpus', 'tpu_cores', 'auto_select_gpus', 'ipus', 'num_processes', 'distributed_backend', 'use_amp'];
  removed.push(
    'amp_level',
    'replace_sampler_ddp',
    'resume_from_checkpoint',
    'auto_lr_find',
    'track_grad_norm',
    'weights_summary',
  );
  removed.push(
    'enable_logging',
    'terminate_on_nan',
    'multiple_trainloader_mode',
    'move_metrics_to_cpu',
    'suggest_integrations',
  );
  for (const name of removed) {
    expect(codeOf({ [name]: 1 }), name).toBe('OPTION_UNKNOWN');
    expect(messageOf({ [name]: 1 })).toMatch(/no longer has the option .* Use .+ instead/);
  }
});

test('options that are not given come from the environment', () => {
  vi.stubEnv('PL_TRAINER_MAX_EPOCHS', '7');
  vi.stubEnv('PL_TRAINER_ENABLE_PROGRESS_BAR', 'False');
  vi.stubEnv('PL_TRAINER_CHECK_VAL_EVERY_N_EPOCH', '');
  vi.stubEnv('PL_TRAINER_LIMIT_TRAIN_BATCHES', '{"batches": 3}');
  vi.stubEnv('PL_TRAINER_GRADIENT_CLIP_ALGORITHM', "'value'");
  vi.stubEnv('PL_TRAINER_MIN_STEPS', 'None');
  expect(resolveOptions({})).toMatchObject({
    maxEpochs: 7,
    enableProgressBar: false,
    checkValEveryNEpoch: 1,
    limitTrainBatches: { batches: 3 },
    gradientClipAlgorithm: 'value',
    minSteps: 0,
  });
  expect(resolveOptions({ maxEpochs: 2 }).maxEpochs).toBe(2);
  vi.stubEnv('PL_TRAINER_MAX_EPOCHS', 'many');
  expect(codeOf({ maxEpochs: undefined })).toBe('OPTION_INVALID');
  vi.unstubAllEnvs();
});

test('deterministic turns the search for fast algorithms off, unless it is asked for', () => {
  expect(resolveOptions({}).benchmark).toBeNull();
  expect(resolveOptions({ deterministic: true }).benchmark).toBe(false);
  expect(resolveOptions({ deterministic: 'warn' }).benchmark).toBeNull();
  expect(resolveOptions({ deterministic: true, benchmark: true }).benchmark).toBe(true);
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
