import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randn, zeros } from '@lightning-ts/torch';
import { Parameter } from '@lightning-ts/torch/nn';
import { describe, expect, test } from 'vitest';
import { BoringModel } from '../testing/boringModel.js';
import type { TrainerOptions } from './options.js';
import { Trainer } from './trainer.js';

const folder = mkdtempSync(join(tmpdir(), 'lightning-'));
const newTrainer = (options: TrainerOptions = {}): Trainer =>
  new Trainer({
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    maxEpochs: 1,
    limitTrainBatches: 1,
    limitValBatches: 1,
    limitPredictBatches: 1,
    defaultRootDir: folder,
    ...options,
  });
const data = [randn([2, 32])];

describe('a bad value of an entry point is an error before anything runs', () => {
  const calls: [string, (trainer: Trainer) => Promise<unknown>][] = [
    ['fit: datamodule', (trainer) => trainer.fit(new BoringModel(), { datamodule: {} as never })],
    ['fit: ckptPath', (trainer) => trainer.fit(new BoringModel(), { ckptPath: 5 as never })],
    ['fit: ckptPath that is empty', (trainer) => trainer.fit(new BoringModel(), { ckptPath: '' })],
    ['validate: datamodule', (trainer) => trainer.validate(new BoringModel(), { datamodule: 5 as never })],
    ['validate: verbose', (trainer) => trainer.validate(new BoringModel(), { verbose: 'no' as never })],
    ['test: ckptPath', (trainer) => trainer.test(new BoringModel(), { ckptPath: true as never })],
    [
      'predict: returnPredictions',
      (trainer) => trainer.predict(new BoringModel(), { dataloaders: data, returnPredictions: 1 as never }),
    ],
    ['saveCheckpoint: path', (trainer) => trainer.saveCheckpoint(5 as never)],
    ['saveCheckpoint: weightsOnly', (trainer) => trainer.saveCheckpoint('x.ckpt', { weightsOnly: 'yes' as never })],
  ];
  test.each(calls)('%s', async (_, call) => {
    const trainer = newTrainer();
    trainer.strategy.connect(new BoringModel());
    await expect(call(trainer)).rejects.toMatchObject({ code: 'OPTION_INVALID' });
    expect(trainer.state.status).toBe('initializing');
  });

  test('an unknown option of saveCheckpoint', async () => {
    await expect(newTrainer().saveCheckpoint('x.ckpt', { weights_only: true } as never)).rejects.toMatchObject({
      code: 'OPTION_UNKNOWN',
    });
  });
});

test('what a Trainer is set to is checked', () => {
  const trainer = newTrainer();
  const set = (name: string, value: unknown) => () => Object.assign(trainer, { [name]: value });
  for (const [name, value] of Object.entries({
    shouldStop: 1,
    ckptPath: 5,
    logger: 5,
    loggers: [{}],
    accumulateGradBatches: 0,
  }))
    expect(set(name, value), name).toThrow('OPTION_INVALID');
  set('logger', null)();
  expect(trainer.loggers).toEqual([]);
});

test('an address is no path, and the error says what to do', async () => {
  const ckptPath = 'https://example.org/model.ckpt';
  const advice = /CHECKPOINT_NOT_FOUND.*Download it first/;
  await expect(newTrainer().fit(new BoringModel(), { ckptPath })).rejects.toThrow(advice);
  await expect(BoringModel.loadFromCheckpoint(ckptPath)).rejects.toThrow(advice);
});

test('a limit of 0 evaluates nothing: no hooks, no values', async () => {
  const seen: string[] = [];
  const model = new BoringModel();
  model.onValidationStart = () => void seen.push('start');
  model.setup = () => void seen.push('setup');
  const trainer = newTrainer({ limitValBatches: 0, limitPredictBatches: 0 });
  expect(await trainer.validate(model)).toEqual([]);
  expect(await trainer.predict(model, data)).toBeNull();
  expect(seen).toEqual(['setup', 'setup']);
});

test('after a run the module is where its weights are', async () => {
  const model = new BoringModel();
  await newTrainer().fit(model);
  Object.assign(model.layer, { weight: new Parameter(zeros([2, 32], { device: 'meta' })) });
  expect(model.device.type).toBe('meta');
});
