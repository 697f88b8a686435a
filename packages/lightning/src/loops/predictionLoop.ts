import { Device } from '@lightning-ts/torch';
import { moveToDevice } from '../strategies/moveToDevice.js';
import { type AfterBatch, evaluateBatches } from './evaluationBatches.js';
import { evaluationHooks } from './evaluationHooks.js';
import { enterEvaluation } from './modelModes.js';
import type { EvaluationRun } from './run.js';

/**
 * Predicts: `for each loader { for each batch { predictStep } }`.
 *
 * @param take gets each output, on the CPU; a promise of it is awaited. Null: nobody wants them
 */
export async function predictionLoop(run: EvaluationRun, take: AfterBatch | null): Promise<void> {
  const { hooks, module } = run;
  const names = evaluationHooks[run.stage];
  const leaveEvaluation = await enterEvaluation(module, run.stage);
  run.position = { at: 'batches', dataloaderIdx: 0, batchIsDone: true };
  const afterBatch: AfterBatch = (output, dataloaderIdx, batchIdx) =>
    take?.(onCpu(output, run), dataloaderIdx, batchIdx);
  try {
    await hooks.call(names.start);
    await hooks.call(names.epochStart);
    await evaluateBatches(run, afterBatch, () => {});
    await hooks.call(names.epochEnd);
    await hooks.call(names.end);
  } finally {
    await leaveEvaluation();
  }
  run.position = null;
}

function onCpu(output: unknown, { strategy }: EvaluationRun): unknown {
  return strategy.rootDevice.type === 'cpu' ? output : moveToDevice(output, cpu);
}

const cpu = new Device('cpu');
