import type { LightningModule } from '../module/lightningModule.js';
import type { EvaluationStage } from './run.js';

const evalHooks = {
  validate: 'onValidationModelEval',
  test: 'onTestModelEval',
  predict: 'onPredictModelEval',
} as const;
const trainHooks = { validate: 'onValidationModelTrain', test: 'onTestModelTrain', predict: null } as const;

/**
 * Puts the model into evaluation mode. The returned function puts each submodule back into the mode it had, so that layers the
 * user froze stay frozen; a module with its own hook for that decides by itself.
 */
export async function enterEvaluation(module: LightningModule, stage: EvaluationStage): Promise<() => Promise<void>> {
  const modes = module.modules().map((part) => [part, part.training] as const);
  const enter = module[evalHooks[stage]];
  if (enter === undefined) module.eval();
  else await enter.call(module);
  return async () => {
    const name = trainHooks[stage];
    const leave = name === null ? undefined : module[name];
    if (leave !== undefined) await leave.call(module);
    else for (const [part, mode] of modes) part.training = mode;
  };
}
