import { isPromise } from '../hooks/hookTable.js';
import { closeEpoch, finishBatch, leaveEpoch } from './fitBoundaries.js';
import { isAccumulating, mustLeaveEpoch, signalOf, stopReason } from './fitDecisions.js';
import { isUnfinished, restoreInFlight } from './inFlight.js';
import { interrupted } from './interrupted.js';
import { count } from './progress.js';
import type { FitRun } from './run.js';

/**
 * Trains until a limit is reached: `for each epoch { for each batch { step; validate if due } }`.
 *
 * `progress.phase` says where the loop is: it is what a checkpoint keeps, and where a resumed run enters. Nothing is awaited
 * that is not a promise: an await for each batch would cost more than all the rest of the loop.
 */
export async function fitLoop(run: FitRun): Promise<void> {
  // A run that was saved at the end of its last batch or epoch still has to finish that.
  let isOpen = run.resumeFrom !== null && isUnfinished(run.resumeFrom);
  if (!isOpen && stopReason(run) !== null) return;
  await run.hooks.call('onTrainStart');
  run.validation?.start();
  if (run.resumeFrom !== null) await restoreInFlight(run, run.resumeFrom);
  run.agreement?.settle(run.control);
  throwSignal(run);
  for (; isOpen || stopReason(run) === null; isOpen = false) {
    await trainEpoch(run);
    if (run.agreement === null) continue;
    // What one process wishes at an epoch's end is known to all before the next begins.
    run.agreement.settle(run.control);
    throwSignal(run);
  }
  await run.data.close();
  await run.hooks.call('onTrainEnd');
  run.schedulers.finish();
}

async function trainEpoch(run: FitRun): Promise<void> {
  const { agreement, breather, control, data, hooks, progress, results, schedulers, step } = run;
  if (progress.phase === 'epochEnd') return closeEpoch(run);
  if (progress.phase === 'epochStart') await openEpoch(run);
  else if (progress.phase === 'batchEnd' || progress.phase === 'validation') await finishBatch(run);
  const { cursor } = data;
  while (!mustLeaveEpoch(run)) {
    const advanced = cursor.advance();
    if (!(isPromise(advanced) ? await advanced : advanced)) break;
    const { batchIdx, isLast } = cursor;
    progress.phase = 'batch';
    progress.batch.is_last_batch = isLast;
    const batch = run.transferBatch(cursor.batch, 0);
    results.setBatch(batch);
    count(progress.batch, 'ready');
    const skips = hooks.callTrainBatchStart(batch, batchIdx);
    const mustSkip = isPromise(skips) ? await skips : skips;
    if (agreement !== null && hooks.mayAskToSkip ? run.strategy.reduceBooleanDecision(mustSkip, false) : mustSkip) {
      cursor.leave();
      break;
    }
    count(progress.batch, 'started');
    let outputs = step.takeBatch(batch, batchIdx, isLast);
    if (isPromise(outputs)) outputs = await outputs;
    count(progress.batch, 'processed');
    if (!isAccumulating(run, batchIdx, isLast)) schedulers.step('step', false);
    schedulers.step('batch', false);
    if (isLast) schedulers.step('epoch', false);
    progress.phase = 'batchEnd';
    const listening = hooks.call('onTrainBatchEnd', outputs, batch, batchIdx);
    if (listening !== undefined) await listening;
    const finishing = finishBatch(run);
    if (finishing !== undefined) await finishing;
    const pause = breather.pause();
    if (pause !== undefined) await pause;
    agreement?.afterBatch(control);
    throwSignal(run);
  }
  if (cursor.isAtEnd) await closeEpoch(run);
  else await leaveEpoch(run);
}

function throwSignal(run: FitRun): void {
  const signal = signalOf(run);
  if (signal !== null) throw interrupted(signal);
}

async function openEpoch(run: FitRun): Promise<void> {
  const { data, hooks, progress, results } = run;
  await data.prepareEpoch(progress.currentEpoch);
  progress.startEpoch();
  // A resumed run brings what its hooks logged before the checkpoint, and they log it again.
  results.startEpoch(run.resumeFrom === null);
  await hooks.call('onTrainEpochStart');
  count(progress.epoch, 'started');
  data.cursor.start();
  progress.phase = 'batchDone';
}
