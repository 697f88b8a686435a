import { Tensor, tensor, warn } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import { OptionReader } from '../optionReader.js';
import { stateKeyWith } from '../pythonText.js';
import type { Trainer } from '../trainer/trainer.js';
import { Callback } from './callback.js';
import { isBetter, loggedNamesLike, type MonitorMode, worstValue } from './monitoredMetric.js';

export interface EarlyStoppingOptions {
  /** The logged metric to watch. */
  readonly monitor: string;
  /** A change smaller than this (in size) is no improvement. Default 0. */
  readonly minDelta?: number;
  /** How many checks without improvement are allowed before training stops. Default 3. */
  readonly patience?: number;
  /** Prints improvements and the reason for stopping. Default false. */
  readonly verbose?: boolean;
  /** Default `'min'`. */
  readonly mode?: MonitorMode;
  /** Whether a run that ends without the metric is an error. Default true. */
  readonly strict?: boolean;
  /** Stops when the metric is NaN or infinite. Default true. */
  readonly checkFinite?: boolean;
  /** Stops at once when the metric is better than this. */
  readonly stoppingThreshold?: number | null;
  /** Stops at once when the metric is worse than this. */
  readonly divergenceThreshold?: number | null;
  /** Checks at the end of the training epoch instead of after validation. Default: where a validated epoch ends. */
  readonly checkOnTrainEpochEnd?: boolean | null;
  /** Prints on the first process only. Default false. */
  readonly logRankZeroOnly?: boolean;
}

/** Why training was stopped. The numbers are those in checkpoints. */
export const StoppingReason = {
  NOT_STOPPED: 0,
  STOPPING_THRESHOLD: 1,
  DIVERGENCE_THRESHOLD: 2,
  PATIENCE_EXHAUSTED: 3,
  NON_FINITE_METRIC: 4,
} as const;
export type StoppingReason = (typeof StoppingReason)[keyof typeof StoppingReason];

interface Verdict {
  readonly reason: StoppingReason;
  readonly message: string | null;
}

/**
 * Stops training when a metric no longer improves.
 *
 * Each value of the metric counts once: a check that finds the value of the last check waits for a new one, and one that finds
 * none waits for the first. A run that ends without the metric fails with `MONITOR_MISSING` unless `strict` is false.
 */
export class EarlyStopping extends Callback {
  readonly monitor: string;
  readonly minDelta: number;
  readonly mode: MonitorMode;
  /** How many checks without improvement are allowed. A checkpoint brings its own. */
  patience: number;
  /** Checks since the last improvement. */
  waitCount = 0;
  /** The epoch in which training was stopped, 0 if it was not. */
  stoppedEpoch = 0;
  bestScore: number;
  stoppingReason: StoppingReason = StoppingReason.NOT_STOPPED;
  stoppingReasonMessage: string | null = null;

  private readonly options: Required<Omit<EarlyStoppingOptions, 'monitor' | 'mode' | 'minDelta' | 'patience'>>;
  private trainer: Trainer | null = null;
  private checkedMetric: Tensor | null = null;
  /** Whether the metric that a checkpoint brought along was checked before it was saved. */
  private resumesChecked = false;
  /** Whether a checkpoint was saved after this callback had decided to stop. */
  private resumesStopped = false;
  private sawMetric = false;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN */
  constructor(options: EarlyStoppingOptions) {
    super();
    const reader = new OptionReader<EarlyStoppingOptions>(this.constructor.name, options);
    this.monitor = reader.text('monitor', '');
    if (this.monitor === '') throw reader.invalid('monitor', "the name of a logged metric: { monitor: 'val_loss' }");
    this.mode = reader.choice('mode', ['min', 'max'], 'min');
    this.minDelta = Math.abs(reader.number('minDelta', 0));
    this.patience = reader.integer('patience', 3, 0);
    this.options = {
      verbose: reader.boolean('verbose', false),
      strict: reader.boolean('strict', true),
      checkFinite: reader.boolean('checkFinite', true),
      stoppingThreshold: reader.number('stoppingThreshold', null),
      divergenceThreshold: reader.number('divergenceThreshold', null),
      checkOnTrainEpochEnd: reader.boolean('checkOnTrainEpochEnd', null),
      logRankZeroOnly: reader.boolean('logRankZeroOnly', false),
    };
    reader.done();
    this.bestScore = worstValue(this.mode);
  }

  override get stateKey(): string {
    return stateKeyWith(this.constructor.name, { monitor: this.monitor, mode: this.mode });
  }

  override readonly monitorsMetrics = true;

  override setup(_trainer: Trainer, _module: AnyLightningModule, stage: string): void {
    if (stage !== 'fit') return;
    this.resumesChecked = false;
    this.resumesStopped = false;
    // A run that starts anew is judged by its own values; one that is resumed gets them back right after this.
    this.waitCount = 0;
    this.stoppedEpoch = 0;
    this.bestScore = worstValue(this.mode);
    this.stoppingReason = StoppingReason.NOT_STOPPED;
    this.stoppingReasonMessage = null;
  }

  override onTrainStart(trainer: Trainer): void {
    this.trainer = trainer;
    this.sawMetric = false;
    this.checkedMetric = this.resumesChecked ? (trainer.callbackMetrics[this.monitor] ?? null) : null;
    this.resumesChecked = false;
    // The run that was saved was about to end.
    if (this.resumesStopped) trainer.shouldStop = true;
    this.resumesStopped = false;
  }

  override onTrainEpochEnd(trainer: Trainer): void {
    if (this.checksOnTrainEpochEnd(trainer)) this.check(trainer);
  }

  override onValidationEnd(trainer: Trainer): void {
    if (!this.checksOnTrainEpochEnd(trainer)) this.check(trainer);
  }

  override onTrainEnd(trainer: Trainer): void {
    if (this.isSkipped(trainer) || this.sawMetric || trainer.interrupted) return;
    const message =
      `EarlyStopping waited for '${this.monitor}' until the end of training, but it was never logged. ` +
      `${loggedNamesLike(this.monitor, Object.keys(trainer.callbackMetrics))} Log it, change monitor, or set strict to false.`;
    if (this.options.strict) throw new LightningError('MONITOR_MISSING', message);
    if (this.options.verbose) warn('MONITOR_MISSING', message);
  }

  private isSkipped(trainer: Trainer): boolean {
    return trainer.sanityChecking || Boolean(trainer.fastDevRun) || trainer.state.fn !== 'fit';
  }

  private checksOnTrainEpochEnd(trainer: Trainer): boolean {
    return this.options.checkOnTrainEpochEnd ?? trainer.validatesOncePerEpoch;
  }

  private check(trainer: Trainer): void {
    if (this.isSkipped(trainer)) return;
    const metric = trainer.callbackMetrics[this.monitor] ?? null;
    if (metric === null || metric === this.checkedMetric) return;
    this.checkedMetric = metric;
    this.sawMetric = true;
    const { reason, message } = this.judge(Number(metric.item()));
    const mustStop = trainer.strategy.reduceBooleanDecision(reason !== StoppingReason.NOT_STOPPED, false);
    if (mustStop) {
      trainer.shouldStop = true;
      this.stoppedEpoch = trainer.currentEpoch;
      this.stoppingReason = reason;
      this.stoppingReasonMessage = message;
    }
    if (this.options.verbose && message !== null) this.say(trainer, message);
  }

  /** What the value means; an improvement becomes the new best, anything else adds to the wait. */
  private judge(current: number): Verdict {
    const { checkFinite, divergenceThreshold, stoppingThreshold } = this.options;
    const sign = this.mode === 'min' ? '<' : '>';
    if (checkFinite && !Number.isFinite(current)) {
      return {
        reason: StoppingReason.NON_FINITE_METRIC,
        message:
          `Monitored metric ${this.monitor} = ${current} is not finite. Best value so far: ${this.bestScore.toFixed(3)}. ` +
          'Signaling Trainer to stop.',
      };
    }
    if (stoppingThreshold !== null && isBetter(current, stoppingThreshold, this.mode)) {
      return {
        reason: StoppingReason.STOPPING_THRESHOLD,
        message: `Stopping threshold reached: ${this.monitor} = ${current} ${sign} ${stoppingThreshold}. Signaling Trainer to stop.`,
      };
    }
    if (divergenceThreshold !== null && isBetter(divergenceThreshold, current, this.mode)) {
      return {
        reason: StoppingReason.DIVERGENCE_THRESHOLD,
        message:
          `Divergence threshold reached: ${this.monitor} = ${current} ${sign === '<' ? '>' : '<'} ${divergenceThreshold}. ` +
          'Signaling Trainer to stop.',
      };
    }
    const margin = this.mode === 'min' ? -this.minDelta : this.minDelta;
    if (isBetter(current, this.bestScore + margin, this.mode)) {
      const message = this.improvementMessage(current);
      this.bestScore = current;
      this.waitCount = 0;
      return { reason: StoppingReason.NOT_STOPPED, message };
    }
    this.waitCount += 1;
    if (this.waitCount < this.patience) return { reason: StoppingReason.NOT_STOPPED, message: null };
    return {
      reason: StoppingReason.PATIENCE_EXHAUSTED,
      message:
        `Monitored metric ${this.monitor} did not improve in the last ${this.waitCount} records. ` +
        `Best score: ${this.bestScore.toFixed(3)}. Signaling Trainer to stop.`,
    };
  }

  private improvementMessage(current: number): string {
    if (!Number.isFinite(this.bestScore))
      return `Metric ${this.monitor} improved. New best score: ${current.toFixed(3)}`;
    const change = Math.abs(this.bestScore - current).toFixed(3);
    const delta = Number.isInteger(this.minDelta) ? this.minDelta.toFixed(1) : String(this.minDelta);
    return `Metric ${this.monitor} improved by ${change} >= min_delta = ${delta}. New best score: ${current.toFixed(3)}`;
  }

  private say(trainer: Trainer, message: string): void {
    if (trainer.worldSize === 1) trainer.print(message);
    else if (!this.options.logRankZeroOnly || trainer.isGlobalZero)
      console.log(`[rank: ${trainer.globalRank}] ${message}`);
  }

  override stateDict(): Record<string, unknown> {
    return {
      wait_count: this.waitCount,
      stopped_epoch: this.stoppedEpoch,
      best_score: tensor(this.bestScore, {
        dtype: Math.fround(this.bestScore) === this.bestScore ? 'float32' : 'float64',
      }),
      patience: this.patience,
      stopping_reason: this.stoppingReason,
      stopping_reason_message: this.stoppingReasonMessage,
      // Python's callback does not know this one, and leaves it alone.
      metric_is_checked:
        this.resumesChecked ||
        (this.checkedMetric !== null && this.trainer?.callbackMetrics[this.monitor] === this.checkedMetric),
    };
  }

  override loadStateDict(state: Record<string, unknown>): void {
    this.waitCount = Number(state.wait_count);
    this.stoppedEpoch = Number(state.stopped_epoch);
    this.bestScore = Number(state.best_score instanceof Tensor ? state.best_score.item() : state.best_score);
    this.patience = Number(state.patience);
    // Files of older versions have neither reason nor message, and Python's enum is an int or the name of one.
    const reason = state.stopping_reason ?? StoppingReason.NOT_STOPPED;
    this.stoppingReason = (
      typeof reason === 'string' ? (StoppingReason[reason as keyof typeof StoppingReason] ?? 0) : Number(reason)
    ) as StoppingReason;
    this.resumesChecked = state.metric_is_checked === true;
    this.resumesStopped = this.stoppingReason !== StoppingReason.NOT_STOPPED;
    this.stoppingReasonMessage = (state.stopping_reason_message ?? null) as string | null;
  }
}
