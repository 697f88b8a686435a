import type { AnyLightningModule } from '../module/lightningModule.js';
import { OptionReader } from '../optionReader.js';
import { formatClock } from '../terminal/numberText.js';
import type { Trainer } from '../trainer/trainer.js';
import { Callback } from './callback.js';
import { type Duration, parseDuration } from './duration.js';

/** The stages a {@link Timer} tells apart. */
export type TimedStage = 'train' | 'sanity_check' | 'validate' | 'test' | 'predict';

export interface TimerOptions {
  /** How long training may take, `'DD:HH:MM:SS'` or `{ hours: 1, minutes: 30 }`. Default: no limit, the timer only measures. */
  readonly duration?: Duration | null;
  /** Whether the limit is looked at after each step or each epoch. Default `'step'`. */
  readonly interval?: 'step' | 'epoch';
  /** Prints when the limit is reached. Default true. */
  readonly verbose?: boolean;
}

interface Span {
  start: number | null;
  end: number | null;
}

const timedStages: readonly TimedStage[] = ['train', 'sanity_check', 'validate', 'test', 'predict'];

/** Measures how long each stage takes, and ends training when its time is over. A resumed run goes on counting. */
export class Timer extends Callback {
  private readonly limit: number | null;
  private readonly interval: 'step' | 'epoch';
  private readonly verbose: boolean;
  private readonly spans: Record<TimedStage, Span>;
  /** Seconds of training before this run was resumed. */
  private offset = 0;
  /** Whether the times are those of a run that has begun. */
  private hasRun = false;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN */
  constructor(options: TimerOptions = {}) {
    super();
    const reader = new OptionReader<TimerOptions>(this.constructor.name, options);
    const duration = reader.value('duration') ?? null;
    this.limit = duration === null ? null : parseDuration(duration, 'Timer: duration') / 1000;
    this.interval = reader.choice('interval', ['step', 'epoch'], 'step');
    this.verbose = reader.boolean('verbose', true);
    reader.done();
    this.spans = Object.fromEntries(timedStages.map((stage) => [stage, { start: null, end: null }])) as Record<
      TimedStage,
      Span
    >;
  }

  /** When the stage began, in seconds on a clock of its own; null before that. */
  startTime(stage: TimedStage = 'train'): number | null {
    return this.spans[stage].start;
  }

  /** When the stage ended, on the same clock; null while it runs. */
  endTime(stage: TimedStage = 'train'): number | null {
    return this.spans[stage].end;
  }

  /** Seconds the stage has taken, for training with what it took before it was resumed. */
  timeElapsed(stage: TimedStage = 'train'): number {
    const { start, end } = this.spans[stage];
    const offset = stage === 'train' ? this.offset : 0;
    return start === null ? offset : (end ?? now()) - start + offset;
  }

  /** Seconds left for the stage, null without a limit. */
  timeRemaining(stage: TimedStage = 'train'): number | null {
    return this.limit === null ? null : this.limit - this.timeElapsed(stage);
  }

  override setup(_trainer: Trainer, _module: AnyLightningModule, stage: string): void {
    // Another run of the same Trainer has its own time; one that is resumed gets the earlier part back right after this.
    if (stage === 'fit' && this.hasRun) this.offset = 0;
    if (stage === 'fit') this.spans.train = { start: null, end: null };
    this.hasRun ||= stage === 'fit';
  }

  override onFitStart(trainer: Trainer): void {
    // A resumed run may have used up its time already.
    this.check(trainer);
  }

  override onTrainStart(): void {
    this.begin('train');
  }

  override onTrainEnd(): void {
    this.finish('train');
  }

  override onSanityCheckStart(): void {
    this.begin('sanity_check');
  }

  override onSanityCheckEnd(): void {
    this.finish('sanity_check');
  }

  override onValidationStart(trainer: Trainer): void {
    if (!trainer.sanityChecking) this.begin('validate');
  }

  override onValidationEnd(trainer: Trainer): void {
    if (!trainer.sanityChecking) this.finish('validate');
  }

  override onTestStart(): void {
    this.begin('test');
  }

  override onTestEnd(): void {
    this.finish('test');
  }

  override onPredictStart(): void {
    this.begin('predict');
  }

  override onPredictEnd(): void {
    this.finish('predict');
  }

  override onTrainBatchEnd(trainer: Trainer): void {
    if (this.limit !== null && this.interval === 'step') this.check(trainer);
  }

  override onTrainEpochEnd(trainer: Trainer): void {
    if (this.limit !== null && this.interval === 'epoch') this.check(trainer);
  }

  private begin(stage: TimedStage): void {
    this.spans[stage] = { start: now(), end: null };
  }

  private finish(stage: TimedStage): void {
    this.spans[stage].end = now();
  }

  private check(trainer: Trainer): void {
    if (this.limit === null) return;
    const elapsed = this.timeElapsed();
    const isOver = trainer.strategy.reduceBooleanDecision(elapsed >= this.limit, false);
    if (!isOver || trainer.shouldStop) return;
    trainer.shouldStop = true;
    if (this.verbose)
      trainer.print(`Time limit reached. Elapsed time is ${formatClock(elapsed)}. Signaling Trainer to stop.`);
  }

  override stateDict(): Record<string, unknown> {
    return { time_elapsed: Object.fromEntries(timedStages.map((stage) => [stage, this.timeElapsed(stage)])) };
  }

  override loadStateDict(state: Record<string, unknown>): void {
    const elapsed = state.time_elapsed as Partial<Record<TimedStage, number>> | undefined;
    this.offset = Number(elapsed?.train ?? 0);
  }
}

function now(): number {
  return performance.now() / 1000;
}
