import * as torch from '@lightning-ts/torch';
import { expect, test } from 'vitest';
import type { LogOptions, ReduceFx } from '../module/log.js';
import { BoringModel } from '../testing/boringModel.js';
import { MemoryLogger } from '../testing/memoryLogger.js';
import { Trainer } from '../trainer/trainer.js';
import { reductionOf } from './reduction.js';

test('a reduction may be named, in capitals too, or given as the function that does it', () => {
  const of = (reduceFx?: ReduceFx): unknown => reductionOf(reduceFx === undefined ? {} : { reduceFx });
  expect([of(), of('avg'), of('SUM' as 'sum'), of(torch.mean), of(torch.sum)]).toEqual([
    'mean',
    'mean',
    'sum',
    'mean',
    'sum',
  ]);
  expect([of(torch.min), of(torch.amin), of(Math.min)]).toEqual(['min', 'min', 'min']);
  expect([of(torch.max), of(torch.amax), of(Math.max)]).toEqual(['max', 'max', 'max']);
  expect([of(torch.median as never), of('median' as never), of(5 as never)]).toEqual([undefined, undefined, undefined]);
});

test('a function reduces the epoch as its name does; another one is an error that names what there is', async () => {
  const fit = async (options: LogOptions): Promise<MemoryLogger> => {
    const logger = new MemoryLogger();
    const model = new BoringModel();
    const step = model.trainingStep.bind(model);
    model.trainingStep = (batch, batchIdx) => {
      model.log('value', batchIdx, { onStep: false, onEpoch: true, ...options });
      return step(batch, batchIdx);
    };
    await new Trainer({
      logger,
      enableCheckpointing: false,
      enableProgressBar: false,
      enableModelSummary: false,
      maxEpochs: 1,
      limitTrainBatches: 4,
      limitValBatches: 0,
    }).fit(model);
    return logger;
  };
  expect((await fit({ reduceFx: Math.max })).rows).toMatchObject([{ value: 3 }]);
  expect((await fit({ reduceFx: torch.sum })).rows).toMatchObject([{ value: 6 }]);
  await expect(fit({ reduceFx: torch.median as never })).rejects.toThrow(/LOG_OPTIONS.*'mean', 'sum', 'min' or 'max'/);
});
