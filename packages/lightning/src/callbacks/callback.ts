import { type Tensor, warn } from '@lightning-ts/torch';
import type { Optimizer } from '@lightning-ts/torch/optim';
import type { HookResult, Stage, StepOutputs } from '../hooks/trainerHooks.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import type { LogDictOptions, LoggedValue, LogOptions } from '../module/log.js';
import type { CheckpointData } from '../trainer/checkpointData.js';
import type { Trainer } from '../trainer/trainer.js';

/**
 * Something that happens beside the training code: saving, stopping, showing. Extend it and write the hooks you need; the ones
 * you leave out cost nothing.
 *
 * Hooks run in the order of the Trainer's list, before the module's hook of the same name. They may be async, except the ones
 * inside a step (`onBeforeZeroGrad`, `onBeforeBackward`, `onAfterBackward`, `onBeforeOptimizerStep`).
 */
export abstract class Callback {
  /** The key of this callback's state in checkpoints. Two callbacks that keep state need different keys. */
  get stateKey(): string {
    return this.constructor.name;
  }

  /**
   * True for callbacks that watch a metric: their `onTrainBatchEnd`, `onValidationEnd` and `onTrainEpochEnd` run after the
   * module's, so they see what it logs and save what it did.
   */
  readonly monitorsMetrics: boolean = false;

  /** True for callbacks that store predictions themselves: `predict` then returns none unless it is told to. */
  readonly writesPredictions: boolean = false;

  /** Where `log` goes; set by the Trainer while a run is on. */
  logTo: ((name: string, value: LoggedValue, options?: LogOptions) => void) | null = null;

  /** Records a value as the module's `log` does, by the rules of the hook that is running. */
  log(name: string, value: LoggedValue, options?: LogOptions): void {
    if (this.logTo !== null) this.logTo(name, value, options);
    else
      warn('LOG_NOT_ATTACHED', `${this.constructor.name}.log was called outside of a run, so the value goes nowhere.`);
  }

  /** Records several values with the same options. */
  logDict(values: Readonly<Record<string, LoggedValue>>, options?: LogDictOptions): void {
    for (const [name, value] of Object.entries(values)) this.log(name, value, options);
  }

  /** What a checkpoint keeps of this callback, under Python's names. Empty: nothing is kept. */
  stateDict(): Record<string, unknown> {
    return {};
  }

  /** Takes back what `stateDict` gave. */
  loadStateDict(_state: Record<string, unknown>): void {}
}

/** The hooks a callback may have, in the order a run calls them. */
export interface Callback {
  setup?(trainer: Trainer, module: AnyLightningModule, stage: Stage): HookResult;
  onLoadCheckpoint?(trainer: Trainer, module: AnyLightningModule, checkpoint: CheckpointData): HookResult;
  onFitStart?(trainer: Trainer, module: AnyLightningModule): HookResult;
  onSanityCheckStart?(trainer: Trainer, module: AnyLightningModule): HookResult;
  onSanityCheckEnd?(trainer: Trainer, module: AnyLightningModule): HookResult;
  onTrainStart?(trainer: Trainer, module: AnyLightningModule): HookResult;
  onTrainEpochStart?(trainer: Trainer, module: AnyLightningModule): HookResult;
  onTrainBatchStart?(trainer: Trainer, module: AnyLightningModule, batch: unknown, batchIdx: number): HookResult;
  onBeforeZeroGrad?(trainer: Trainer, module: AnyLightningModule, optimizer: Optimizer): void;
  onBeforeBackward?(trainer: Trainer, module: AnyLightningModule, loss: Tensor): void;
  onAfterBackward?(trainer: Trainer, module: AnyLightningModule): void;
  onBeforeOptimizerStep?(trainer: Trainer, module: AnyLightningModule, optimizer: Optimizer): void;
  onTrainBatchEnd?(
    trainer: Trainer,
    module: AnyLightningModule,
    outputs: StepOutputs,
    batch: unknown,
    batchIdx: number,
  ): HookResult;
  onTrainEpochEnd?(trainer: Trainer, module: AnyLightningModule): HookResult;
  onTrainEnd?(trainer: Trainer, module: AnyLightningModule): HookResult;
  onValidationStart?(trainer: Trainer, module: AnyLightningModule): HookResult;
  onValidationEpochStart?(trainer: Trainer, module: AnyLightningModule): HookResult;
  onValidationBatchStart?(
    trainer: Trainer,
    module: AnyLightningModule,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): HookResult;
  onValidationBatchEnd?(
    trainer: Trainer,
    module: AnyLightningModule,
    outputs: unknown,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): HookResult;
  onValidationEpochEnd?(trainer: Trainer, module: AnyLightningModule): HookResult;
  onValidationEnd?(trainer: Trainer, module: AnyLightningModule): HookResult;
  onTestStart?(trainer: Trainer, module: AnyLightningModule): HookResult;
  onTestEpochStart?(trainer: Trainer, module: AnyLightningModule): HookResult;
  onTestBatchStart?(
    trainer: Trainer,
    module: AnyLightningModule,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): HookResult;
  onTestBatchEnd?(
    trainer: Trainer,
    module: AnyLightningModule,
    outputs: unknown,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): HookResult;
  onTestEpochEnd?(trainer: Trainer, module: AnyLightningModule): HookResult;
  onTestEnd?(trainer: Trainer, module: AnyLightningModule): HookResult;
  onPredictStart?(trainer: Trainer, module: AnyLightningModule): HookResult;
  onPredictEpochStart?(trainer: Trainer, module: AnyLightningModule): HookResult;
  onPredictBatchStart?(
    trainer: Trainer,
    module: AnyLightningModule,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): HookResult;
  onPredictBatchEnd?(
    trainer: Trainer,
    module: AnyLightningModule,
    outputs: unknown,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): HookResult;
  onPredictEpochEnd?(trainer: Trainer, module: AnyLightningModule): HookResult;
  onPredictEnd?(trainer: Trainer, module: AnyLightningModule): HookResult;
  onSaveCheckpoint?(trainer: Trainer, module: AnyLightningModule, checkpoint: CheckpointData): HookResult;
  onException?(trainer: Trainer, module: AnyLightningModule, error: Error): HookResult;
  onFitEnd?(trainer: Trainer, module: AnyLightningModule): HookResult;
  teardown?(trainer: Trainer, module: AnyLightningModule, stage: Stage): HookResult;
}
