import { constants, homedir } from 'node:os';
import { resolve } from 'node:path';
import { warn } from '@lightning-ts/torch';
import { Callback } from '../callbacks/callback.js';
import { type Duration, parseDuration } from '../callbacks/duration.js';
import { LightningError } from '../errors.js';
import { Logger } from '../loggers/logger.js';
import type { ResolvedAmount } from '../loops/limits.js';
import type { FitSettings } from '../loops/run.js';
import type { CheckInterval } from '../loops/validationSchedule.js';
import { describe } from '../module/hparams.js';
import { type PrecisionName, precisionName } from '../precision/precision.js';
import type { Profiler } from '../profilers/profiler.js';
import type { Strategy } from '../strategies/strategy.js';
import { amountSize, resolveAmount, resolveCheckInterval } from './amounts.js';
import { withEnvironment } from './environmentDefaults.js';
import { checkOptionNames, optionNames } from './optionNames.js';
import type { TrainerOptions } from './options.js';
import { type ResolvedPlugins, resolvePlugins } from './resolvePlugins.js';
import { resolveProfiler } from './resolveProfiler.js';
import { resolveStrategy } from './resolveStrategy.js';

/** Options with every default filled in. Unlimited counts are `Infinity`. */
export interface ResolvedOptions extends Readonly<Omit<FitSettings, 'fastDevRun'>> {
  readonly strategy: Strategy;
  readonly numNodes: number;
  /** The default, or what was asked for; `plugins.precision` goes before it. */
  readonly precision: PrecisionName;
  /** True: the default logger. */
  readonly logger: readonly Logger[] | true;
  readonly callbacks: readonly Callback[];
  /** Whether nobody said when training ends. */
  readonly maxEpochsIsDefault: boolean;
  /** Batches of a trial run, 0 for a real one. */
  readonly fastDevRun: number;
  readonly maxTime: Duration | null;
  readonly limitTrainBatches: ResolvedAmount;
  readonly limitValBatches: ResolvedAmount;
  readonly limitTestBatches: ResolvedAmount;
  readonly limitPredictBatches: ResolvedAmount;
  readonly overfitBatches: ResolvedAmount | null;
  readonly valCheckInterval: CheckInterval;
  readonly checkValEveryNEpoch: number | null;
  readonly numSanityValSteps: number;
  readonly enableCheckpointing: boolean;
  readonly enableProgressBar: boolean;
  readonly enableModelSummary: boolean;
  readonly validateAtEpochEnd: boolean;
  readonly deterministic: boolean | 'warn';
  /** Null: as it is set. */
  readonly benchmark: boolean | null;
  readonly detectAnomaly: boolean;
  readonly inferenceMode: boolean;
  readonly barebones: boolean;
  readonly plugins: ResolvedPlugins;
  readonly profiler: Profiler | null;
  readonly defaultRootDir: string;
  readonly reloadDataloadersEveryNEpochs: number;
  readonly useDistributedSampler: boolean;
  readonly syncBatchnorm: boolean;
  readonly enableAutologHparams: boolean;
  readonly preemptionSignal: NodeJS.Signals | null;
  readonly onInterrupt: 'return' | 'throw';
}

const all: ResolvedAmount = { fraction: 1 };

/**
 * Checks every option, fills in the defaults and applies the modes.
 *
 * @throws LightningError OPTION_UNKNOWN, OPTION_INVALID, OPTION_CONFLICT, OPTION_UNAVAILABLE
 */
export function resolveOptions(options: TrainerOptions): ResolvedOptions {
  checkOptionNames(options);
  const given = withEnvironment(options, optionNames);
  const { barebones = false } = given;
  boolean('barebones', barebones);
  if (barebones) refuseWithBarebones(given);
  const fastDevRun = resolveFastDevRun(given.fastDevRun ?? false);
  const overfit = resolveAmount(given.overfitBatches ?? 0, 'overfitBatches');
  const overfitBatches = amountSize(overfit) > 0 ? overfit : null;
  const limit = (
    name: 'limitTrainBatches' | 'limitValBatches' | 'limitTestBatches' | 'limitPredictBatches',
  ): ResolvedAmount => {
    const own = resolveAmount(given[name] ?? all, name);
    const overfits = overfitBatches !== null && (name === 'limitTrainBatches' || name === 'limitValBatches');
    if (overfits) return overfitBatches;
    return fastDevRun > 0 ? { batches: fastDevRun } : own;
  };
  const valCheckInterval = resolveCheckInterval(given.valCheckInterval ?? all);
  const checkValEveryNEpoch = given.checkValEveryNEpoch === undefined ? 1 : given.checkValEveryNEpoch;
  if (checkValEveryNEpoch !== null) integer('checkValEveryNEpoch', checkValEveryNEpoch, 1);
  else if ('fraction' in valCheckInterval) {
    throw new LightningError(
      'OPTION_CONFLICT',
      'checkValEveryNEpoch is null, which counts the batches between validations on across epochs, but valCheckInterval is a part ' +
        'of an epoch. Set valCheckInterval to a number of batches or a time span.',
    );
  }
  const sanity = integer('numSanityValSteps', given.numSanityValSteps ?? (barebones ? 0 : 2), -1);
  const isTrial = fastDevRun > 0;
  const plugins = resolvePlugins(given.plugins ?? []);
  const numNodes = integer('numNodes', given.numNodes ?? 1, 1);
  if (plugins.precision !== null && given.precision !== undefined)
    throw conflict(
      `precision is ${describe(given.precision)}, but plugins has a ${plugins.precision.constructor.name}`,
    );
  const deterministic =
    given.deterministic === 'warn' ? 'warn' : boolean('deterministic', given.deterministic ?? false);
  return Object.freeze({
    strategy: resolveStrategy(given, numNodes, plugins),
    numNodes,
    precision: precisionName(given.precision ?? '32-true'),
    plugins,
    profiler: resolveProfiler(given.profiler ?? null),
    logger: resolveLoggers(given.logger ?? !barebones),
    callbacks: resolveCallbacks(given.callbacks ?? []),
    fastDevRun,
    ...resolveLimits(given, fastDevRun),
    maxTime: resolveMaxTime(given.maxTime),
    limitTrainBatches: limit('limitTrainBatches'),
    limitValBatches: limit('limitValBatches'),
    limitTestBatches: limit('limitTestBatches'),
    limitPredictBatches: limit('limitPredictBatches'),
    overfitBatches,
    valCheckInterval: isTrial ? all : valCheckInterval,
    checkValEveryNEpoch: isTrial ? 1 : checkValEveryNEpoch,
    numSanityValSteps: isTrial ? 0 : sanity === -1 ? Number.POSITIVE_INFINITY : sanity,
    validateAtEpochEnd: boolean('validateAtEpochEnd', given.validateAtEpochEnd ?? false),
    logEveryNSteps: integer('logEveryNSteps', given.logEveryNSteps ?? (barebones ? 0 : 50), 0),
    enableCheckpointing: boolean('enableCheckpointing', given.enableCheckpointing ?? !barebones),
    enableProgressBar: boolean('enableProgressBar', given.enableProgressBar ?? !barebones),
    enableModelSummary: boolean('enableModelSummary', given.enableModelSummary ?? !barebones),
    accumulationDivisor: oneOf('accumulationDivisor', given.accumulationDivisor ?? 'window', [
      'window',
      'option',
      'weight',
    ]),
    accumulateGradBatches: integer('accumulateGradBatches', given.accumulateGradBatches ?? 1, 1),
    gradientClipVal: resolveClipValue(given.gradientClipVal ?? null),
    gradientClipAlgorithm: oneOf('gradientClipAlgorithm', given.gradientClipAlgorithm ?? 'norm', ['norm', 'value']),
    deterministic,
    benchmark: resolveBenchmark(given.benchmark, deterministic),
    detectAnomaly: boolean('detectAnomaly', given.detectAnomaly ?? false),
    inferenceMode: boolean('inferenceMode', given.inferenceMode ?? true),
    barebones,
    defaultRootDir: resolveFolder(given.defaultRootDir ?? '.'),
    reloadDataloadersEveryNEpochs: integer(
      'reloadDataloadersEveryNEpochs',
      given.reloadDataloadersEveryNEpochs ?? 0,
      0,
    ),
    useDistributedSampler: boolean('useDistributedSampler', given.useDistributedSampler ?? true),
    syncBatchnorm: boolean('syncBatchnorm', given.syncBatchnorm ?? false),
    enableAutologHparams: boolean('enableAutologHparams', given.enableAutologHparams ?? true),
    preemptionSignal: resolveSignal(given.preemptionSignal ?? null),
    onInterrupt: oneOf('onInterrupt', given.onInterrupt ?? 'return', ['return', 'throw']),
  } satisfies ResolvedOptions);
}

function resolveLimits(
  given: TrainerOptions,
  fastDevRun: number,
): Pick<ResolvedOptions, 'maxEpochs' | 'maxEpochsIsDefault' | 'minEpochs' | 'maxSteps' | 'minSteps'> {
  const unlimited = (value: number): number => (value === -1 ? Number.POSITIVE_INFINITY : value);
  const minSteps = integer('minSteps', given.minSteps ?? 0, 0);
  const minEpochs = integer('minEpochs', given.minEpochs ?? (minSteps > 0 ? 1 : 0), 0);
  const maxSteps = unlimited(integer('maxSteps', given.maxSteps ?? -1, -1));
  const hasOtherLimit = maxSteps !== Number.POSITIVE_INFINITY || given.maxTime !== undefined;
  const maxEpochs = unlimited(integer('maxEpochs', given.maxEpochs ?? (hasOtherLimit ? -1 : 1000), -1));
  if (fastDevRun > 0)
    return { maxEpochs: 1, maxEpochsIsDefault: false, minEpochs: 0, maxSteps: fastDevRun, minSteps: 0 };
  if (minEpochs > maxEpochs) throw conflict(`minEpochs is ${minEpochs}, but maxEpochs is ${maxEpochs}`);
  if (minSteps > maxSteps) throw conflict(`minSteps is ${minSteps}, but maxSteps is ${maxSteps}`);
  return {
    maxEpochs,
    maxEpochsIsDefault: given.maxEpochs === undefined && !hasOtherLimit,
    minEpochs,
    maxSteps,
    minSteps,
  };
}

function refuseWithBarebones(given: TrainerOptions): void {
  const names = [
    'logger',
    'enableCheckpointing',
    'enableProgressBar',
    'enableModelSummary',
    'numSanityValSteps',
    'logEveryNSteps',
    'fastDevRun',
    'detectAnomaly',
    'profiler',
  ] as const;
  const asked = names.filter((name) => Boolean(given[name]));
  if (asked.length > 0) throw conflict(`barebones leaves out everything but training, but ${asked.join(', ')} is set`);
}

function resolveBenchmark(value: boolean | undefined, deterministic: boolean | 'warn'): boolean | null {
  if (value === undefined) return deterministic === true ? false : null;
  if (boolean('benchmark', value) && deterministic === true) {
    warn(
      'BENCHMARK_DETERMINISTIC',
      'deterministic and benchmark are both true: which algorithm is fastest may differ from run to run, and results with it. Leave ' +
        'benchmark out.',
    );
  }
  return value;
}

function resolveSignal(value: NodeJS.Signals | null): NodeJS.Signals | null {
  if (value === null) return null;
  const isSignal = typeof value === 'string' && Object.hasOwn(constants.signals, value);
  if (isSignal && value !== 'SIGKILL' && value !== 'SIGSTOP') return value;
  throw invalid('preemptionSignal', value, "the name of a signal that can be handled, such as 'SIGUSR1', or null");
}

function resolveFastDevRun(value: boolean | number): number {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return integer('fastDevRun', value, 0);
}

function resolveMaxTime(value: Duration | undefined): Duration | null {
  if (value === undefined) return null;
  parseDuration(value, 'maxTime');
  return value;
}

function resolveClipValue(value: number | null): number | null {
  if (value === null || (typeof value === 'number' && value >= 0)) return value;
  throw invalid('gradientClipVal', value, 'a number from 0 up, or null for no clipping');
}

function resolveLoggers(value: NonNullable<TrainerOptions['logger']>): readonly Logger[] | true {
  return typeof value === 'boolean' ? (value ? true : []) : loggerList('logger', value, ', true or false');
}

/** @throws LightningError OPTION_INVALID for what is no Logger */
export function loggerList(name: string, value: unknown, orElse = ''): readonly Logger[] {
  const list: unknown = value instanceof Logger ? [value] : value;
  if (Array.isArray(list) && list.every((logger) => logger instanceof Logger)) return list;
  throw invalid(name, value, `a Logger, an array of them${orElse}`);
}

function resolveCallbacks(value: NonNullable<TrainerOptions['callbacks']>): readonly Callback[] {
  const list = value instanceof Callback ? [value] : value;
  if (!Array.isArray(list)) throw invalid('callbacks', value, 'a Callback or an array of them');
  const wrong = (list as unknown[]).findIndex((callback) => !(callback instanceof Callback));
  if (wrong >= 0) throw invalid(`callbacks[${wrong}]`, list[wrong], 'an instance of a class that extends Callback');
  return list as readonly Callback[];
}

function resolveFolder(value: string): string {
  if (typeof value !== 'string') throw invalid('defaultRootDir', value, 'the path of a folder');
  return resolve(value.replace(/^~(?=\/|$)/, homedir()));
}

function integer(name: string, value: unknown, least: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least) return value;
  if (value === Number.POSITIVE_INFINITY && least === -1) return -1;
  throw invalid(
    name,
    value,
    least === -1 ? 'a whole number from 0 up, or -1 for no limit' : `a whole number from ${least} up`,
  );
}

function boolean(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw invalid(name, value, `true or false${name === 'deterministic' ? ", or 'warn'" : ''}`);
}

function oneOf<Value extends string>(name: string, value: Value, accepted: readonly Value[]): Value {
  const found = accepted.find((candidate) => candidate === String(value).toLowerCase());
  if (found !== undefined) return found;
  throw invalid(name, value, accepted.map((candidate) => `'${candidate}'`).join(' or '));
}

function invalid(name: string, value: unknown, expected: string): LightningError {
  return new LightningError('OPTION_INVALID', `${name} is ${describe(value)}. Use ${expected}.`);
}

function conflict(text: string): LightningError {
  return new LightningError('OPTION_CONFLICT', `${text}. Leave one out.`);
}
