import { useDeterministicAlgorithms, warn } from '@lightning-ts/torch';
import { save } from '@lightning-ts/torch/serialize';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LightningError } from '../errors.js';
import { isPromise } from '../hooks/hookTable.js';
import type { Stage } from '../hooks/trainerHooks.js';
import { evaluationLoop } from '../loops/evaluationLoop.js';
import { fitLoop } from '../loops/fitLoop.js';
import { limitedLength, loaderLength } from '../loops/limits.js';
import { predictionLoop } from '../loops/predictionLoop.js';
import type { EvaluationStage } from '../loops/run.js';
import { LightningDataModule } from '../module/dataModule.js';
import { describe } from '../module/hparams.js';
import { type AnyLightningModule, LightningModule } from '../module/lightningModule.js';
import { readCheckpoint } from '../module/loadFromCheckpoint.js';
import type { EvaluationLoaders, Loader } from '../module/loaderTypes.js';
import { dumpCheckpoint, restoreModule } from './checkpoint.js';
import { resolveCheckpointPath } from './checkpointPath.js';
import { type DataKind, DataSources } from './dataSources.js';
import { evaluationRun } from './evaluationRun.js';
import { type FitResult, fitResult } from './fitResult.js';
import { attachModule } from './moduleRun.js';
import type { TrainerOptions } from './options.js';
import { prepareFit } from './prepareFit.js';
import { printEvaluation, printSummary } from './printResults.js';
import { checkTrainable } from './fitRun.js';
import { Session } from './session.js';
import { TrainerProperties } from './trainerProperties.js';

/** What `fit` trains on. */
export interface FitOptions<Batch = unknown> {
  readonly trainDataloaders?: Loader<Batch>;
  readonly valDataloaders?: EvaluationLoaders<Batch>;
  readonly datamodule?: LightningDataModule;
  /** A checkpoint to continue from: a path, `'last'`, `'best'`, or `'auto'` (the last one if there is any). */
  readonly ckptPath?: string | null;
}

/** What `validate` and `test` run on. */
export interface EvaluationOptions<Batch = unknown> {
  readonly dataloaders?: EvaluationLoaders<Batch>;
  readonly datamodule?: LightningDataModule;
  /** The weights to use: a path, `'best'`, `'last'`. Default: the module's own; without a module, the best ones. */
  readonly ckptPath?: string | null;
  /** Print the table of results. Default true. */
  readonly verbose?: boolean;
}

/** What `predict` runs on. */
export interface PredictOptions<Batch = unknown> extends Omit<EvaluationOptions<Batch>, 'verbose'> {
  /** Gather the outputs. Default true; false for callbacks that take them. */
  readonly returnPredictions?: boolean;
}

/**
 * Runs the loops: training with validation, checkpoints and logging, and evaluation and prediction.
 *
 * ```ts
 * const trainer = new Trainer({ maxEpochs: 10 });
 * await trainer.fit(model, { trainDataloaders, valDataloaders });
 * await trainer.test(model, { dataloaders, ckptPath: 'best' });
 * ```
 *
 * @throws LightningError OPTION_UNKNOWN, OPTION_INVALID, OPTION_CONFLICT, OPTION_UNAVAILABLE from the constructor
 */
export class Trainer extends TrainerProperties {
  private session: Session | null = null;

  constructor(options: TrainerOptions = {}) {
    super(options);
    const { deterministic } = this.options;
    if (deterministic !== false) useDeterministicAlgorithms(true, { warnOnly: deterministic === 'warn' });
  }

  /**
   * Trains the model. A Ctrl-C or SIGTERM ends the run in order after the batch in progress, and the result says so.
   *
   * @param data loaders, or a data module
   */
  async fit<Batch>(model: LightningModule<Batch, object>, data: FitOptions<NoInfer<Batch>> | LightningDataModule = {}): Promise<FitResult> {
    const options = data instanceof LightningDataModule ? { datamodule: data } : data;
    const module = this.moduleOf(model);
    checkTrainable(module, this.options);
    if (this.options.maxEpochsIsDefault) {
      warn('MAX_EPOCHS_DEFAULT', 'No limit for training was given, so it stops after 1000 epochs. Set maxEpochs, or -1 for no limit.');
    }
    const session = this.open('fit', module, options.datamodule ?? null, { train: options.trainDataloaders, val: options.valDataloaders });
    let path = this.checkpointPath('fit', options.ckptPath, true);
    try {
      await session.begin();
      path ??= this.laterCheckpointPath('fit', options.ckptPath);
      const fit = await prepareFit(session, path);
      printSummary(this);
      session.pass('trainStart');
      this.control.stage = 'train';
      await fitLoop(fit);
      await session.succeed();
    } catch (error) {
      if (!(await session.fail(error))) throw error;
    } finally {
      this.close(session);
    }
    return fitResult(this, this.fitRun);
  }

  /** Runs the validation data once. @returns the logged values of each loader */
  validate<Batch>(
    model: LightningModule<Batch, object> | null = null,
    data: EvaluationOptions<NoInfer<Batch>> | LightningDataModule = {},
  ): Promise<Record<string, number>[]> {
    return this.evaluate('validate', model as AnyLightningModule | null, data as EvaluationOptions | LightningDataModule);
  }

  /** Runs the test data once. @returns the logged values of each loader */
  test<Batch>(
    model: LightningModule<Batch, object> | null = null,
    data: EvaluationOptions<NoInfer<Batch>> | LightningDataModule = {},
  ): Promise<Record<string, number>[]> {
    return this.evaluate('test', model as AnyLightningModule | null, data as EvaluationOptions | LightningDataModule);
  }

  /**
   * Predicts.
   *
   * @returns what `predictStep` returned for each batch, a list for each loader when there are several; null when nothing is kept
   */
  async predict<Batch>(
    model: LightningModule<Batch, object> | null = null,
    data: PredictOptions<NoInfer<Batch>> | LightningDataModule = {},
  ): Promise<unknown[] | null> {
    const options: PredictOptions = data instanceof LightningDataModule ? { datamodule: data } : (data as PredictOptions);
    const { returnPredictions = true } = options;
    let outputs: unknown[][] = [];
    await this.runEvaluation('predict', model as AnyLightningModule | null, options, async (run) => {
      outputs = await predictionLoop(run, returnPredictions);
    });
    if (!returnPredictions || outputs.every((list) => list.length === 0)) return null;
    return outputs.length === 1 ? outputs[0]! : outputs;
  }

  /**
   * Saves a checkpoint of the model and, unless `weightsOnly`, of everything training needs to go on.
   *
   * @throws LightningError MODEL_MISSING before any model was given
   */
  async saveCheckpoint(path: string, options: { readonly weightsOnly?: boolean } = {}): Promise<void> {
    const module = this.strategy.module;
    if (module === null) {
      throw new LightningError('MODEL_MISSING', 'There is no model to save. Call fit first, or trainer.strategy.connect(model).');
    }
    const fit = this.fitRun?.module === module ? this.fitRun : null;
    const subject = { trainer: this, module, dataModule: this.datamodule, fit };
    const checkpoint = await dumpCheckpoint(subject, options.weightsOnly ?? false);
    if (!this.isGlobalZero) return;
    await mkdir(dirname(path), { recursive: true });
    await save(checkpoint, path);
  }

  /** Optimizer steps that `fit` will take; `Infinity` when there is no limit. Usable in `configureOptimizers`. */
  get estimatedSteppingBatches(): number {
    const { maxEpochs, maxSteps } = this.options;
    if (maxEpochs === Number.POSITIVE_INFINITY) return maxSteps;
    const batches = this.fitRun !== null && this.session?.stage !== 'fit' ? this.fitRun.data.total : this.trainBatchesAhead();
    if (batches === Number.POSITIVE_INFINITY) return maxSteps;
    return Math.min(Math.ceil(batches / this.accumulateGradBatches) * Math.max(maxEpochs, 1), maxSteps);
  }

  /** Prints on the first process, above the progress bar. */
  print(...values: unknown[]): void {
    if (!this.isGlobalZero) return;
    const bar = this.progressBarCallback;
    if (bar === null) console.log(...values);
    else bar.print(...values);
  }

  private async evaluate(
    stage: 'validate' | 'test',
    model: AnyLightningModule | null,
    data: EvaluationOptions | LightningDataModule,
  ): Promise<Record<string, number>[]> {
    const options: EvaluationOptions = data instanceof LightningDataModule ? { datamodule: data } : data;
    let results: Record<string, number>[] = [];
    await this.runEvaluation(stage, model, options, async (run) => {
      results = await evaluationLoop(run);
    });
    if ((options.verbose ?? true) && this.isGlobalZero) printEvaluation(this, stage, results);
    return results;
  }

  private async runEvaluation(
    stage: EvaluationStage,
    model: AnyLightningModule | null,
    options: Omit<EvaluationOptions, 'verbose'>,
    body: (run: ReturnType<typeof evaluationRun>) => Promise<void>,
  ): Promise<void> {
    const module = this.moduleOf(model ?? this.lightningModule);
    const kind: DataKind = stage === 'validate' ? 'val' : stage;
    const session = this.open(stage, module, options.datamodule ?? (model === null ? this.datamodule : null), { [kind]: options.dataloaders });
    let path = this.checkpointPath(stage, options.ckptPath, model !== null);
    try {
      await session.begin();
      path ??= this.laterCheckpointPath(stage, options.ckptPath);
      if (path !== null) {
        this.ckptPath = path;
        await restoreModule(session, await readCheckpoint(path), path);
      }
      await session.moveModel();
      await session.logHyperparameters();
      const limits = { validate: 'limitValBatches', test: 'limitTestBatches', predict: 'limitPredictBatches' } as const;
      const run = evaluationRun(session.run, {
        stage,
        loaders: await session.data.load(kind),
        limit: this.options[limits[stage]],
        limitName: limits[stage],
        usesInferenceMode: this.options.inferenceMode,
        progress: this.evaluationProgress[stage],
        rowPosition: () => ({ step: this.fitRun?.progress.batchesThatStepped ?? 0, epoch: this.currentEpoch }),
      });
      this.evaluation = run;
      this.control.stage = stage;
      await body(run);
      await session.succeed();
    } catch (error) {
      await session.fail(error);
      throw error;
    } finally {
      this.close(session);
    }
  }

  private moduleOf(model: unknown): LightningModule {
    if (model instanceof LightningModule) return model as LightningModule;
    if (model === null || model === undefined) {
      throw new LightningError('MODEL_MISSING', 'No model was given, and no earlier call had one. Pass a LightningModule.');
    }
    throw new LightningError('MODEL_INVALID', `The model is ${describe(model)}. Pass an instance of a class that extends LightningModule.`);
  }

  private open(
    stage: Stage,
    module: LightningModule,
    dataModule: LightningDataModule | null,
    given: Partial<Record<DataKind, EvaluationLoaders | undefined>>,
  ): Session {
    if (this.session !== null) {
      throw new LightningError('RUN_ACTIVE', `${stage} was called while ${this.session.stage} is still running. Await the first one.`);
    }
    const loaders = Object.values(given).some((loader) => loader !== undefined);
    if (dataModule !== null && loaders) {
      throw new LightningError('OPTION_CONFLICT', `${stage} was given loaders and a data module. Leave one out.`);
    }
    this.strategy.connect(module);
    attachModule(this, module, dataModule);
    const data = new DataSources(module, dataModule, given, this.options.overfitBatches !== null);
    const session = new Session(this, stage, module, dataModule, data);
    Object.assign(this.control, { status: 'running', fn: stage, stage: null, shouldStop: false, signal: null });
    this.metrics.clear();
    this.datamodule = dataModule;
    this.activeCallbacks = session.callbacks;
    this.session = session;
    if (stage === 'fit') this.fitRun = null;
    return session;
  }

  private close(session: Session): void {
    if (this.session === session) this.session = null;
  }

  /** A path that can be found before the run starts: a wrong one must not cost a download first. */
  private checkpointPath(stage: Stage, asked: string | null | undefined, hasModel: boolean): string | null {
    const path = asked ?? null;
    return path === 'last' || path === 'auto' ? null : resolveCheckpointPath(this, stage, path, hasModel);
  }

  /** The last checkpoint, whose folder is known after `setup`. */
  private laterCheckpointPath(stage: Stage, asked: string | null | undefined): string | null {
    return asked === 'last' || asked === 'auto' ? resolveCheckpointPath(this, stage, asked, true) : null;
  }

  private trainBatchesAhead(): number {
    const { session } = this;
    if (session === null || session.stage !== 'fit') {
      throw new LightningError('NOT_ATTACHED', 'estimatedSteppingBatches is known while fit runs, from configureOptimizers on.');
    }
    session.trainLoader ??= this.askTrainLoader(session);
    return limitedLength(loaderLength(session.trainLoader), this.options.limitTrainBatches, 'limitTrainBatches');
  }

  private askTrainLoader({ data, module }: Session): Loader {
    const value = data.ask('train');
    if (!isPromise(value)) return data.check('train', value)[0]!;
    value.catch(() => {});
    throw new LightningError(
      'LOADER_LENGTH',
      `estimatedSteppingBatches was asked for before the async trainDataloader of ${module.constructor.name}'s data was there. Make ` +
        'trainDataloader synchronous.',
    );
  }
}
