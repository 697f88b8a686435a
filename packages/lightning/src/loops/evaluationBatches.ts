import { isPromise } from '../hooks/hookTable.js';
import { agreedSignal } from './agreement.js';
import { evaluationHooks } from './evaluationHooks.js';
import { interrupted } from './interrupted.js';
import { count } from './progress.js';
import type { EvaluationRun } from './run.js';

/** What follows a batch, with what the step returned. */
export type AfterBatch = (output: unknown, dataloaderIdx: number, batchIdx: number) => Promise<void> | undefined;

/**
 * Runs every batch of every loader, one loader after the other, with their hooks.
 *
 * The step and the batch hooks run without recording for backward. An async step is awaited, but what it does after its first
 * await is outside of that: other code runs meanwhile, and would be caught by it.
 *
 * @param afterLoader called when a loader is done
 * @throws LightningError RUN_INTERRUPTED when a signal asks the run to end
 */
export async function evaluateBatches(
  run: EvaluationRun,
  afterBatch: AfterBatch,
  afterLoader: (dataloaderIdx: number) => void,
): Promise<void> {
  const { breather, control, cursors, hooks, progress, results, resumeAt, scope, step, strategy, withoutGrad } = run;
  const names = evaluationHooks[run.stage];
  const position = run.position!;
  if (resumeAt === null) progress.begin();
  let batch: unknown;
  let batchIdx = 0;
  let dataloaderIdx = 0;
  let output: unknown;
  let pending: Promise<void> | undefined;
  // Made once: a batch makes no closures.
  const beginBatch = (): void => {
    batch = run.transferBatch(batch, dataloaderIdx);
    results?.setBatch(batch);
    count(progress.batch, 'ready');
    pending = hooks.call(names.batchStart, batch, batchIdx, dataloaderIdx);
  };
  const runStep = (): void => {
    scope.hook = names.step;
    output = step(batch, batchIdx, dataloaderIdx);
  };
  const endBatch = (): void => {
    pending = hooks.call(names.batchEnd, output, batch, batchIdx, dataloaderIdx);
  };
  const finishBatch = (): Promise<void> | undefined => {
    results?.setBatch(null);
    run.seenBatches[dataloaderIdx] = (run.seenBatches[dataloaderIdx] ?? 0) + 1;
    return afterBatch(output, dataloaderIdx, batchIdx);
  };
  for (let loader = resumeAt?.dataloader_idx ?? 0; loader < cursors.length; loader += 1) {
    dataloaderIdx = loader;
    position.dataloaderIdx = loader;
    position.batchIsDone = true;
    const cursor = cursors[loader]!;
    if (results !== null) results.dataloaderIdx = cursors.length > 1 ? loader : null;
    // The loader that a resumed run continues in is at its place already.
    if (resumeAt?.dataloader_idx !== loader) cursor.start();
    else {
      // Saved in the hooks that end a batch: what follows them is still to come.
      batchIdx = cursor.batchIdx;
      if (progress.closeSaved()) pending = finishBatch();
      if (pending !== undefined) await pending;
    }
    for (;;) {
      const advanced = cursor.advance();
      if (!(isPromise(advanced) ? await advanced : advanced)) break;
      ({ batch, batchIdx } = cursor);
      progress.batch.is_last_batch = cursor.isLast;
      position.batchIsDone = false;
      try {
        withoutGrad(beginBatch);
        if (pending !== undefined) await pending;
        count(progress.batch, 'started');
        withoutGrad(runStep);
        if (isPromise(output)) output = await output;
      } finally {
        scope.hook = null;
      }
      count(progress.batch, 'processed');
      position.batchIsDone = true;
      withoutGrad(endBatch);
      if (pending !== undefined) await pending;
      count(progress.batch, 'completed');
      pending = finishBatch();
      if (pending !== undefined) await pending;
      output = undefined;
      const pause = breather.pause();
      if (pause !== undefined) await pause;
      if (control.signal !== null) {
        if (strategy.exchangeFlags === undefined) throw interrupted(control.signal);
        // The others may wait at the end of the loader already: all leave from there.
        break;
      }
    }
    await cursor.close();
    throwAgreedSignal(run);
    afterLoader(loader);
  }
}

/** With several processes, the signal that one of them got ends all. */
function throwAgreedSignal({ control, strategy }: EvaluationRun): void {
  const signal = agreedSignal(strategy, control);
  if (signal !== null) throw interrupted(signal);
}
