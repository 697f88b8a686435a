import { LightningError } from '../errors.js';
import { isPromise } from '../hooks/hookTable.js';
import { limitedLength } from '../loops/limits.js';
import { loaderLength } from '../loops/loaderKinds.js';
import type { Loader } from '../module/loaderTypes.js';
import type { Session } from './session.js';
import type { Trainer } from './trainer.js';

/**
 * Optimizer steps that a run of `fit` takes; `Infinity` without any limit.
 *
 * @param session the run in progress, whose training loader is asked for when it is not there yet
 * @throws LightningError NOT_ATTACHED outside of `fit`, LOADER_LENGTH when the loader is only promised
 */
export function estimatedSteps(trainer: Trainer, session: Session | null): number {
  const { limitTrainBatches, maxEpochs, maxSteps } = trainer.options;
  if (maxEpochs === Number.POSITIVE_INFINITY) return maxSteps;
  let batches = trainer.fitRun?.data.total ?? 0;
  if (batches === 0) {
    if (session === null || session.stage !== 'fit') {
      throw new LightningError('NOT_ATTACHED', 'estimatedSteppingBatches is known from configureOptimizers on.');
    }
    session.trainLoader ??= askTrainLoader(session);
    batches = limitedLength(loaderLength(session.trainLoader), limitTrainBatches, 'limitTrainBatches');
  }
  if (batches === Number.POSITIVE_INFINITY) return maxSteps;
  return Math.min(Math.ceil(batches / trainer.accumulateGradBatches) * Math.max(maxEpochs, 1), maxSteps);
}

function askTrainLoader({ data, module }: Session): Loader {
  const value = data.ask('train');
  if (!isPromise(value)) return data.check('train', value)[0]!;
  // Nobody waits for it here; it is asked for again when training begins.
  value.catch(() => {});
  throw new LightningError(
    'LOADER_LENGTH',
    `estimatedSteppingBatches was asked for before the async trainDataloader of ${module.constructor.name}'s data was there. Make ` +
      'trainDataloader synchronous.',
  );
}
