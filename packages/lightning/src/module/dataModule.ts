import type { Device } from '@lightning-ts/torch';
import { DataLoader, type Dataset } from '@lightning-ts/torch/data';
import { LightningError } from '../errors.js';
import type { HookResult, Stage } from '../hooks/trainerHooks.js';
import type { Trainer } from '../trainer/trainer.js';
import { addHyperparameters, hparamsOf, type SaveHyperparametersOptions } from './hparams.js';
import type { EvaluationLoaders, Loader } from './loaderTypes.js';
import { contextOf } from './moduleContext.js';

/** Datasets for {@link LightningDataModule.fromDatasets}. */
export interface DatasetChoices<Sample> {
  readonly trainDataset?: Dataset<Sample>;
  readonly valDataset?: Dataset<Sample>;
  readonly testDataset?: Dataset<Sample>;
  readonly predictDataset?: Dataset<Sample>;
  /** Samples in a batch. Default 1. */
  readonly batchSize?: number;
}

/**
 * Everything about the data of a run in one place: getting it, splitting it, and making loaders of it. Write the hooks you
 * need; each entry point asks for its own loaders after `setup(stage)`.
 */
// biome-ignore lint/correctness/noUnusedVariables: the interface below uses them
export class LightningDataModule<Batch = unknown, HParams extends object = Record<string, unknown>> {
  /** The saved hyperparameters; empty until `saveHyperparameters` is called. */
  get hparams(): HParams {
    return hparamsOf(this).values as HParams;
  }

  /** The hyperparameters as they were when they were saved. */
  get hparamsInitial(): Readonly<HParams> {
    return hparamsOf(this).initial as HParams;
  }

  /** The Trainer that uses this data module. @throws LightningError NOT_ATTACHED when there is none */
  get trainer(): Trainer {
    const context = contextOf(this);
    if (context !== null) return context.trainer;
    throw new LightningError('NOT_ATTACHED', `${this.constructor.name} is not attached to a Trainer.`);
  }

  /** Keeps the constructor's options: typed in `this.hparams`, stored in checkpoints, sent to the loggers. */
  saveHyperparameters(options: object, rules: SaveHyperparametersOptions = {}): void {
    addHyperparameters(this, options, rules);
  }

  /** What a checkpoint keeps of the data module, under the class's name. Empty: nothing is kept. */
  stateDict(): Record<string, unknown> {
    return {};
  }

  /** Takes back what `stateDict` gave. */
  loadStateDict(_state: Record<string, unknown>): void {}

  /** A data module over ready datasets; only the training data is shuffled. */
  static fromDatasets<Sample>(choices: DatasetChoices<Sample>): LightningDataModule {
    const { batchSize = 1 } = choices;
    const module = new LightningDataModule();
    const add = (
      name: 'trainDataloader' | 'valDataloader' | 'testDataloader' | 'predictDataloader',
      data?: Dataset<Sample>,
    ) => {
      if (data === undefined) return;
      module[name] = () => new DataLoader(data, { batchSize, shuffle: name === 'trainDataloader' }) as Loader<unknown>;
    };
    add('trainDataloader', choices.trainDataset);
    add('valDataloader', choices.valDataset);
    add('testDataloader', choices.testDataset);
    add('predictDataloader', choices.predictDataset);
    return module;
  }
}

/** The hooks a data module may have. */
// biome-ignore lint/correctness/noUnusedVariables: merging with the class needs the same type parameters
export interface LightningDataModule<Batch, HParams> {
  /** Downloads and the like: runs once, before `setup`, and must not set state. */
  prepareData?(): void | Promise<void>;
  /** Loads and splits. Runs in every entry point; called by hand it may be given no stage. */
  setup?(stage?: Stage): HookResult;
  teardown?(stage: Stage): HookResult;
  trainDataloader?(): Loader<Batch> | Promise<Loader<Batch>>;
  valDataloader?(): EvaluationLoaders<Batch> | Promise<EvaluationLoaders<Batch>>;
  testDataloader?(): EvaluationLoaders<Batch> | Promise<EvaluationLoaders<Batch>>;
  predictDataloader?(): EvaluationLoaders<Batch> | Promise<EvaluationLoaders<Batch>>;
  /** Moves a batch to the device. Default: every tensor in it. Taken in place of the module's hook of the same name. */
  transferBatchToDevice?(batch: Batch, device: Device, dataloaderIdx: number): Batch;
  onBeforeBatchTransfer?(batch: Batch, dataloaderIdx: number): Batch;
  onAfterBatchTransfer?(batch: Batch, dataloaderIdx: number): Batch;
  onException?(error: Error): HookResult;
}
