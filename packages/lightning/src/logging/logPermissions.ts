import { LightningError } from '../errors.js';
import type { LogOptions } from '../module/log.js';

/** When values logged in a hook count: at each batch of training, at each batch of evaluation, or once an epoch. */
type Cadence = 'trainBatch' | 'evaluationBatch' | 'epoch';

const cadences: Readonly<Record<string, Cadence>> = {
  trainingStep: 'trainBatch',
  onTrainBatchStart: 'trainBatch',
  onTrainBatchEnd: 'trainBatch',
  onBeforeBackward: 'trainBatch',
  onAfterBackward: 'trainBatch',
  onBeforeOptimizerStep: 'trainBatch',
  onBeforeZeroGrad: 'trainBatch',
  // Everything of a step outside the hooks above: backward, optimizerZeroGrad, clipping.
  optimizerStep: 'trainBatch',
  validationStep: 'evaluationBatch',
  testStep: 'evaluationBatch',
  onValidationBatchStart: 'evaluationBatch',
  onValidationBatchEnd: 'evaluationBatch',
  onTestBatchStart: 'evaluationBatch',
  onTestBatchEnd: 'evaluationBatch',
  onTrainStart: 'epoch',
  onTrainEpochStart: 'epoch',
  onTrainEpochEnd: 'epoch',
  onValidationStart: 'epoch',
  onValidationEpochStart: 'epoch',
  onValidationEpochEnd: 'epoch',
  onTestStart: 'epoch',
  onTestEpochStart: 'epoch',
  onTestEpochEnd: 'epoch',
};

/** Whether each step's value and the epoch's reduction are recorded. */
export interface LogCadence {
  readonly onStep: boolean;
  readonly onEpoch: boolean;
}

/**
 * Resolves `onStep` and `onEpoch` for a hook.
 *
 * @param hook the hook that runs now; null outside of all hooks
 * @throws LightningError LOG_NOT_ALLOWED where nothing can be logged or the hook lacks the cadence, LOG_OPTIONS when both are off
 */
export function logCadence(hook: string | null, name: string, options: LogOptions): LogCadence {
  const cadence = hook === null ? undefined : cadences[hook];
  if (cadence === undefined) {
    const place = hook === null ? 'outside the steps and hooks of a run' : `inside ${hook}`;
    throw new LightningError(
      'LOG_NOT_ALLOWED',
      `'${name}' was logged ${place}, where no epoch is open that it could belong to. Log it in a step, a batch hook or an ` +
        'epoch hook, or write to this.logger directly.',
    );
  }
  const onStep = options.onStep ?? cadence === 'trainBatch';
  const onEpoch = options.onEpoch ?? cadence !== 'trainBatch';
  if (cadence === 'epoch' && (onStep || !onEpoch)) {
    throw new LightningError(
      'LOG_NOT_ALLOWED',
      `'${name}' was logged inside ${hook} with onStep: ${onStep}, onEpoch: ${onEpoch}. ${hook} runs once an epoch, so only ` +
        'onStep: false, onEpoch: true fits; leave both out.',
    );
  }
  if (!onStep && !onEpoch) {
    throw new LightningError(
      'LOG_OPTIONS',
      `'${name}' was logged with onStep and onEpoch both false, so it goes nowhere. Set one.`,
    );
  }
  return { onStep, onEpoch };
}
