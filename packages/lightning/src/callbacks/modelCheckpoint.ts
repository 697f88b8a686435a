import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Tensor, warn } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import { stateKeyWith } from '../pythonText.js';
import type { Trainer } from '../trainer/trainer.js';
import { Callback } from './callback.js';
import { isInside, isNonEmptyDirectory, resolvePath } from './checkpointFiles.js';
import { CheckpointMonitor } from './checkpointMonitor.js';
import { type CheckpointTemplate, parseCheckpointTemplate } from './checkpointName.js';
import {
  type ModelCheckpointOptions,
  type ResolvedCheckpointOptions,
  resolveCheckpointOptions,
} from './checkpointOptions.js';
import { checkpointFile, checkpointName, nameValue, type PathStyle } from './checkpointPaths.js';
import { loggedNamesLike } from './monitoredMetric.js';
import { SavedCheckpoints, type SaveMoment } from './savedCheckpoints.js';

/** What a resumed run has to know so that it saves what the uninterrupted one would. */
interface Waiting {
  readonly saveIsDeferred: boolean;
  readonly lastOfferedStep: number;
  readonly metricIsUsed: boolean;
}

/**
 * Saves checkpoints while a model trains: the `saveTopK` best by a monitored metric (or the newest without one), and with
 * `saveLast` a `last.ckpt` that is always the newest.
 *
 * A checkpoint may be due after every n training steps, after a time interval, or after every n epochs. Three rules hold:
 *
 * - A monitored metric is used once: when it was not logged again since the last save, or validation is due on this very
 *   batch, saving waits until the new value is there.
 * - A metric that was never logged is waited for. A run that ends without it saves its last weights and then fails with
 *   `MONITOR_MISSING`.
 * - `last.ckpt` does not depend on the best ones: it is renewed at every epoch (or step or time interval) and at the end.
 *
 * ```ts
 * new ModelCheckpoint({ monitor: 'val/acc', mode: 'max', filename: '{epoch}-{val/acc:.3f}', saveTopK: 3, saveLast: true });
 * ```
 */
export class ModelCheckpoint extends Callback {
  /** Joins a prefix and a name. Subclasses may change these five. */
  static CHECKPOINT_JOIN_CHAR = '-';
  static CHECKPOINT_EQUALS_CHAR = '=';
  /** The name of the newest checkpoint; itself a pattern. */
  static CHECKPOINT_NAME_LAST = 'last';
  static FILE_EXTENSION = '.ckpt';
  static STARTING_VERSION = 1;

  override readonly monitorsMetrics = true;

  private readonly options: ResolvedCheckpointOptions;
  private readonly template: CheckpointTemplate;
  private readonly style: PathStyle;
  private readonly saved: SavedCheckpoints;
  private readonly metric: CheckpointMonitor;

  private trainer: Trainer | null = null;
  private epochInProgress = 0;
  private lastIntervalStart = 0;
  /** The step at which the current state was last offered for saving. */
  private lastOfferedStep = 0;
  /** A save was due and waits for the metric. */
  private saveIsDeferred = false;
  /** What a checkpoint said about the waiting, until training goes on. */
  private resumed: Waiting | null = null;

  /** @throws LightningError OPTION_INVALID, OPTION_CONFLICT, CHECKPOINT_TEMPLATE */
  constructor(options: ModelCheckpointOptions = {}) {
    super();
    const kind = this.constructor as typeof ModelCheckpoint;
    this.options = resolveCheckpointOptions(options);
    this.template = parseCheckpointTemplate(this.options.filename);
    this.metric = new CheckpointMonitor(this.options.monitor, this.template);
    this.style = {
      joinChar: kind.CHECKPOINT_JOIN_CHAR,
      equalsChar: kind.CHECKPOINT_EQUALS_CHAR,
      extension: kind.FILE_EXTENSION,
      startingVersion: kind.STARTING_VERSION,
      autoInsertMetricName: this.options.autoInsertMetricName,
    };
    const lastTemplate = parseCheckpointTemplate(kind.CHECKPOINT_NAME_LAST);
    this.saved = new SavedCheckpoints(this.options, this.template, this.style, lastTemplate, async ({ loggers }) => {
      for (const logger of loggers) await logger.afterSaveCheckpoint(this);
    });
  }

  /** Where the files go; with no `dirpath` given, known once the run has started. Absolute. */
  get dirpath(): string | null {
    return this.saved.directory;
  }

  get monitor(): string | null {
    return this.options.monitor;
  }

  get mode(): 'min' | 'max' {
    return this.options.mode;
  }

  get saveTopK(): number {
    return this.options.saveTopK;
  }

  /** Whether its files lack what training needs to go on. */
  get savesWeightsOnly(): boolean {
    return this.options.saveWeightsOnly;
  }

  get saveLast(): boolean | 'link' {
    return this.options.saveLast;
  }

  /** The best checkpoint's file by the monitored metric; without a monitor the newest one; `''` before the first save. */
  get bestModelPath(): string {
    return this.saved.bestPath;
  }

  get bestModelScore(): number | null {
    return this.saved.ranking.bestScore;
  }

  /** Path -> score of the checkpoints that are kept. */
  get bestKModels(): ReadonlyMap<string, number> {
    return this.saved.ranking.models;
  }

  /** The newest `last.ckpt`, `''` before the first. */
  get lastModelPath(): string {
    return this.saved.lastPath;
  }

  /** The monitored metric of the checkpoint that was saved last. */
  get currentScore(): number | null {
    return this.saved.currentScore;
  }

  get kthBestModelPath(): string {
    return this.saved.ranking.kthPath;
  }

  get kthValue(): number {
    return this.saved.ranking.kthValue;
  }

  override get stateKey(): string {
    const { monitor, mode, everyNTrainSteps, everyNEpochs, trainTimeInterval } = this.options;
    return stateKeyWith(this.constructor.name, {
      monitor,
      mode,
      every_n_train_steps: everyNTrainSteps,
      every_n_epochs: everyNEpochs,
      train_time_interval: trainTimeInterval === null ? null : { milliseconds: trainTimeInterval },
    });
  }

  // ------------------------------------------------------------------------------------------------------------ when

  override async setup(trainer: Trainer, _module: AnyLightningModule, stage: string): Promise<void> {
    this.trainer = trainer;
    const chosen = await resolvePath(this.options.dirpath ?? defaultDirectory(trainer));
    const directory = trainer.worldSize > 1 ? trainer.strategy.broadcast(chosen) : chosen;
    this.saved.directory = directory;
    if (stage !== 'fit') return;
    this.resumed = null;
    if (this.options.saveTopK === 0 || trainer.fastDevRun > 0 || !trainer.isGlobalZero) return;
    const continues = trainer.ckptPath !== null && isInside(await resolvePath(trainer.ckptPath), directory);
    if (!continues && (await isNonEmptyDirectory(directory))) {
      warn('CHECKPOINT_DIRECTORY_NOT_EMPTY', `Checkpoint directory ${directory} exists and is not empty.`);
    }
  }

  override async onTrainStart(trainer: Trainer): Promise<void> {
    this.lastIntervalStart = performance.now();
    this.epochInProgress = trainer.currentEpoch;
    const { resumed } = this;
    this.resumed = null;
    this.saveIsDeferred = resumed?.saveIsDeferred ?? false;
    this.lastOfferedStep = resumed?.lastOfferedStep ?? 0;
    if (resumed === null) this.saved.lastStep = 0;
    else await this.saved.finishInterrupted(trainer);
    this.metric.begin(trainer, resumed?.metricIsUsed ?? false);
  }

  override onTrainEpochStart(trainer: Trainer): void {
    this.epochInProgress = trainer.currentEpoch;
  }

  override onTrainBatchEnd(
    trainer: Trainer,
    _module: AnyLightningModule,
    _outputs: unknown,
    _batch: unknown,
    batchIdx: number,
  ): void | Promise<void> {
    const { everyNTrainSteps, trainTimeInterval } = this.options;
    const { globalStep } = trainer;
    const stepIsDue = everyNTrainSteps >= 1 && globalStep > 0 && globalStep % everyNTrainSteps === 0;
    const timeIsDue =
      trainTimeInterval !== null &&
      trainer.strategy.broadcast(performance.now() - this.lastIntervalStart >= trainTimeInterval);
    if (!(stepIsDue || timeIsDue) || this.isSkipped(trainer)) return;
    if (timeIsDue) this.lastIntervalStart = performance.now();
    if (this.options.monitor !== null && this.metric.comesFromValidation && trainer.validationIsDue(batchIdx)) {
      this.saveIsDeferred = true;
      return;
    }
    return this.offer(trainer);
  }

  override onValidationStart(trainer: Trainer): void {
    this.metric.validationBegins(trainer);
  }

  override async onValidationEnd(trainer: Trainer): Promise<void> {
    if (trainer.sanityChecking || trainer.state.fn !== 'fit') return;
    this.metric.validationEnds(trainer);
    if (this.isSkipped(trainer)) return;
    if (this.saveIsDeferred) await this.offer(trainer);
    else if (!this.savesOnTrainEpochEnd(trainer)) await this.offerAfterEpoch(trainer);
  }

  override async onTrainEpochEnd(trainer: Trainer): Promise<void> {
    this.metric.epochEnds(trainer);
    if (this.isSkipped(trainer)) return;
    if (this.savesOnTrainEpochEnd(trainer)) await this.offerAfterEpoch(trainer);
    else if (this.saveIsDeferred && !this.metric.awaitsNew(trainer)) await this.offer(trainer);
  }

  override async onException(trainer: Trainer, _module: AnyLightningModule, _error: unknown): Promise<void> {
    if (this.options.saveOnException && !this.isSkipped(trainer)) await this.saved.saveAnyway(this.moment(trainer));
  }

  override async onTrainEnd(trainer: Trainer): Promise<void> {
    if (this.isSkipped(trainer) || trainer.globalStep === 0) return;
    const { monitor, saveTopK } = this.options;
    const isMissing = monitor !== null && !this.metric.wasSeen && this.metric.valueIn(trainer) === null;
    if (isMissing && saveTopK !== 0 && !trainer.interrupted) await this.failWithoutMetric(trainer, monitor);
    if (this.wantsFinalSave(trainer)) await this.offer(trainer);
    else await this.saved.withLast(this.moment(trainer));
    if (this.saveIsDeferred && saveTopK !== 0 && this.bestModelPath === '') {
      const path = await this.saved.saveAnyway(this.moment(trainer));
      warn(
        'CHECKPOINT_NAME_KEY',
        `The checkpoint file name '${this.template.text}' waited for a value that the run did not log. Its last state is in ${path}.`,
      );
    }
  }

  /** A run that was to save its best by a metric that never came. Its last state is saved all the same. */
  private async failWithoutMetric(trainer: Trainer, monitor: string): Promise<never> {
    let path = '';
    await this.saved.withLast(this.moment(trainer), async () => {
      path = await this.saved.saveAnyway(this.moment(trainer));
      return path;
    });
    throw new LightningError(
      'MONITOR_MISSING',
      `ModelCheckpoint waited for '${monitor}' until the end of training, but it was never logged. ` +
        `${loggedNamesLike(monitor, Object.keys(trainer.callbackMetrics))} The last state is saved in ${path}. Log the metric with ` +
        `this.log('${monitor}', ...), or change monitor.`,
    );
  }

  private wantsFinalSave(trainer: Trainer): boolean {
    const { everyNEpochs, everyNTrainSteps, finalSave, trainTimeInterval } = this.options;
    const hasInterval = everyNEpochs > 0 || everyNTrainSteps > 0 || trainTimeInterval !== null;
    return finalSave && hasInterval && this.lastOfferedStep !== trainer.globalStep && !this.metric.awaitsNew(trainer);
  }

  private moment(trainer: Trainer): SaveMoment {
    return { trainer, epoch: this.epochInProgress };
  }

  private isSkipped(trainer: Trainer): boolean {
    return Boolean(trainer.fastDevRun) || trainer.state.fn !== 'fit' || trainer.sanityChecking;
  }

  /** Whether epochs are saved after the training epoch, or after each validation. */
  private savesOnTrainEpochEnd(trainer: Trainer): boolean {
    if (this.options.saveOnTrainEpochEnd !== null) return this.options.saveOnTrainEpochEnd;
    if (trainer.numValBatches.every((count) => count === 0)) return true;
    return trainer.validatesOncePerEpoch;
  }

  private async offerAfterEpoch(trainer: Trainer): Promise<void> {
    const { everyNEpochs } = this.options;
    if (everyNEpochs < 1) return;
    if ((trainer.currentEpoch + 1) % everyNEpochs === 0) await this.offer(trainer);
    else await this.saved.withLast(this.moment(trainer));
  }

  /** Saves if the current state is among the best, unless its metric or name has to be waited for; renews `last.ckpt`. */
  private async offer(trainer: Trainer): Promise<void> {
    const moment = this.moment(trainer);
    const isNew = this.options.saveTopK !== 0 && this.lastOfferedStep !== trainer.globalStep;
    this.saveIsDeferred = isNew && this.metric.mustWait(trainer);
    if (!isNew || this.saveIsDeferred) {
      await this.saved.withLast(moment);
      return;
    }
    this.lastOfferedStep = trainer.globalStep;
    const metric = this.metric.use(trainer);
    if (metric === null) {
      await this.saved.withLast(moment, () => this.saved.saveNewest(moment));
      return;
    }
    const score = Number(metric.item());
    await this.saved.withLast(moment, () => this.saved.saveIfAmongBest(moment, score));
  }

  // ----------------------------------------------------------------------------------------------------------- names

  /**
   * The file name for some metrics, as it would be saved: `formatCheckpointName({ epoch: 2, val_loss: 0.123 })`.
   *
   * @param filename another pattern than the callback's own
   * @param version appended as `-v<version>`
   * @param prefix put before the name, joined by `CHECKPOINT_JOIN_CHAR`
   */
  formatCheckpointName(
    metrics: Readonly<Record<string, number | Tensor>>,
    filename: string | null = null,
    version: number | null = null,
    prefix = '',
  ): string {
    const template = filename === null ? this.template : parseCheckpointTemplate(filename);
    const values = new Map(Object.entries(metrics).map(([key, value]) => [key, nameValue(key, value)]));
    return checkpointFile(
      this.dirpath ?? '',
      checkpointName(template, values, this.style, prefix),
      version,
      this.style,
    );
  }

  /** Whether a checkpoint is at `path`; every process gets the first one's answer. */
  fileExists(trainer: Trainer, path: string): Promise<boolean> {
    return this.saved.fileExists(trainer, path);
  }

  /** Writes path and score of the kept checkpoints as YAML. @param path default: `best_k_models.yaml` beside the checkpoints */
  async toYaml(path: string | null = null): Promise<void> {
    const { stringify } = await import('yaml');
    const target = path ?? join(this.dirpath ?? '.', 'best_k_models.yaml');
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, stringify(Object.fromEntries(this.bestKModels)));
  }

  // ----------------------------------------------------------------------------------------------------------- state

  override stateDict(): Record<string, unknown> {
    // What a checkpoint brought counts until training goes on.
    const waiting = this.resumed ?? {
      saveIsDeferred: this.saveIsDeferred,
      lastOfferedStep: this.lastOfferedStep,
      metricIsUsed: this.trainer !== null && this.metric.isUsedIn(this.trainer),
    };
    return {
      ...this.saved.stateDict(),
      save_is_deferred: waiting.saveIsDeferred,
      last_offered_step: waiting.lastOfferedStep,
      metric_is_used: waiting.metricIsUsed,
    };
  }

  override loadStateDict(state: Record<string, unknown>): void {
    const isSameDirectory = this.saved.loadStateDict(state);
    this.resumed = {
      saveIsDeferred: state.save_is_deferred === true,
      lastOfferedStep: Number(state.last_offered_step ?? 0),
      metricIsUsed: state.metric_is_used === true,
    };
    if (isSameDirectory) return;
    warn(
      'CHECKPOINT_DIRPATH_CHANGED',
      `This run saves checkpoints in ${this.dirpath}, the one it continues from in ${String(state.dirpath)}. Only the path of ` +
        'its best checkpoint is taken over; the kept ones are counted anew.',
    );
  }
}

function defaultDirectory(trainer: Trainer): string {
  const logger = trainer.loggers[0];
  if (logger === undefined) return join(trainer.defaultRootDir, 'checkpoints');
  const version = typeof logger.version === 'number' ? `version_${logger.version}` : (logger.version ?? '');
  return join(logger.saveDir ?? trainer.defaultRootDir, String(logger.name ?? ''), version, 'checkpoints');
}
