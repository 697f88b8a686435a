// What the reference does, written down a second time as plain rules: which hooks a fit calls, in which order, and which rows
// its loggers get. Knows nothing of the engine; the tests compare real runs with it.

/** The settings of a fit that decide its order. */
export interface LoopSettings {
  readonly batches: number;
  readonly maxEpochs: number;
  readonly maxSteps: number | null;
  readonly accumulate: number;
  readonly isManual: boolean;
  /** Batches of each validation loader; empty for no validation. */
  readonly valBatches: readonly number[];
  readonly sanitySteps: number;
  /** A number above 1 counts batches, a smaller one is a part of the epoch. */
  readonly valCheckInterval: number;
  readonly checkValEveryNEpoch: number | null;
  readonly scheduler: 'none' | 'step' | 'epoch' | 'plateau';
  readonly logEveryNSteps: number;
  readonly limitTrain: number | null;
  readonly limitVal: number | null;
  /** The epoch after which a callback asks to stop, and the fewest epochs to train. */
  readonly stopAfterEpoch: number | null;
  readonly minEpochs: number;
}

/** One row: its position and the names in it. */
export type ExpectedRow = readonly [step: number, names: string];

export interface ExpectedRun {
  readonly calls: string[];
  readonly rows: ExpectedRow[];
  readonly globalStep: number;
  readonly epochs: number;
}

const both = (name: string): string[] => [`C.${name}`, `M.${name}`];
const zeroGrad = [...both('onBeforeZeroGrad'), 'M.optimizerZeroGrad'];
const backward = [...both('onBeforeBackward'), 'M.backward', ...both('onAfterBackward')];

/** The model logs `loss` by step and epoch, `val_loss` by epoch, and `end` when an epoch ends. */
export function referenceRun(given: LoopSettings): ExpectedRun {
  const settings = { ...given, batches: Math.min(given.batches, given.limitTrain ?? Number.POSITIVE_INFINITY) };
  const valBatches = settings.valBatches.map((count) => Math.min(count, settings.limitVal ?? Number.POSITIVE_INFINITY));
  const validates = valBatches.length > 0 && settings.limitVal !== 0;
  const calls: string[] = [
    'M.configureCallbacks',
    'M.prepareData',
    ...both('setup'),
    'M.configureModel',
    'M.configureOptimizers',
    ...both('onFitStart'),
  ];
  const rows: ExpectedRow[] = [];
  const valNames =
    valBatches.length > 1 ? valBatches.map((_, index) => `val_loss/dataloader_idx_${index}`) : ['val_loss'];

  const evaluate = (counts: readonly number[]): void => {
    calls.push('M.onValidationModelEval', ...both('onValidationStart'), ...both('onValidationEpochStart'));
    for (const count of counts) {
      for (let batch = 0; batch < count; batch += 1) {
        calls.push(...both('onValidationBatchStart'), 'M.validationStep', 'M.forward', ...both('onValidationBatchEnd'));
      }
    }
    calls.push(...both('onValidationEpochEnd'), ...both('onValidationEnd'));
  };

  if (validates && settings.sanitySteps > 0) {
    calls.push('C.onSanityCheckStart');
    evaluate(valBatches.map((count) => Math.min(count, settings.sanitySteps)));
    calls.push('C.onSanityCheckEnd');
  }
  if (settings.batches === 0)
    return { calls: [...calls, ...both('onFitEnd'), ...both('teardown')], rows, globalStep: 0, epochs: 0 };
  calls.push(...both('onTrainStart'));
  const state = { steps: 0, stepped: 0, seen: 0, epoch: 0, isAsked: false, mustStop: false };
  const maxSteps = settings.maxSteps ?? Number.POSITIVE_INFINITY;
  const everyBatches =
    settings.valCheckInterval > 1
      ? settings.valCheckInterval
      : Math.max(1, Math.floor(settings.batches * settings.valCheckInterval));

  while (state.epoch < settings.maxEpochs && state.steps < maxSteps && !state.mustStop) {
    calls.push(...both('onTrainEpochStart'));
    let batch = 0;
    for (; batch < settings.batches && state.steps < maxSteps; batch += 1) trainBatch(batch);
    calls.push(...both('onTrainEpochEnd'));
    // Ours: an epoch that maxSteps cut short is not over. It can be resumed, and its scheduler steps at its true end.
    const isWhole = batch === settings.batches;
    if (settings.scheduler === 'plateau' && !settings.isManual && isWhole) calls.push('M.lrSchedulerStep');
    rows.push([Math.max(0, state.stepped - 1), 'end epoch loss_epoch']);
    if (settings.stopAfterEpoch !== null && state.epoch >= settings.stopAfterEpoch) state.isAsked = true;
    if (state.isAsked && state.epoch + 1 >= settings.minEpochs) state.mustStop = true;
    state.epoch += 1;
  }
  calls.push(...both('onTrainEnd'), ...both('onFitEnd'), ...both('teardown'));
  return { calls, rows, globalStep: state.steps, epochs: state.epoch };

  function trainBatch(batch: number): void {
    const { accumulate, isManual, scheduler } = settings;
    const isLast = batch + 1 === settings.batches;
    const steps = isManual || isLast || (batch + 1) % accumulate === 0;
    state.seen += 1;
    calls.push(...both('onTrainBatchStart'));
    if (isManual) calls.push('M.trainingStep', 'M.forward', ...backward, ...both('onBeforeOptimizerStep'));
    else {
      if (steps) calls.push('M.optimizerStep');
      calls.push('M.trainingStep', 'M.forward');
      if (batch % accumulate === 0) calls.push(...zeroGrad);
      calls.push(...backward);
      if (steps) calls.push(...both('onBeforeOptimizerStep'), 'M.configureGradientClipping', 'M.clipGradients');
      if (steps && scheduler === 'step') calls.push('M.lrSchedulerStep');
      if (isLast && scheduler === 'epoch') calls.push('M.lrSchedulerStep');
    }
    if (steps) state.steps += 1;
    calls.push(...both('onTrainBatchEnd'));
    // Once somebody asked to stop, every step has a row.
    const isLogged = state.isAsked || (state.stepped + 1) % settings.logEveryNSteps === 0;
    if (steps && settings.logEveryNSteps > 0 && isLogged) {
      rows.push([state.stepped, 'epoch loss_step']);
    }
    if (validationIsDue(batch, isLast)) {
      if (steps) calls.push('M.onValidationModelZeroGrad');
      evaluate(valBatches);
      rows.push([state.stepped, ['epoch', ...valNames].sort().join(' ')]);
    }
    if (steps) state.stepped += 1;
  }

  function validationIsDue(batch: number, isLast: boolean): boolean {
    const { checkValEveryNEpoch, valCheckInterval } = settings;
    if (!validates || (checkValEveryNEpoch !== null && (state.epoch + 1) % checkValEveryNEpoch !== 0)) return false;
    if (valCheckInterval === 1) return isLast;
    return (checkValEveryNEpoch === null ? state.seen : batch + 1) % everyBatches === 0;
  }
}
