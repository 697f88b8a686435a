import type { Module } from '@lightning-ts/torch/nn';
import type { LightningModule } from '../module/lightningModule.js';
import type { EvaluationStage } from './run.js';

const evalHooks = {
  validate: 'onValidationModelEval',
  test: 'onTestModelEval',
  predict: 'onPredictModelEval',
} as const;
/** The modes that modules under evaluation had before. */
const before = new WeakMap<LightningModule, ReadonlyMap<Module, boolean>>();

const trainHooks = { validate: 'onValidationModelTrain', test: 'onTestModelTrain', predict: null } as const;

/**
 * Puts the model into evaluation mode. The returned function puts each submodule back into the mode it had, so that layers the
 * user froze stay frozen; a module with its own hook for that decides by itself.
 */
export async function enterEvaluation(module: LightningModule, stage: EvaluationStage): Promise<() => Promise<void>> {
  const modes = new Map(module.modules().map((part) => [part, part.training]));
  before.set(module, modes);
  const enter = module[evalHooks[stage]];
  if (enter === undefined) module.eval();
  else await enter.call(module);
  return async () => {
    before.delete(module);
    const name = trainHooks[stage];
    const leave = name === null ? undefined : module[name];
    if (leave !== undefined) await leave.call(module);
    else for (const [part, mode] of modes) part.training = mode;
  };
}

/** Paths of the submodules that are in evaluation mode while the model trains. */
export function frozenModes(module: LightningModule): string[] {
  const modes = before.get(module);
  return module.namedModules().flatMap(([path, part]) => ((modes?.get(part) ?? part.training) ? [] : [path]));
}

/** Puts every submodule into the mode that `frozenModes` tells. */
export function restoreModes(module: LightningModule, frozen: readonly string[]): void {
  const paths = new Set(frozen);
  for (const [path, part] of module.namedModules()) part.training = !paths.has(path);
}
