import { LightningError } from '../errors.js';
import { canStopEarly, isAccumulating, wantsStop } from './fitDecisions.js';
import { captureInFlight } from './inFlight.js';
import { count } from './progress.js';
import type { FitRun } from './run.js';

/**
 * What follows `onTrainBatchEnd`: the step's row for the loggers, validation if it is due, the schedulers that wait for its
 * metrics. A resumed run enters here too. Returns a promise only when something has to be awaited.
 */
export function finishBatch(run: FitRun): Promise<void> | undefined {
  const { data, progress, results } = run;
  const { batchIdx, isLast } = data.cursor;
  const accumulates = isAccumulating(run, batchIdx, isLast);
  let row: Promise<void> | undefined;
  if (progress.phase === 'batchEnd') {
    results.setBatch(null);
    count(progress.batch, 'completed');
    row = accumulates ? undefined : sendStepRow(run);
  }
  const mustValidate = progress.phase === 'validation' || validationIsDue(run, batchIdx, isLast);
  if (row !== undefined || mustValidate) return waitAndValidate(run, row, mustValidate, accumulates);
  closeBatch(run, accumulates);
  return undefined;
}

/** Whether validation follows a batch. */
export function validationIsDue(run: FitRun, batchIdx: number, isLast: boolean): boolean {
  const { progress, validation } = run;
  if (validation === null) return false;
  const isStopping = wantsStop(run) && canStopEarly(run);
  return validation.isDue(batchIdx, isLast, progress.currentEpoch, progress.batch.total.ready, isStopping);
}

async function waitAndValidate(
  run: FitRun,
  row: Promise<void> | undefined,
  mustValidate: boolean,
  accumulates: boolean,
): Promise<void> {
  const { module, progress, validation } = run;
  await row;
  if (mustValidate && validation !== null) {
    progress.phase = 'validation';
    if (!accumulates) {
      // Gradients would only take memory while the model is evaluated.
      if (module.onValidationModelZeroGrad !== undefined) await module.onValidationModelZeroGrad();
      else if (module.automaticOptimization) module.zeroGrad();
    }
    await validation.run();
  }
  closeBatch(run, accumulates);
}

function closeBatch(run: FitRun, accumulates: boolean): void {
  const { progress, schedulers } = run;
  if (!accumulates) {
    schedulers.step('step', true);
    progress.batchesThatStepped += 1;
  }
  schedulers.step('batch', true);
  progress.phase = 'batchDone';
}

function sendStepRow(run: FitRun): Promise<void> | undefined {
  const { control, metrics, progress, settings } = run;
  const { logEveryNSteps } = settings;
  if (logEveryNSteps === 0) return undefined;
  if ((progress.batchesThatStepped + 1) % logEveryNSteps !== 0 && !control.shouldStop) return undefined;
  return metrics.sendRow(metrics.absorb(), progress.batchesThatStepped, progress.currentEpoch);
}

/** All batches of the epoch are done: its hooks, the schedulers that watch a metric, and its row for the loggers. */
export async function closeEpoch(run: FitRun): Promise<void> {
  const { data, hooks, progress, schedulers } = run;
  if (progress.phase !== 'epochEnd') {
    if (data.cursor.batchIdx === -1) throw emptyLoader(run);
    await data.close();
    progress.phase = 'epochEnd';
    count(progress.epoch, 'processed');
    endResults(run);
    await hooks.call('onTrainEpochEnd');
  } else endResults(run);
  schedulers.step('epoch', true);
  await sendEpochRow(run);
  count(progress.epoch, 'completed');
  progress.phase = 'epochStart';
}

/**
 * The run ends inside an epoch, by `maxSteps` or a wish to stop. The epoch's hooks and row come as they would at its end, but it
 * does not count as done: a checkpoint from here on continues with the next batch, and with what was gathered so far.
 */
export async function leaveEpoch(run: FitRun): Promise<void> {
  run.cutOff = captureInFlight(run);
  endResults(run);
  await run.hooks.call('onTrainEpochEnd');
  await sendEpochRow(run);
}

function endResults({ metrics, module, results }: FitRun): void {
  // The last step's values stay visible to callbacks after the epoch.
  metrics.absorb();
  results.setBatch(null);
  results.epochHasEnded = true;
  results.syncEpoch(module);
}

async function sendEpochRow({ metrics, progress, results }: FitRun): Promise<void> {
  const step = Math.max(0, progress.batchesThatStepped - 1);
  await metrics.sendRow(metrics.absorb(), step, progress.currentEpoch);
  results.reset();
}

function emptyLoader(run: FitRun): LightningError {
  return new LightningError(
    'LOADER_EMPTY',
    `The training loader gave no batch in epoch ${run.progress.currentEpoch}. A loader must start anew each time it is walked ` +
      'through, and have at least one batch.',
  );
}
