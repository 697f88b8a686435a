import type { Tensor } from '@lightning-ts/torch';
import { describe } from '../describe.js';
import { LightningError } from '../errors.js';
import type { LoggedName } from '../logging/logEntry.js';
import { RunMetrics } from '../logging/runMetrics.js';
import { validationIsDue } from '../loops/fitBoundaries.js';
import type { LightningOptimizer } from '../loops/lightningOptimizer.js';
import { EvaluationProgress } from '../loops/progress.js';
import type { EvaluationRun, EvaluationStage, FitRun, LoopStage, RunControl } from '../loops/run.js';
import type { SchedulerConfig } from '../loops/schedulers.js';
import type { LightningDataModule } from '../module/dataModule.js';
import type { LightningModule } from '../module/lightningModule.js';
import type { DataKind } from './dataSources.js';
import type { TrainerOptions } from './options.js';
import { TrainerSetup } from './trainerSetup.js';

/** How far training is. */
export interface RunCounters {
  /** Whole epochs done. */
  readonly epochs: number;
  /** Batches done over the whole run. */
  readonly batches: number;
  /** Steps of each optimizer. */
  readonly optimizerSteps: readonly number[];
  /** Steps of all optimizers together. */
  readonly globalStep: number;
}

/** What a Trainer tells about itself and its runs, to callbacks, modules and users. */
export abstract class TrainerProperties extends TrainerSetup {
  readonly control: RunControl = {
    status: 'initializing',
    fn: null,
    stage: null,
    shouldStop: false,
    signal: null,
    isBroken: false,
  };
  readonly metrics: RunMetrics;
  /** How far the evaluations have come over all calls. */
  readonly evaluationProgress = {
    validate: new EvaluationProgress(),
    test: new EvaluationProgress(),
    predict: new EvaluationProgress(),
  } as const;
  /** The checkpoint that was loaded last; for the parts of the Trainer. */
  loadedPath: string | null = null;
  /** What `ckptPath` was set to; for the parts of the Trainer. */
  pinnedPath: string | null = null;
  datamodule: LightningDataModule | null = null;
  /** The training run in progress, or the last one; for the parts of the Trainer. */
  fitRun: FitRun | null = null;
  /** The evaluation in progress, or the last one, outside of `fit`. */
  evaluation: EvaluationRun | null = null;
  /** The check before training, in progress or the last one. */
  sanityCheck: EvaluationRun | null = null;
  protected loaded: Readonly<Partial<Record<DataKind, unknown>>> = {};
  private accumulation: number;

  constructor(given: TrainerOptions) {
    super(given);
    this.accumulation = this.options.accumulateGradBatches;
    this.metrics = new RunMetrics(
      () => (this.isGlobalZero ? this.loggers : []),
      () => ({ epoch: this.currentEpoch, batches: this.counters.batches, globalStep: this.globalStep }),
    );
  }

  // --- what it is doing ---

  get state(): Readonly<Pick<RunControl, 'status' | 'fn' | 'stage'>> {
    return this.control;
  }

  /** Set to true to end training after the batch, once `minEpochs` and `minSteps` are reached. */
  get shouldStop(): boolean {
    return this.control.shouldStop;
  }

  set shouldStop(value: boolean) {
    if (typeof value !== 'boolean')
      throw new LightningError('OPTION_INVALID', `shouldStop was set to ${describe(value)}. Use true or false.`);
    this.control.shouldStop = value;
  }

  get training(): boolean {
    return this.isIn('train');
  }

  get validating(): boolean {
    return this.isIn('validate');
  }

  get testing(): boolean {
    return this.isIn('test');
  }

  get predicting(): boolean {
    return this.isIn('predict');
  }

  get sanityChecking(): boolean {
    return this.isIn('sanity_check');
  }

  get evaluating(): boolean {
    return this.validating || this.testing || this.sanityChecking;
  }

  get interrupted(): boolean {
    return this.control.status === 'interrupted';
  }

  get receivedSigterm(): boolean {
    return this.control.signal === 'SIGTERM';
  }

  // --- how far it is ---

  /** Whole epochs done: 0 during the first. */
  get currentEpoch(): number {
    return this.fitRun?.progress.currentEpoch ?? 0;
  }

  /** Optimizer steps done; in manual optimization those of all optimizers together. */
  get globalStep(): number {
    return this.fitRun?.progress.globalStep ?? 0;
  }

  /** How far training is, each in its own unit. `maxSteps` and `logEveryNSteps` count optimizer steps. */
  get counters(): RunCounters {
    const { progress } = this.fitRun ?? {};
    const optimizerSteps =
      this.fitRun === null
        ? []
        : this.fitRun.optimizers.map((_, index) =>
            this.fitRun!.module.automaticOptimization ? progress!.globalStep : (progress!.stepsByOptimizer[index] ?? 0),
          );
    return {
      epochs: this.currentEpoch,
      batches: progress?.batch.total.completed ?? 0,
      optimizerSteps,
      globalStep: this.globalStep,
    };
  }

  /** Whether the batch in progress is the epoch's last. */
  get isLastBatch(): boolean {
    return this.fitRun?.progress.batch.is_last_batch ?? false;
  }

  /** Batches in a training epoch; `Infinity` when unknown. */
  get numTrainingBatches(): number {
    return this.fitRun?.data.total ?? 0;
  }

  get numValBatches(): readonly number[] {
    return totals(
      this.fitRun !== null && this.control.fn === 'fit' ? this.fitRun.evaluation : this.evaluationOf('validate'),
    );
  }

  get numSanityValBatches(): readonly number[] {
    return totals(this.sanityCheck);
  }

  get numTestBatches(): readonly number[] {
    return totals(this.evaluationOf('test'));
  }

  get numPredictBatches(): readonly number[] {
    return totals(this.evaluationOf('predict'));
  }

  /** Whether validation follows this training batch. */
  validationIsDue(batchIdx: number): boolean {
    return this.fitRun !== null && validationIsDue(this.fitRun, batchIdx, this.fitRun.data.cursor.isLast);
  }

  /** Whether every epoch ends with its one validation. */
  get validatesOncePerEpoch(): boolean {
    const { checkValEveryNEpoch, valCheckInterval } = this.options;
    return checkValEveryNEpoch === 1 && 'fraction' in valCheckInterval && valCheckInterval.fraction === 1;
  }

  /** Whether values logged now reach the loggers with this step's row. */
  get logsStepRow(): boolean {
    const { logEveryNSteps } = this.options;
    if (logEveryNSteps === 0 || this.fitRun === null) return false;
    return (this.fitRun.progress.batchesThatStepped + 1) % logEveryNSteps === 0 || this.shouldStop;
  }

  /** Sends a row of values to the loggers now, and lets callbacks watch them. */
  logRow(values: Readonly<Record<string, Tensor>>): void | Promise<void> {
    const row = new Map(Object.entries(values));
    this.metrics.keep(row);
    return this.metrics.sendRow(row, this.fitRun?.progress.batchesThatStepped ?? 0, this.currentEpoch);
  }

  /** The checkpoint that was loaded last. Set it to choose one for later calls that are given none. */
  get ckptPath(): string | null {
    return this.pinnedPath ?? this.loadedPath;
  }

  set ckptPath(path: string | null) {
    if (path !== null && (typeof path !== 'string' || path === ''))
      throw new LightningError('OPTION_INVALID', `ckptPath was set to ${describe(path)}. Use a path or null.`);
    this.pinnedPath = path;
  }

  // --- what was logged ---

  /** The latest values by name: what callbacks decide by. */
  get callbackMetrics(): Record<string, Tensor> {
    return this.metrics.callbackMetrics;
  }

  get loggedMetrics(): Record<string, Tensor> {
    return this.metrics.loggedMetrics;
  }

  get progressBarMetrics(): Record<string, number> {
    return this.metrics.progressBarMetrics;
  }

  /** Everything that was logged in the last or present run: in which hook, under which names, and how it is reduced. */
  get loggedNames(): readonly LoggedName[] {
    const stores = [this.fitRun?.results, this.fitRun?.evaluation?.results, this.evaluation?.results];
    return stores.flatMap((store) => store?.catalog() ?? []);
  }

  // --- who takes part ---

  /** The module as it runs: on one device, the module itself. */
  get model(): LightningModule | null {
    return this.lightningModule;
  }

  get lightningModule(): LightningModule | null {
    return this.strategy.module;
  }

  get optimizers(): readonly LightningOptimizer[] {
    return this.fitRun?.optimizers ?? [];
  }

  get lrSchedulerConfigs(): readonly SchedulerConfig[] {
    return this.fitRun?.schedulers.configs ?? [];
  }

  /** The training data as it was given or returned: a loader, or a collection of them. Null before the first `fit`. */
  get trainDataloader(): unknown {
    return this.loaded.train ?? null;
  }

  get valDataloaders(): unknown {
    return this.loaded.val ?? null;
  }

  get testDataloaders(): unknown {
    return this.loaded.test ?? null;
  }

  get predictDataloaders(): unknown {
    return this.loaded.predict ?? null;
  }

  /** Whether validation runs in `fit`: there is a step and data for it. */
  get enableValidation(): boolean {
    return this.fitRun?.validation != null;
  }

  /** Batches between two validations in an epoch; `Infinity` for its end only. */
  get valCheckBatch(): number {
    return this.fitRun?.validation?.everyBatches ?? Number.POSITIVE_INFINITY;
  }

  /** Batches whose gradients are added up for one optimizer step. May be changed between epochs. */
  get accumulateGradBatches(): number {
    return this.fitRun?.settings.accumulateGradBatches ?? this.accumulation;
  }

  set accumulateGradBatches(value: number) {
    if (!(Number.isInteger(value) && value > 0)) {
      throw new LightningError(
        'OPTION_INVALID',
        `accumulateGradBatches was set to ${describe(value)}. Use a whole number from 1 up.`,
      );
    }
    this.accumulation = value;
    if (this.fitRun !== null) this.fitRun.settings.accumulateGradBatches = value;
  }

  private isIn(stage: LoopStage): boolean {
    return this.control.stage === stage;
  }

  private evaluationOf(stage: EvaluationStage): EvaluationRun | null {
    return this.evaluation?.stage === stage ? this.evaluation : null;
  }
}

function totals(run: EvaluationRun | null): readonly number[] {
  return run?.cursors.map((cursor) => cursor.total) ?? [];
}
