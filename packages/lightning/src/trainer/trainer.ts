import { setCudnnBenchmark, useDeterministicAlgorithms, warn } from '@lightning-ts/torch';
import { type Module, skipInit } from '@lightning-ts/torch/nn';
import { recordBatchIndices } from '../callbacks/batchIndices.js';
import { readCheckpointFrom } from '../checkpoint/readCheckpoint.js';
import { LightningError } from '../errors.js';
import type { Stage } from '../hooks/trainerHooks.js';
import { tellLauncher } from '../launchers/launchedProcess.js';
import { countFit, nextFit } from '../launchers/launchVariables.js';
import { evaluationLoop } from '../loops/evaluationLoop.js';
import { fitLoop } from '../loops/fitLoop.js';
import { isInterruption } from '../loops/interrupted.js';
import { predictionLoop } from '../loops/predictionLoop.js';
import type { EvaluationStage } from '../loops/run.js';
import type { LightningDataModule } from '../module/dataModule.js';
import { describe } from '../module/hparams.js';
import { type AnyLightningModule, LightningModule } from '../module/lightningModule.js';
import type { EvaluationLoaders, TrainLoaders } from '../module/loaderTypes.js';
import { OptionReader } from '../optionReader.js';
import type { Strategy } from '../strategies/strategy.js';
import { dumpCheckpoint, restoreModule } from './checkpoint.js';
import { earlyCheckpoint, laterCheckpoint } from './checkpointChoice.js';
import { type DataKind, DataSources } from './dataSources.js';
import {
  type EvaluationOptions,
  evaluationOptionsOf,
  type FitOptions,
  fitOptionsOf,
  type PredictOptions,
} from './entryOptions.js';
import { estimatedSteps } from './estimatedSteps.js';
import { evaluationRun } from './evaluationRun.js';
import { type FitResult, fitResult } from './fitResult.js';
import { checkTrainable } from './fitRun.js';
import { attachModule } from './moduleRun.js';
import type { TrainerOptions } from './options.js';
import { type Prediction, PredictionStream, ReaderLeft } from './predictionStream.js';
import { preemptionSignals, saveForLater } from './preemption.js';
import { prepareFit } from './prepareFit.js';
import { printEvaluation, printSummary } from './printResults.js';
import { profileEvaluation, profileFit } from './profiling.js';
import { Session } from './session.js';
import { splitSeed } from './splitLoaders.js';
import { TrainerProperties } from './trainerProperties.js';
import { watchAnomalies } from './watchAnomalies.js';

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
  /** Which of the script's calls of `fit` the last one was. */
  private fitNumber = 0;

  constructor(options: TrainerOptions = {}) {
    super(options);
    const { benchmark, deterministic } = this.options;
    // cuBLAS is repeatable only with this, set before it starts.
    if (deterministic === true) process.env.CUBLAS_WORKSPACE_CONFIG ??= ':4096:8';
    if (deterministic !== false) useDeterministicAlgorithms(true, { warnOnly: deterministic === 'warn' });
    if (benchmark !== null) setCudnnBenchmark(benchmark);
  }

  /**
   * Trains the model. A Ctrl-C or SIGTERM ends the run in order after the batch in progress, and the result says so (or an error
   * with the code RUN_INTERRUPTED, with `onInterrupt: 'throw'`).
   *
   * @param data a training loader, a data module, or options that name them
   * @param valDataloaders with a training loader: what to validate with
   */
  async fit<Batch>(
    model: LightningModule<Batch, object>,
    data: TrainLoaders<NoInfer<Batch>> | LightningDataModule | FitOptions<NoInfer<Batch>> = {},
    valDataloaders?: EvaluationLoaders<NoInfer<Batch>>,
  ): Promise<FitResult> {
    const options = fitOptionsOf<Batch>(data, valDataloaders);
    const module = this.moduleOf(model);
    checkTrainable(module, this.options);
    if (this.options.maxEpochsIsDefault) {
      warn(
        'MAX_EPOCHS_DEFAULT',
        'No limit for training was given, so it stops after 1000 epochs. Set maxEpochs, or -1 for no limit.',
      );
    }
    let path = earlyCheckpoint(this, 'fit', options.ckptPath, { hasModel: true, fit: nextFit() });
    const session = this.open('fit', module, options.datamodule ?? null, {
      train: options.trainDataloaders,
      val: options.valDataloaders,
    });
    try {
      try {
        await session.begin();
        path ??= laterCheckpoint(this, 'fit', options.ckptPath);
        const run = await prepareFit(session, path);
        printSummary(this);
        session.pass('trainStart');
        if (this.options.profiler !== null) profileFit(run, this.options.profiler);
        this.control.stage = 'train';
        if (this.options.detectAnomaly) session.onEnd(watchAnomalies());
        await fitLoop(run);
      } catch (error) {
        const resumePath = await this.saveIfPreempted(error);
        const { error: cause, isInterrupted } = await session.fail(error);
        if (!isInterrupted || this.options.onInterrupt === 'throw') throw cause;
        return fitResult(this, this.fitRun, resumePath);
      }
      await session.succeed();
      return fitResult(this, this.fitRun, null);
    } finally {
      this.session = null;
    }
  }

  /** Runs the validation data once. @returns the logged values of each loader; none when the limit is 0 */
  async validate<Batch>(
    model: LightningModule<Batch, object> | null = null,
    data: EvaluationLoaders<NoInfer<Batch>> | LightningDataModule | EvaluationOptions<NoInfer<Batch>> = {},
  ): Promise<Record<string, number>[]> {
    return this.evaluate('validate', model as AnyLightningModule | null, evaluationOptionsOf('validate', data));
  }

  /** Runs the test data once. @returns the logged values of each loader; none when the limit is 0 */
  async test<Batch>(
    model: LightningModule<Batch, object> | null = null,
    data: EvaluationLoaders<NoInfer<Batch>> | LightningDataModule | EvaluationOptions<NoInfer<Batch>> = {},
  ): Promise<Record<string, number>[]> {
    return this.evaluate('test', model as AnyLightningModule | null, evaluationOptionsOf('test', data));
  }

  /**
   * Predicts.
   *
   * @returns what `predictStep` returned for each batch, a list for each loader when there are several; null when nothing is
   *   kept: by `returnPredictions: false`, or because a callback stores the predictions
   */
  async predict<Batch>(
    model: LightningModule<Batch, object> | null = null,
    data: EvaluationLoaders<NoInfer<Batch>> | LightningDataModule | PredictOptions<NoInfer<Batch>> = {},
  ): Promise<unknown[] | null> {
    const options = evaluationOptionsOf<PredictOptions>('predict', data);
    const outputs: unknown[][] = [];
    await this.runEvaluation('predict', model as AnyLightningModule | null, options, async (run) => {
      const keeps = options.returnPredictions ?? !this.callbacks.some((callback) => callback.writesPredictions);
      outputs.push(...run.cursors.map(() => []));
      const keep = (output: unknown, dataloaderIdx: number): undefined => void outputs[dataloaderIdx]!.push(output);
      await predictionLoop(run, keeps ? keep : null);
      if (keeps && this.worldSize > 1) outputs.splice(0, outputs.length, ...inOrder(outputs, this.strategy));
    });
    if (outputs.every((list) => list.length === 0)) return null;
    return outputs.length === 1 ? outputs[0]! : outputs;
  }

  /**
   * Predicts batch by batch, as they are asked for: no more than one output is held, however long the data is.
   *
   * ```ts
   * for await (const { output } of trainer.predictStream(model, loader)) write(output);
   * ```
   *
   * Leaving the loop early ends the run; `onPredictEnd` does not come then.
   */
  predictStream<Batch>(
    model: LightningModule<Batch, object> | null = null,
    data:
      | EvaluationLoaders<NoInfer<Batch>>
      | LightningDataModule
      | Omit<PredictOptions<NoInfer<Batch>>, 'returnPredictions'> = {},
  ): AsyncIterableIterator<Prediction> {
    const options = evaluationOptionsOf<PredictOptions>('predict', data);
    return new PredictionStream((put) =>
      this.runEvaluation('predict', model as AnyLightningModule | null, options, (run) =>
        predictionLoop(run, (output, dataloaderIdx, batchIdx) => put({ output, batchIdx, dataloaderIdx })),
      ),
    );
  }

  /**
   * Makes a module whose parameters are on the run's device and in its precision from the start.
   *
   * @param create makes the module: `() => new LargeModel()`
   * @param options.emptyInit leaves out the first weights, whose place takes whatever was in the memory: for a model whose weights
   *   come from a checkpoint. Draws no random numbers. Default false
   * @throws LightningError OPTION_INVALID, OPTION_UNKNOWN
   */
  initModule<Model extends Module>(create: () => Model, options: { readonly emptyInit?: boolean } = {}): Model {
    const reader = new OptionReader<typeof options>('initModule', options);
    const emptyInit = reader.boolean('emptyInit', false);
    reader.done();
    const { precisionPlugin, strategy } = this;
    const build = emptyInit ? (): Model => skipInit(create) : create;
    const module = precisionPlugin.initModule === undefined ? build() : precisionPlugin.initModule(build);
    return module.to(strategy.rootDevice);
  }

  /**
   * Saves a checkpoint of the model and, unless `weightsOnly`, of everything training needs to go on.
   *
   * @throws LightningError MODEL_MISSING before any model was given, OPTION_INVALID, OPTION_UNKNOWN
   */
  async saveCheckpoint(path: string, options: { readonly weightsOnly?: boolean } = {}): Promise<void> {
    const reader = new OptionReader<typeof options>('saveCheckpoint', options);
    const weightsOnly = reader.boolean('weightsOnly', false);
    reader.done();
    if (typeof path !== 'string' || path === '')
      throw new LightningError('OPTION_INVALID', `saveCheckpoint: path is ${describe(path)}. Give the path of a file.`);
    const module = this.strategy.module;
    if (module === null) {
      throw new LightningError(
        'MODEL_MISSING',
        'There is no model to save. Call fit first, or trainer.strategy.connect(model).',
      );
    }
    const fit = this.fitRun?.module === module ? this.fitRun : null;
    // Outside of a run, or after a failure, nobody knows whether the other processes are here.
    const together = this.worldSize > 1 && this.session !== null && !this.control.isBroken;
    const subject = { trainer: this, module, dataModule: this.datamodule, fit, together };
    const checkpoint = await dumpCheckpoint(subject, weightsOnly);
    if (this.isGlobalZero) {
      await this.checkpointIo.saveCheckpoint(checkpoint, path);
      if (fit !== null && !weightsOnly) tellLauncher({ kind: 'checkpoint', path, fit: this.fitNumber });
    }
    // Whoever comes next may look for the file.
    if (together) await this.strategy.barrier('saveCheckpoint');
    if (!this.isGlobalZero) return;
    // Within a run a plugin may write in the background; otherwise nobody would wait for it.
    if (this.session === null) await this.checkpointIo.flush?.();
  }

  /** Optimizer steps that `fit` will take; `Infinity` when there is no limit. Usable in `configureOptimizers`. */
  get estimatedSteppingBatches(): number {
    return estimatedSteps(this, this.session);
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
    options: EvaluationOptions,
  ): Promise<Record<string, number>[]> {
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
    let path = earlyCheckpoint(this, stage, options.ckptPath, { hasModel: model !== null });
    const dataModule = options.datamodule ?? (model === null ? this.datamodule : null);
    const session = this.open(stage, module, dataModule, { [kind]: options.dataloaders });
    try {
      await session.begin();
      path ??= laterCheckpoint(this, stage, options.ckptPath);
      if (path !== null) {
        this.loadedPath = path;
        await restoreModule(session, await readCheckpointFrom(this.checkpointIo, path), path);
      }
      await session.moveModel();
      await session.logHyperparameters();
      const limits = { validate: 'limitValBatches', test: 'limitTestBatches', predict: 'limitPredictBatches' } as const;
      const loaders = await session.data.load(kind);
      const run = evaluationRun(session.run, {
        stage,
        loaders:
          stage === 'predict' && this.callbacks.some((callback) => callback.writesPredictions)
            ? loaders.map(recordBatchIndices)
            : loaders,
        limit: this.options[limits[stage]],
        limitName: limits[stage],
        usesInferenceMode: this.options.inferenceMode,
        progress: this.evaluationProgress[stage],
        rowPosition: () => ({ step: this.fitRun?.progress.batchesThatStepped ?? 0, epoch: this.currentEpoch }),
      });
      this.evaluation = run;
      if (this.options.profiler !== null) profileEvaluation(run, this.options.profiler);
      this.control.stage = stage;
      if (run.cursors.some(({ total }) => total > 0)) await body(run);
    } catch (error) {
      // Whoever reads predictions may leave before the end: that is no failure.
      const ending = error instanceof ReaderLeft ? session.succeed() : session.fail(error);
      const ended = await ending.finally(() => {
        this.session = null;
      });
      throw ended?.error ?? error;
    }
    await session.succeed().finally(() => {
      this.session = null;
    });
  }

  /** @returns the checkpoint that was saved because a signal said that the time is over; null when none was */
  private async saveIfPreempted(error: unknown): Promise<string | null> {
    const { control, fitRun, options } = this;
    const isMeant = control.signal !== null && preemptionSignals(options).includes(control.signal);
    if (!isMeant || fitRun === null || !isInterruption(error)) return null;
    try {
      return await saveForLater(this);
    } catch (failure) {
      warn(
        'PREEMPTION_SAVE',
        `${control.signal} came, but no checkpoint could be saved: ${(failure as Error).message}`,
      );
      return null;
    }
  }

  private moduleOf(model: unknown): LightningModule {
    if (model instanceof LightningModule) return model as LightningModule;
    if (model === null || model === undefined) {
      throw new LightningError(
        'MODEL_MISSING',
        'No model was given, and no earlier call had one. Pass a LightningModule.',
      );
    }
    throw new LightningError(
      'MODEL_INVALID',
      `The model is ${describe(model)}. Pass an instance of a class that extends LightningModule.`,
    );
  }

  private open(
    stage: Stage,
    module: LightningModule,
    dataModule: LightningDataModule | null,
    given: Partial<Record<DataKind, unknown>>,
  ): Session {
    if (this.session !== null) {
      throw new LightningError(
        'RUN_ACTIVE',
        `${stage} was called while ${this.session.stage} is still running. Await the first one.`,
      );
    }
    const loaders = Object.values(given).some((loader) => loader !== undefined);
    if (dataModule !== null && loaders) {
      throw new LightningError('OPTION_CONFLICT', `${stage} was given loaders and a data module. Leave one out.`);
    }
    this.strategy.connect(module);
    attachModule(this, module, dataModule);
    const { globalRank: rank, worldSize } = this;
    const split = worldSize > 1 && this.options.useDistributedSampler ? { rank, worldSize, seed: splitSeed() } : null;
    const data = new DataSources(module, dataModule, given, this.options.overfitBatches !== null, split);
    const session = new Session(this, stage, module, dataModule, data);
    Object.assign(this.control, {
      status: 'running',
      fn: stage,
      stage: null,
      shouldStop: false,
      signal: null,
      isBroken: false,
    });
    this.metrics.clear(stage === 'fit');
    this.datamodule = dataModule;
    this.loaded = data.loaded;
    this.activeCallbacks = session.callbacks;
    this.session = session;
    if (stage === 'fit') {
      this.fitRun = null;
      this.fitNumber = countFit();
    }
    return session;
  }
}

/** The outputs of all processes, of which each had every n-th batch, in the order of the batches. */
function inOrder(own: readonly unknown[][], strategy: Strategy): unknown[][] {
  const all = strategy.allGatherObject?.(own) ?? [own];
  return own.map((_, dataloaderIdx) => {
    const lists = all.map((ofRank) => ofRank[dataloaderIdx]!);
    const longest = Math.max(...lists.map((list) => list.length));
    return Array.from({ length: longest }, (_, batch) => lists.flatMap((list) => list.slice(batch, batch + 1))).flat();
  });
}
