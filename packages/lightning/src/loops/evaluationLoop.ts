import type { Tensor } from '@lightning-ts/torch';
import { evaluateBatches } from './evaluationBatches.js';
import { evaluationHooks } from './evaluationHooks.js';
import { setLoaderEpoch } from './loaderKinds.js';
import { enterEvaluation } from './modelModes.js';
import type { EvaluationRun } from './run.js';

/**
 * Validates or tests: `for each loader { for each batch { step } }`, then one row with the epoch's values.
 *
 * @returns the values logged for each loader, with those of the epoch's end in every one
 */
export async function evaluationLoop(run: EvaluationRun): Promise<Record<string, number>[]> {
  const { metrics, module, results } = run;
  const before = metrics.active;
  metrics.active = results;
  const leaveEvaluation = await enterEvaluation(module, run.stage);
  let values: Record<string, number>[];
  try {
    values = await evaluate(run);
  } finally {
    // Also when a batch failed or a signal came: a model must not stay in evaluation mode unnoticed.
    await leaveEvaluation();
    metrics.active = before;
  }
  run.position = null;
  run.resumeAt = null;
  results!.reset();
  return values;
}

async function evaluate(run: EvaluationRun): Promise<Record<string, number>[]> {
  const { cursors, hooks, metrics, resumeAt } = run;
  const results = run.results!;
  const names = evaluationHooks[run.stage];
  // Where a run that was saved in here enters again; from the start otherwise.
  const from = resumeAt?.at ?? 'batches';
  // Everything was logged and sent; what callbacks saw came back with the checkpoint.
  if (from === 'end') return [];
  run.position ??= { at: from, dataloaderIdx: resumeAt?.dataloader_idx ?? 0, batchIsDone: true };
  if (resumeAt === null) results.startEpoch();
  if (from === 'batches') {
    for (const cursor of cursors) setLoaderEpoch(cursor.loader, run.rowPosition().epoch);
    await hooks.call(names.start);
    await hooks.call(names.epochStart);
    resumeAt?.settle();
    await evaluateBatches(
      run,
      (_, dataloaderIdx) => sendStepRow(run, dataloaderIdx),
      (dataloaderIdx) => {
        results.dataloaderIdx = cursors.length > 1 ? dataloaderIdx : null;
        results.epochHasEnded = true;
        results.syncEpoch(run.module);
        closeLoader(run, dataloaderIdx);
        results.epochHasEnded = false;
      },
    );
    run.position.at = 'epochEnd';
    results.epochHasEnded = true;
    results.dataloaderIdx = null;
    await hooks.call(names.epochEnd);
  }
  results.epochHasEnded = true;
  results.syncEpoch(run.module);
  const ofLoaders = cursors.map((_, dataloaderIdx) => closeLoader(run, dataloaderIdx));
  results.dataloaderIdx = null;
  const ofEpoch = metrics.absorb();
  const all = new Map([...ofLoaders.flatMap((values) => [...values]), ...ofEpoch]);
  const { epoch, step } = run.rowPosition();
  if (!run.isSanityCheck) await metrics.sendRow(all, step, epoch);
  run.position.at = 'end';
  await hooks.call(names.end);
  return ofLoaders.map((values) => toNumbers(new Map([...values, ...ofEpoch])));
}

/** The epoch's values of one loader, seen by callbacks from now on. */
function closeLoader({ cursors, metrics, results }: EvaluationRun, dataloaderIdx: number): Map<string, Tensor> {
  results!.dataloaderIdx = cursors.length > 1 ? dataloaderIdx : null;
  results!.epochHasEnded = true;
  return metrics.absorb();
}

/** Values that were logged with `onStep`, by the number of batches seen of this loader. */
function sendStepRow(run: EvaluationRun, dataloaderIdx: number): Promise<void> | undefined {
  const { metrics, results } = run;
  if (run.isSanityCheck || !results!.hasStepValues) return undefined;
  return metrics.sendRow(metrics.absorb(), run.seenBatches[dataloaderIdx]! - 1, null);
}

function toNumbers(values: ReadonlyMap<string, Tensor>): Record<string, number> {
  return Object.fromEntries([...values].map(([name, value]) => [name, value.item()]));
}
