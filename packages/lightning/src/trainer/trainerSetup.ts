import type { Callback } from '../callbacks/callback.js';
import { EarlyStopping } from '../callbacks/earlyStopping.js';
import { ModelCheckpoint } from '../callbacks/modelCheckpoint.js';
import { ProgressBar } from '../callbacks/progressBar.js';
import type { CheckpointIO } from '../checkpoint/checkpointIo.js';
import type { Logger } from '../loggers/logger.js';
import { createPrecision } from '../precision/createPrecision.js';
import type { Precision } from '../precision/precision.js';
import { PassThroughProfiler } from '../profilers/passThroughProfiler.js';
import type { Profiler } from '../profilers/profiler.js';
import type { Strategy } from '../strategies/strategy.js';
import { callbackList } from './callbackList.js';
import { defaultLoggers } from './defaultLoggers.js';
import type { TrainerOptions } from './options.js';
import { loggerList, type ResolvedOptions, resolveOptions } from './resolveOptions.js';

/** What a Trainer is made of: its options as they were understood, who takes part, and where it runs. */
export abstract class TrainerSetup {
  readonly options: ResolvedOptions;
  /** The callbacks before the module's own join them. */
  readonly givenCallbacks: readonly Callback[];
  private loggersInUse: readonly Logger[];
  protected activeCallbacks: readonly Callback[] | null = null;
  private precisionInUse: Precision | null = null;
  private profilerInUse: Profiler | null = null;

  constructor(given: TrainerOptions) {
    this.options = resolveOptions(given);
    this.loggersInUse = defaultLoggers(this.options);
    this.givenCallbacks = callbackList(this.options);
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

  /** Where metrics go. May be replaced between runs. */
  get loggers(): readonly Logger[] {
    return this.loggersInUse;
  }

  set loggers(loggers: readonly Logger[]) {
    this.loggersInUse = loggerList('loggers', loggers);
  }

  get logger(): Logger | null {
    return this.loggersInUse[0] ?? null;
  }

  set logger(logger: Logger | null) {
    this.loggersInUse = logger === null ? [] : loggerList('logger', logger);
  }

  /** The first logger's folder, else `defaultRootDir`. */
  get logDir(): string {
    return this.logger?.logDir ?? this.logger?.saveDir ?? this.defaultRootDir;
  }

  /** What measures the run; one that does nothing unless the Trainer was given another. */
  get profiler(): Profiler {
    this.profilerInUse ??= this.options.profiler ?? new PassThroughProfiler();
    return this.profilerInUse;
  }

  /** Where and how checkpoints are kept. */
  get checkpointIo(): CheckpointIO {
    return this.options.plugins.checkpointIo;
  }

  get strategy(): Strategy {
    return this.options.strategy;
  }

  /** Has every process use the folders that the first one's loggers chose. */
  agreeOnLoggers(): void {
    if (this.worldSize === 1) return;
    const versions = this.strategy.broadcast(this.isGlobalZero ? this.loggers.map((logger) => logger.version) : null);
    if (this.isGlobalZero || versions === null) return;
    for (const [index, logger] of this.loggers.entries()) {
      const version = versions[index];
      if (version !== undefined) logger.takeVersion?.(version);
    }
  }

  // --- where it runs ---

  /** What the run computes in, with its state: the scale of `'16-mixed'`. */
  get precisionPlugin(): Precision {
    this.precisionInUse ??= createPrecision(
      this.options.plugins.precision ?? this.options.precision,
      () => this.strategy.rootDevice,
    );
    return this.precisionInUse;
  }

  /** The name of the precision in use: on a CPU, `'16-mixed'` has become `'bf16-mixed'`. */
  get precision(): string {
    return this.precisionPlugin.name;
  }

  /** The kind of device, such as `'cpu'` or `'cuda'`. */
  get accelerator(): string {
    return this.strategy.rootDevice.type;
  }

  get numDevices(): number {
    return this.strategy.worldSize / this.numNodes;
  }

  get numNodes(): number {
    return this.options.numNodes;
  }

  /** The indices of the devices on this machine. */
  get deviceIds(): readonly number[] {
    return [this.strategy.rootDevice.index ?? 0];
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
}

function orMinusOne(value: number): number {
  return value === Number.POSITIVE_INFINITY ? -1 : value;
}
