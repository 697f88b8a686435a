import { dirname, join } from 'node:path';
import { type Tensor, warn } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';
import type { LightningModule } from '../module/lightningModule.js';
import { stateKeyWith } from '../pythonText.js';
import type { Trainer } from '../trainer/trainer.js';
import { Callback } from './callback.js';
import {
  duplicateCheckpoint,
  isInside,
  isNonEmptyDirectory,
  linkCheckpoint,
  pathExists,
  removeCheckpoint,
  resolvePath,
} from './checkpointFiles.js';
import { type CheckpointTemplate, type NameValue, parseCheckpointTemplate, unknownKey } from './checkpointName.js';
import {
  type ModelCheckpointOptions,
  type ResolvedCheckpointOptions,
  resolveCheckpointOptions,
} from './checkpointOptions.js';
import { checkpointFile, checkpointName, freeCheckpointFile, nameValue, type PathStyle } from './checkpointPaths.js';
import { CheckpointRanking, numberOf, scalar } from './checkpointRanking.js';
import { nearestNames } from './monitoredMetric.js';

/** What a resumed run has to know so that it saves what the uninterrupted one would. */
interface Waiting {
  readonly saveIsDeferred: boolean;
  readonly lastOfferedStep: number;
  readonly lastOfLastStep: number;
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
  /** Where the files go; with no `dirpath` given, known once the run has started. Absolute. */
  dirpath: string | null;
  lastModelPath = '';
  /** The monitored metric at the last save that used it. */
  currentScore: number | null = null;

  private readonly options: ResolvedCheckpointOptions;
  private readonly template: CheckpointTemplate;
  private ranking: CheckpointRanking;
  /** Without a monitor: the newest file. */
  private newestPath = '';

  private trainer: Trainer | null = null;
  private lastOfferedStep = -1;
  private lastOfLastStep = -1;
  private lastIntervalStart = 0;
  private epochInProgress = 0;
  private saveIsDeferred = false;
  /** What a checkpoint said about this run's waiting, until training goes on. */
  private resumed: Waiting | null = null;
  private sawMetric = false;
  private hasValidated = false;
  private finishedCycle = false;
  private usedMetric: Tensor | null = null;
  private metricBeforeValidation: Tensor | null = null;
  private metricComesFromValidation = true;

  constructor(options: ModelCheckpointOptions = {}) {
    super();
    this.options = resolveCheckpointOptions(options);
    this.template = parseCheckpointTemplate(this.options.filename);
    this.ranking = new CheckpointRanking(this.options.mode, this.options.saveTopK);
    this.dirpath = this.options.dirpath;
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

  get saveLast(): boolean | 'link' {
    return this.options.saveLast;
  }

  /** The best checkpoint's file by the monitored metric; without a monitor the newest one; `''` before the first save. */
  get bestModelPath(): string {
    return this.ranking.bestPath === '' ? this.newestPath : this.ranking.bestPath;
  }

  get bestModelScore(): number | null {
    return this.ranking.bestScore;
  }

  /** Path -> score of the checkpoints that are kept. */
  get bestKModels(): ReadonlyMap<string, number> {
    return this.ranking.models;
  }

  get kthBestModelPath(): string {
    return this.ranking.kthPath;
  }

  get kthValue(): number {
    return this.ranking.kthValue;
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

  override async setup(trainer: Trainer, _module: LightningModule, stage: string): Promise<void> {
    this.trainer = trainer;
    this.dirpath = await resolvePath(this.options.dirpath ?? defaultDirectory(trainer));
    if (stage !== 'fit' || this.options.saveTopK === 0 || !trainer.isGlobalZero) return;
    const continues = trainer.ckptPath !== null && isInside(await resolvePath(trainer.ckptPath), this.dirpath);
    if (!continues && (await isNonEmptyDirectory(this.dirpath))) {
      warn('CHECKPOINT_DIRECTORY_NOT_EMPTY', `Checkpoint directory ${this.dirpath} exists and is not empty.`);
    }
  }

  override onTrainStart(trainer: Trainer): void {
    this.lastIntervalStart = performance.now();
    this.epochInProgress = trainer.currentEpoch;
    this.sawMetric = false;
    this.hasValidated = false;
    this.finishedCycle = false;
    const { resumed } = this;
    this.resumed = null;
    this.saveIsDeferred = resumed?.saveIsDeferred ?? false;
    this.lastOfferedStep = resumed?.lastOfferedStep ?? -1;
    this.lastOfLastStep = resumed?.lastOfLastStep ?? -1;
    this.usedMetric = resumed?.metricIsUsed ? this.monitoredTensor(trainer) : null;
  }

  override onTrainEpochStart(trainer: Trainer): void {
    this.epochInProgress = trainer.currentEpoch;
  }

  override onTrainBatchEnd(
    trainer: Trainer,
    _module: LightningModule,
    _outputs: unknown,
    _batch: unknown,
    batchIdx: number,
  ): void | Promise<void> {
    const { everyNTrainSteps, trainTimeInterval } = this.options;
    const stepIsDue = everyNTrainSteps >= 1 && trainer.globalStep % everyNTrainSteps === 0;
    const timeIsDue = trainTimeInterval !== null && performance.now() - this.lastIntervalStart >= trainTimeInterval;
    if (!(stepIsDue || timeIsDue) || this.isSkipped(trainer)) return;
    if (timeIsDue) this.lastIntervalStart = performance.now();
    if (this.options.monitor !== null && this.metricComesFromValidation && trainer.validationIsDue(batchIdx)) {
      this.saveIsDeferred = true;
      return;
    }
    return this.offer(trainer);
  }

  override onValidationStart(trainer: Trainer): void {
    this.metricBeforeValidation = this.monitoredTensor(trainer);
  }

  override async onValidationEnd(trainer: Trainer): Promise<void> {
    if (trainer.sanityChecking || trainer.state.fn !== 'fit') return;
    const metric = this.monitoredTensor(trainer);
    this.metricComesFromValidation = metric === null || metric !== this.metricBeforeValidation;
    this.hasValidated = true;
    this.finishedCycle = true;
    if (this.isSkipped(trainer)) return;
    if (this.saveIsDeferred) await this.offer(trainer);
    else if (!this.savesOnTrainEpochEnd(trainer)) await this.offerAfterEpoch(trainer);
  }

  override async onTrainEpochEnd(trainer: Trainer): Promise<void> {
    if (trainer.numValBatches.every((count) => count === 0)) this.finishedCycle = true;
    if (this.isSkipped(trainer)) return;
    if (this.savesOnTrainEpochEnd(trainer)) await this.offerAfterEpoch(trainer);
    else if (this.saveIsDeferred && !this.awaitsNewMetric(trainer)) await this.offer(trainer);
  }

  override async onException(trainer: Trainer, _module: LightningModule, _error: unknown): Promise<void> {
    if (!this.options.saveOnException || this.isSkipped(trainer)) return;
    const path = await this.emergencyPath(trainer);
    await this.write(trainer, path);
  }

  override async onTrainEnd(trainer: Trainer): Promise<void> {
    if (this.isSkipped(trainer)) return;
    const { monitor, finalSave, saveTopK } = this.options;
    const isMissing = monitor !== null && !this.sawMetric && this.monitoredTensor(trainer) === null;
    if (isMissing && saveTopK !== 0 && !trainer.interrupted) {
      const path = await this.emergencyPath(trainer);
      await this.write(trainer, path);
      await this.renewLast(trainer, path);
      const known = Object.keys(trainer.callbackMetrics);
      throw new LightningError(
        'MONITOR_MISSING',
        `ModelCheckpoint waited for '${monitor}' until the end of training, but it was never logged. ${nearestNames(monitor, known)} ` +
          `The last weights are saved in ${path}. Log the metric with this.log('${monitor}', ...), or change monitor.`,
      );
    }
    if (finalSave && this.lastOfferedStep !== trainer.globalStep && !this.awaitsNewMetric(trainer))
      await this.offer(trainer);
    await this.renewLast(trainer, null);
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
    else await this.renewLast(trainer, null);
  }

  private monitoredTensor(trainer: Trainer): Tensor | null {
    const { monitor } = this.options;
    return monitor === null ? null : (trainer.callbackMetrics[monitor] ?? null);
  }

  /** Whether the monitored metric is not there, or is the one that the last save used. */
  private awaitsNewMetric(trainer: Trainer): boolean {
    if (this.options.monitor === null) return false;
    const metric = this.monitoredTensor(trainer);
    return metric === null || metric === this.usedMetric;
  }

  // ------------------------------------------------------------------------------------------------------------ what

  /** Saves if the current state is among the best, then renews `last.ckpt`. */
  private async offer(trainer: Trainer): Promise<void> {
    let saved: string | null = null;
    if (this.options.saveTopK !== 0 && this.lastOfferedStep !== trainer.globalStep) {
      this.saveIsDeferred = this.mustWait(trainer);
      if (!this.saveIsDeferred) {
        this.lastOfferedStep = trainer.globalStep;
        saved = this.options.monitor === null ? await this.saveNewest(trainer) : await this.saveIfAmongBest(trainer);
      }
    } else this.saveIsDeferred = false;
    await this.renewLast(trainer, saved);
  }

  private mustWait(trainer: Trainer): boolean {
    const { monitor } = this.options;
    const known = Object.keys(trainer.callbackMetrics);
    if (this.awaitsNewMetric(trainer)) {
      if (this.hasValidated && monitor !== null && this.monitoredTensor(trainer) === null) {
        warn(
          'MONITOR_WAITING',
          `ModelCheckpoint waits for '${monitor}', which validation did not log. ${nearestNames(monitor, known)}`,
        );
      }
      return true;
    }
    const missing = this.template.keys.find((key) => key !== 'epoch' && key !== 'step' && !known.includes(key));
    if (missing === undefined) return false;
    if (this.finishedCycle) throw unknownKey(this.template, missing, ['epoch', 'step', ...known]);
    return true;
  }

  private async saveNewest(trainer: Trainer): Promise<string> {
    const replaced = this.options.saveTopK === 1 && this.newestPath !== '' ? this.newestPath : null;
    const path = await this.freePath(trainer, this.template, replaced);
    this.newestPath = path;
    await this.write(trainer, path);
    if (replaced !== null && replaced !== path) await this.removeIfOurs(trainer, replaced);
    return path;
  }

  private async saveIfAmongBest(trainer: Trainer): Promise<string | null> {
    const { monitor, saveTopK, verbose } = this.options;
    const metric = this.monitoredTensor(trainer)!;
    const score = Number(metric.item());
    this.sawMetric = true;
    this.usedMetric = metric;
    const epoch = `Epoch ${this.epochInProgress}, global step ${trainer.globalStep}: '${monitor}'`;
    if (!trainer.strategy.reduceBooleanDecision(this.ranking.accepts(score))) {
      if (verbose) trainer.print(`${epoch} was not in top ${saveTopK}`);
      return null;
    }
    const replaced = this.ranking.replaced;
    const path = await this.freePath(trainer, this.template, replaced);
    this.ranking.add(path, score);
    this.currentScore = Number.isNaN(score) ? this.ranking.models.get(path)! : score;
    if (verbose) {
      const top = saveTopK === -1 ? this.ranking.models.size : saveTopK;
      const reached = `reached ${score.toFixed(5)} (best ${this.ranking.bestScore!.toFixed(5)})`;
      trainer.print(`${epoch} ${reached}, saving model to '${path}' as top ${top}`);
    }
    await this.write(trainer, path);
    if (replaced !== null && replaced !== path) await this.removeIfOurs(trainer, replaced);
    return path;
  }

  /**
   * Brings `last.ckpt` up to the current step.
   *
   * @param saved the file that was written for this very step, when there is one: it only gets a second name
   */
  private async renewLast(trainer: Trainer, saved: string | null): Promise<void> {
    const { saveLast } = this.options;
    if (saveLast === false || (this.lastOfLastStep === trainer.globalStep && saved === null)) return;
    if (saveLast === 'link' && saved === null && (this.newestPath !== '' || this.ranking.models.size > 0)) return;
    this.lastOfLastStep = trainer.globalStep;
    const previous = this.lastModelPath;
    const template = parseCheckpointTemplate((this.constructor as typeof ModelCheckpoint).CHECKPOINT_NAME_LAST);
    const path = await this.freePath(trainer, template, previous);
    this.lastModelPath = path;
    if (saved === null) await this.write(trainer, path);
    else if (trainer.isGlobalZero)
      await (saveLast === 'link' ? linkCheckpoint(saved, path) : duplicateCheckpoint(saved, path));
    if (previous !== '' && previous !== path) await this.removeIfOurs(trainer, previous);
  }

  private async write(trainer: Trainer, path: string): Promise<void> {
    await trainer.saveCheckpoint(path, { weightsOnly: this.options.saveWeightsOnly });
    for (const logger of trainer.loggers) logger.afterSaveCheckpoint(this);
  }

  private async removeIfOurs(trainer: Trainer, path: string): Promise<void> {
    if (!trainer.isGlobalZero || this.dirpath === null || !isInside(path, this.dirpath)) return;
    const resumedFrom = trainer.ckptPath ? await resolvePath(trainer.ckptPath) : null;
    if (resumedFrom !== null && (await resolvePath(path)) === resumedFrom) return;
    await removeCheckpoint(path);
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

  private get style(): PathStyle {
    const kind = this.constructor as typeof ModelCheckpoint;
    return {
      joinChar: kind.CHECKPOINT_JOIN_CHAR,
      equalsChar: kind.CHECKPOINT_EQUALS_CHAR,
      extension: kind.FILE_EXTENSION,
      startingVersion: kind.STARTING_VERSION,
      autoInsertMetricName: this.options.autoInsertMetricName,
    };
  }

  private nameValues(trainer: Trainer, template: CheckpointTemplate): Map<string, NameValue> {
    const values = new Map<string, NameValue>([
      ['epoch', { value: this.epochInProgress, isInteger: true }],
      ['step', { value: trainer.globalStep, isInteger: true }],
    ]);
    for (const [key, value] of Object.entries(trainer.callbackMetrics)) {
      if (template.keys.includes(key)) values.set(key, nameValue(key, value));
    }
    return values;
  }

  /** Where the current state goes under a pattern's name. @param replaced a file that may be overwritten */
  private freePath(trainer: Trainer, template: CheckpointTemplate, replaced: string | null): Promise<string> {
    const name = checkpointName(template, this.nameValues(trainer, template), this.style);
    const exists = (path: string): Promise<boolean> =>
      this.options.enableVersionCounter ? this.fileExists(trainer, path) : Promise.resolve(false);
    return freeCheckpointFile(this.dirpath ?? '', name, replaced, this.style, exists);
  }

  /** Where a save goes that must not fail: a name without the values that are missing. */
  private emergencyPath(trainer: Trainer): Promise<string> {
    const values = this.nameValues(trainer, this.template);
    const isComplete = this.template.keys.every((key) => values.has(key));
    return this.freePath(trainer, isComplete ? this.template : parseCheckpointTemplate('{epoch}-{step}'), null);
  }

  /** Whether a checkpoint is at `path`; every process gets the first one's answer. */
  async fileExists(trainer: Trainer, path: string): Promise<boolean> {
    return trainer.strategy.broadcast(await pathExists(path));
  }

  /** Writes path and score of the kept checkpoints as YAML. @param path default: `best_k_models.yaml` beside the checkpoints */
  async toYaml(path: string | null = null): Promise<void> {
    const { stringify } = await import('yaml');
    const { mkdir, writeFile } = await import('node:fs/promises');
    const target = path ?? join(this.dirpath ?? '.', 'best_k_models.yaml');
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, stringify(Object.fromEntries(this.ranking.models)));
  }

  // ----------------------------------------------------------------------------------------------------------- state

  override stateDict(): Record<string, unknown> {
    const metric = this.trainer === null ? null : this.monitoredTensor(this.trainer);
    return {
      monitor: this.options.monitor,
      ...this.ranking.stateDict(),
      best_model_path: this.bestModelPath,
      current_score: this.currentScore === null ? null : scalar(this.currentScore),
      dirpath: this.dirpath,
      last_model_path: this.lastModelPath,
      // Python's callback does not know the rest, and leaves it alone.
      save_is_deferred: this.saveIsDeferred,
      last_offered_step: this.lastOfferedStep,
      last_renewed_step: this.lastOfLastStep,
      metric_is_used: metric !== null && metric === this.usedMetric,
    };
  }

  override loadStateDict(state: Record<string, unknown>): void {
    this.newestPath = String(state.best_model_path ?? '');
    if ((state.dirpath ?? null) !== this.dirpath) {
      if (this.options.monitor !== null) this.ranking.bestPath = this.newestPath;
      warn(
        'CHECKPOINT_DIRPATH_CHANGED',
        `This run saves checkpoints in ${this.dirpath}, the one it continues from in ${String(state.dirpath)}. Only the path of ` +
          'its best checkpoint is taken over; the kept ones are counted anew.',
      );
      return;
    }
    this.ranking.loadStateDict(state);
    this.currentScore = numberOf(state.current_score);
    this.lastModelPath = String(state.last_model_path ?? '');
    this.resumed = {
      saveIsDeferred: state.save_is_deferred === true,
      lastOfferedStep: Number(state.last_offered_step ?? -1),
      lastOfLastStep: Number(state.last_renewed_step ?? -1),
      metricIsUsed: state.metric_is_used === true,
    };
  }
}

function defaultDirectory(trainer: Trainer): string {
  const logger = trainer.loggers[0];
  if (logger === undefined) return join(trainer.defaultRootDir, 'checkpoints');
  const version = typeof logger.version === 'number' ? `version_${logger.version}` : (logger.version ?? '');
  return join(logger.saveDir ?? trainer.defaultRootDir, String(logger.name ?? ''), version, 'checkpoints');
}
