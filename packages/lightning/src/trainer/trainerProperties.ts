import type { Tensor } from '@lightning-ts/torch';
import type { Callback } from '../callbacks/callback.js';
import { EarlyStopping } from '../callbacks/earlyStopping.js';
import { ModelCheckpoint } from '../callbacks/modelCheckpoint.js';
import { ProgressBar } from '../callbacks/progressBar.js';
import type { Logger } from '../loggers/logger.js';
import { RunMetrics } from '../logging/runMetrics.js';
import { validationIsDue } from '../loops/fitBoundaries.js';
import type { LightningOptimizer } from '../loops/lightningOptimizer.js';
import { EvaluationProgress } from '../loops/progress.js';
import type { EvaluationRun, EvaluationStage, FitRun, LoopStage, RunControl } from '../loops/run.js';
import type { SchedulerConfig } from '../loops/schedulers.js';
import type { LightningDataModule } from '../module/dataModule.js';
import type { LightningModule } from '../module/lightningModule.js';
import type { PrecisionName } from '../precision/precision.js';
import type { Strategy } from '../strategies/strategy.js';
import { callbackList } from './callbackList.js';
import { defaultLoggers } from './defaultLoggers.js';
import type { TrainerOptions } from './options.js';
import { type ResolvedOptions, resolveOptions } from './resolveOptions.js';

/** What a Trainer tells about itself and its runs, to callbacks, modules and users. */
export abstract class TrainerProperties {
  readonly options: ResolvedOptions;
  readonly control: RunControl = { status: 'initializing', fn: null, stage: null, shouldStop: false, signal: null };
  readonly metrics: RunMetrics;
  /** How far the evaluations have come over all calls. */
  readonly evaluationProgress = {
    validate: new EvaluationProgress(),
    test: new EvaluationProgress(),
    predict: new EvaluationProgress(),
  } as const;
  /** The callbacks before the module's own join them. */
  readonly givenCallbacks: readonly Callback[];
  readonly loggers: readonly Logger[];
  /** The checkpoint that was loaded last, or that the next call loads. */
  ckptPath: string | null = null;
  datamodule: LightningDataModule | null = null;
  /** The training run in progress, or the last one; for the parts of the Trainer. */
  fitRun: FitRun | null = null;
  /** The evaluation in progress, or the last one, outside of `fit`. */
  evaluation: EvaluationRun | null = null;
  /** The check before training, in progress or the last one. */
  sanityCheck: EvaluationRun | null = null;
  protected activeCallbacks: readonly Callback[] | null = null;
  private accumulation: number;

  constructor(given: TrainerOptions) {
    this.options = resolveOptions(given);
    this.loggers = defaultLoggers(this.options);
    this.givenCallbacks = callbackList(this.options);
    this.accumulation = this.options.accumulateGradBatches;
    this.metrics = new RunMetrics(() => this.loggers);
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

  // --- who takes part ---

  get callbacks(): readonly Callback[] {
    return this.activeCallbacks ?? this.givenCallbacks;
  }

  get checkpointCallback(): ModelCheckpoint | null {
    return this.checkpointCallbacks[0] ?? null;
  }

  get checkpointCallbacks(): readonly ModelCheckpoint[] {
    return this.callbacks.filter((callback): callback is ModelCheckpoint => callback instanceof ModelCheckpoint);
  }

  get earlyStoppingCallback(): EarlyStopping | null {
    return this.earlyStoppingCallbacks[0] ?? null;
  }

  get earlyStoppingCallbacks(): readonly EarlyStopping[] {
    return this.callbacks.filter((callback): callback is EarlyStopping => callback instanceof EarlyStopping);
  }

  get progressBarCallback(): ProgressBar | null {
    return this.callbacks.find((callback): callback is ProgressBar => callback instanceof ProgressBar) ?? null;
  }

  get logger(): Logger | null {
    return this.loggers[0] ?? null;
  }

  /** The first logger's folder, else `defaultRootDir`. */
  get logDir(): string {
    return this.logger?.logDir ?? this.logger?.saveDir ?? this.defaultRootDir;
  }

  get strategy(): Strategy {
    return this.options.strategy;
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

  // --- where it runs ---

  get precision(): PrecisionName {
    return this.options.precision;
  }

  get globalRank(): number {
    return this.strategy.globalRank;
  }

  get localRank(): number {
    return this.strategy.localRank;
  }

  get nodeRank(): number {
    return this.strategy.nodeRank;
  }

  get worldSize(): number {
    return this.strategy.worldSize;
  }

  get isGlobalZero(): boolean {
    return this.strategy.isGlobalZero;
  }

  // --- options ---

  /** -1 for no limit. */
  get maxEpochs(): number {
    return orMinusOne(this.options.maxEpochs);
  }

  get minEpochs(): number {
    return this.options.minEpochs;
  }

  /** -1 for no limit. */
  get maxSteps(): number {
    return orMinusOne(this.options.maxSteps);
  }

  get minSteps(): number {
    return this.options.minSteps;
  }

  get fastDevRun(): number {
    return this.options.fastDevRun;
  }

  get defaultRootDir(): string {
    return this.options.defaultRootDir;
  }

  /** Batches whose gradients are added up for one optimizer step. May be changed between epochs. */
  get accumulateGradBatches(): number {
    return this.fitRun?.settings.accumulateGradBatches ?? this.accumulation;
  }

  set accumulateGradBatches(value: number) {
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

function orMinusOne(value: number): number {
  return value === Number.POSITIVE_INFINITY ? -1 : value;
}
