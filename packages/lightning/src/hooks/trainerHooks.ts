import type { Tensor } from '@lightning-ts/torch';
import type { Optimizer } from '@lightning-ts/torch/optim';
import type { CheckpointData } from '../trainer/checkpointData.js';

/** The entry points of a Trainer, as `setup` and `teardown` receive them. */
export const stages = ['fit', 'validate', 'test', 'predict'] as const;
export type Stage = (typeof stages)[number];

/** What a hook may return: anything, which nobody reads; a promise is awaited. */
export type HookResult = unknown;

/** What `trainingStep` gave, as `onTrainBatchEnd` sees it: the detached loss (if any) and whatever else was returned with it. */
export interface StepOutputs {
  readonly loss?: Tensor;
  readonly [name: string]: unknown;
}

/**
 * The hooks of a module, with the arguments that callbacks get after `(trainer, module)`.
 *
 * One step of `fit`: `onTrainBatchStart`, then (inside `optimizerStep`) `trainingStep`, `onBeforeZeroGrad`, zeroing,
 * `onBeforeBackward`, `backward`, `onAfterBackward`, `onBeforeOptimizerStep`, clipping, the update; then the schedulers that
 * are due, `onTrainBatchEnd`, and validation if it is due. While gradients accumulate, `optimizerStep` and what belongs to the
 * update are left out.
 */
export interface ModuleHooks<Batch = unknown> {
  setup?(stage: Stage): HookResult;
  onLoadCheckpoint?(checkpoint: CheckpointData): HookResult;
  onFitStart?(): HookResult;
  onTrainStart?(): HookResult;
  onTrainEpochStart?(): HookResult;
  /** Returning -1 skips this batch and the rest of the epoch. */
  onTrainBatchStart?(batch: Batch, batchIdx: number): void | -1 | Promise<void | -1>;
  /** Before gradients are cleared. Synchronous. */
  onBeforeZeroGrad?(optimizer: Optimizer): void;
  /** Before `backward`, with the loss as it will be differentiated. Synchronous. */
  onBeforeBackward?(loss: Tensor): void;
  /** After `backward`: gradients are there. Synchronous. */
  onAfterBackward?(): void;
  /** After the gradients of the whole accumulation window, before clipping and the update. Synchronous. */
  onBeforeOptimizerStep?(optimizer: Optimizer): void;
  onTrainBatchEnd?(outputs: StepOutputs, batch: Batch, batchIdx: number): HookResult;
  onTrainEpochEnd?(): HookResult;
  onTrainEnd?(): HookResult;

  /** Before a validation inside `fit`, unless an accumulation window is open. Default: `this.zeroGrad()`. */
  onValidationModelZeroGrad?(): HookResult;
  /** Puts the model into evaluation mode. Default: `this.eval()`. */
  onValidationModelEval?(): HookResult;
  /** Puts the model back. Default: each submodule gets back the mode it had. */
  onValidationModelTrain?(): HookResult;
  onValidationStart?(): HookResult;
  onValidationEpochStart?(): HookResult;
  onValidationBatchStart?(batch: Batch, batchIdx: number, dataloaderIdx: number): HookResult;
  onValidationBatchEnd?(outputs: unknown, batch: Batch, batchIdx: number, dataloaderIdx: number): HookResult;
  onValidationEpochEnd?(): HookResult;
  onValidationEnd?(): HookResult;

  onTestModelEval?(): HookResult;
  onTestModelTrain?(): HookResult;
  onTestStart?(): HookResult;
  onTestEpochStart?(): HookResult;
  onTestBatchStart?(batch: Batch, batchIdx: number, dataloaderIdx: number): HookResult;
  onTestBatchEnd?(outputs: unknown, batch: Batch, batchIdx: number, dataloaderIdx: number): HookResult;
  onTestEpochEnd?(): HookResult;
  onTestEnd?(): HookResult;

  onPredictModelEval?(): HookResult;
  onPredictStart?(): HookResult;
  onPredictEpochStart?(): HookResult;
  onPredictBatchStart?(batch: Batch, batchIdx: number, dataloaderIdx: number): HookResult;
  onPredictBatchEnd?(outputs: unknown, batch: Batch, batchIdx: number, dataloaderIdx: number): HookResult;
  onPredictEpochEnd?(): HookResult;
  onPredictEnd?(): HookResult;

  onSaveCheckpoint?(checkpoint: CheckpointData): HookResult;
  onFitEnd?(): HookResult;
  teardown?(stage: Stage): HookResult;
}

/** Hooks that only callbacks have. */
interface CallbackOnlyHooks {
  onSanityCheckStart(): HookResult;
  onSanityCheckEnd(): HookResult;
  onException(error: Error): HookResult;
}

/** Hooks that only modules have: they change the model rather than watch it. */
export type ModelModeHook =
  | 'onValidationModelZeroGrad'
  | 'onValidationModelEval'
  | 'onValidationModelTrain'
  | 'onTestModelEval'
  | 'onTestModelTrain'
  | 'onPredictModelEval';

// The two checkpoint hooks are called where checkpoints are made and read, also outside of runs.
type AllHooks = Omit<Required<ModuleHooks>, ModelModeHook | 'onSaveCheckpoint' | 'onLoadCheckpoint'> &
  CallbackOnlyHooks;

/** A hook that the loops call on callbacks and module alike. */
export type HookName = keyof AllHooks;

/** What a hook receives (callbacks: after the trainer and the module). */
export type HookArguments<Name extends HookName> = Parameters<AllHooks[Name]>;

/** Every shared hook, in no particular order: what the hook table looks for. */
export const hookNames = [
  'setup',
  'teardown',
  'onFitStart',
  'onFitEnd',
  'onSanityCheckStart',
  'onSanityCheckEnd',
  'onTrainStart',
  'onTrainEnd',
  'onTrainEpochStart',
  'onTrainEpochEnd',
  'onTrainBatchStart',
  'onTrainBatchEnd',
  'onBeforeZeroGrad',
  'onBeforeBackward',
  'onAfterBackward',
  'onBeforeOptimizerStep',
  'onValidationStart',
  'onValidationEnd',
  'onValidationEpochStart',
  'onValidationEpochEnd',
  'onValidationBatchStart',
  'onValidationBatchEnd',
  'onTestStart',
  'onTestEnd',
  'onTestEpochStart',
  'onTestEpochEnd',
  'onTestBatchStart',
  'onTestBatchEnd',
  'onPredictStart',
  'onPredictEnd',
  'onPredictEpochStart',
  'onPredictEpochEnd',
  'onPredictBatchStart',
  'onPredictBatchEnd',
  'onException',
] as const satisfies readonly HookName[];

/** Methods beside the hooks that a module or data module may have. */
export const overridable = [
  'trainingStep',
  'validationStep',
  'testStep',
  'predictStep',
  'configureOptimizers',
  'configureModel',
  'configureCallbacks',
  'configureGradientClipping',
  'optimizerStep',
  'optimizerZeroGrad',
  'lrSchedulerStep',
  'prepareData',
  'trainDataloader',
  'valDataloader',
  'testDataloader',
  'predictDataloader',
  'transferBatchToDevice',
  'onBeforeBatchTransfer',
  'onAfterBatchTransfer',
  'onSaveCheckpoint',
  'onLoadCheckpoint',
] as const;

/** Hooks that older versions called, and what does their work now. */
export const removedHooks: Readonly<Record<string, string>> = {
  onEpochStart: 'onTrainEpochStart, onValidationEpochStart or onTestEpochStart',
  onEpochEnd: 'onTrainEpochEnd, onValidationEpochEnd or onTestEpochEnd',
  trainingEpochEnd: 'onTrainEpochEnd',
  validationEpochEnd: 'onValidationEpochEnd',
  testEpochEnd: 'onTestEpochEnd',
  trainingStepEnd: 'trainingStep or onTrainBatchEnd',
  validationStepEnd: 'validationStep or onValidationBatchEnd',
  testStepEnd: 'testStep or onTestBatchEnd',
  onBatchStart: 'onTrainBatchStart',
  onBatchEnd: 'onTrainBatchEnd',
  onPretrainRoutineStart: 'onFitStart',
  onPretrainRoutineEnd: 'onFitStart',
  onTrainDataloader: 'onTrainStart',
  onValDataloader: 'onValidationStart',
  onTestDataloader: 'onTestStart',
  onPredictDataloader: 'onPredictStart',
  onInitStart: 'setup',
  onInitEnd: 'setup',
  onBeforeAcceleratorBackendSetup: 'setup',
  onConfigureShardedModel: 'configureModel',
  configureShardedModel: 'configureModel',
  onKeyboardInterrupt: 'onException',
  onHpcSave: 'onSaveCheckpoint',
  onHpcLoad: 'onLoadCheckpoint',
  trainingEnd: 'onTrainEpochEnd',
  validationEnd: 'onValidationEpochEnd',
  testEnd: 'onTestEpochEnd',
  tngDataloader: 'trainDataloader',
  tbpttSplitBatch: 'automaticOptimization = false, and backward by hand',
  getProgressBarDict: "the progress bar's getMetrics",
};
