import { Device } from '@lightning-ts/torch';
import { moveToDevice } from '../strategies/moveToDevice.js';
import { evaluateBatches } from './evaluationBatches.js';
import { evaluationHooks } from './evaluationHooks.js';
import { enterEvaluation } from './modelModes.js';
import type { EvaluationRun } from './run.js';

/**
 * Predicts: `for each loader { for each batch { predictStep } }`.
 *
 * @param keeps whether the outputs are gathered, on the CPU
 * @returns the outputs of each batch of each loader; empty lists when nothing is kept
 */
export async function predictionLoop(run: EvaluationRun, keeps: boolean): Promise<unknown[][]> {
  const { cursors, hooks, module } = run;
  const names = evaluationHooks[run.stage];
  const outputs: unknown[][] = cursors.map(() => []);
  const leaveEvaluation = await enterEvaluation(module, run.stage);
  run.position = { at: 'batches', dataloaderIdx: 0, batchIsDone: true };
  const keep = (output: unknown, dataloaderIdx: number): undefined => {
    if (keeps) outputs[dataloaderIdx]!.push(onCpu(output, run));
  };
  try {
    await hooks.call(names.start);
    await hooks.call(names.epochStart);
    await evaluateBatches(run, keep, () => {});
    await hooks.call(names.epochEnd);
    await hooks.call(names.end);
  } finally {
    await leaveEvaluation();
  }
  run.position = null;
  return outputs;
}

function onCpu(output: unknown, { strategy }: EvaluationRun): unknown {
  return strategy.rootDevice.type === 'cpu' ? output : moveToDevice(output, cpu);
}

const cpu = new Device('cpu');
