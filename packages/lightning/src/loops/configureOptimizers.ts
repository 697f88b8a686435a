import { warn } from '@lightning-ts/torch';
import { Optimizer, ReduceLROnPlateau } from '@lightning-ts/torch/optim';
import { LightningError } from '../errors.js';
import { describe, isPlainObject } from '../module/hparams.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import type { AnyScheduler, OptimizersConfig } from '../module/optimizersConfig.js';
import type { SchedulerConfig } from './schedulers.js';

/** What a module optimizes with. */
export interface ConfiguredOptimizers {
  readonly optimizers: readonly Optimizer[];
  readonly schedulers: readonly SchedulerConfig[];
}

const forms =
  'Return an optimizer, an array of optimizers, [optimizers, schedulers], { optimizer, lrScheduler, monitor }, an array of ' +
  'those, or null.';

/**
 * Asks the module for its optimizers and brings any of the accepted forms into one.
 *
 * @throws LightningError OPTIMIZERS_INVALID, SCHEDULER_INVALID, OPTIMIZER_COUNT
 */
export function configureOptimizers(module: AnyLightningModule): ConfiguredOptimizers {
  const name = module.constructor.name;
  const config: OptimizersConfig | undefined = module.configureOptimizers!();
  const reader = new ConfigReader(name, module.automaticOptimization);
  reader.read(config);
  const { optimizers, schedulers } = reader;
  for (const { scheduler } of schedulers) {
    if (optimizers.includes((scheduler as { optimizer: Optimizer }).optimizer)) continue;
    throw new LightningError(
      'SCHEDULER_INVALID',
      `${name}.configureOptimizers returned a ${scheduler.constructor.name} for an optimizer that it did not return. Return both.`,
    );
  }
  if (module.automaticOptimization && optimizers.length > 1) {
    throw new LightningError(
      'OPTIMIZER_COUNT',
      `${name}.configureOptimizers returned ${optimizers.length} optimizers, but automatic optimization steps one. Set ` +
        'this.automaticOptimization = false in the constructor and step them in trainingStep, or return one with several groups.',
    );
  }
  if (optimizers.length === 0) {
    warn('NO_OPTIMIZER', `${name}.configureOptimizers returned null, so training changes no parameters.`);
  }
  return { optimizers, schedulers };
}

class ConfigReader {
  readonly optimizers: Optimizer[] = [];
  readonly schedulers: SchedulerConfig[] = [];

  constructor(
    private readonly name: string,
    private readonly isAutomatic: boolean,
  ) {}

  read(config: unknown): void {
    if (config === null) return;
    if (config instanceof Optimizer) this.optimizers.push(config);
    else if (isPlainObject(config)) this.readEntry(config, true);
    else if (Array.isArray(config) && config.length > 0) this.readList(config);
    else throw this.unknown(config);
  }

  private readList(list: readonly unknown[]): void {
    if (list.every((item) => item instanceof Optimizer)) this.optimizers.push(...list);
    else if (list.every((item) => isPlainObject(item) && 'optimizer' in item)) {
      for (const item of list) this.readEntry(item as Record<string, unknown>, false);
    } else if (list.length === 2 && Array.isArray(list[0]) && list[0].every((item) => item instanceof Optimizer)) {
      this.optimizers.push(...list[0]);
      for (const scheduler of Array.isArray(list[1]) ? list[1] : [list[1]]) this.readScheduler(scheduler, null);
    } else throw this.unknown(list);
  }

  private readEntry(entry: Record<string, unknown>, isOnlyOne: boolean): void {
    const { optimizer, lrScheduler, monitor = null, ...rest } = entry;
    if (!(optimizer instanceof Optimizer)) throw this.unknown(entry);
    const unknown = Object.keys(rest);
    if (unknown.length > 0) {
      warn(
        'OPTIMIZERS_KEYS',
        `${this.name}.configureOptimizers returned keys that nothing reads: ${unknown.join(', ')}.`,
      );
    }
    this.optimizers.push(optimizer);
    if (lrScheduler !== undefined && lrScheduler !== null)
      this.readScheduler(lrScheduler, isOnlyOne ? (monitor as string | null) : null);
  }

  private readScheduler(value: unknown, monitorBeside: string | null): void {
    const {
      scheduler,
      interval = 'epoch',
      frequency = 1,
      strict = true,
      name = null,
      ...rest
    } = isPlainObject(value) ? value : { scheduler: value };
    const {
      monitor = monitorBeside,
      reduceOnPlateau = scheduler instanceof ReduceLROnPlateau,
      ...unknown
    } = rest as {
      monitor?: string | null;
      reduceOnPlateau?: boolean;
    };
    const scheduling = scheduler as AnyScheduler;
    const kind = (scheduler as object | null)?.constructor?.name ?? describe(scheduler);
    if (!isScheduler(scheduler)) {
      throw this.invalid(`scheduler is ${describe(scheduler)}, which lacks step, stateDict or loadStateDict`);
    }
    if (interval !== 'epoch' && interval !== 'step' && interval !== 'batch')
      throw this.invalid(`interval is ${describe(interval)}; use 'epoch', 'step' or 'batch'`);
    if (monitor !== null && typeof monitor !== 'string')
      throw this.invalid(`monitor is ${describe(monitor)}; use the name of a logged metric`);
    if (
      typeof strict !== 'boolean' ||
      typeof reduceOnPlateau !== 'boolean' ||
      (name !== null && typeof name !== 'string')
    )
      throw this.invalid('strict and reduceOnPlateau are true or false, and name is a text');
    if (!this.isAutomatic) this.warnUnused(value);
    if (!(Number.isInteger(frequency) && (frequency as number) > 0)) {
      throw this.invalid(`frequency is ${describe(frequency)}; use a whole number from 1 up`);
    }
    if (Object.keys(unknown).length > 0) {
      warn(
        'SCHEDULER_KEYS',
        `The scheduler entry of ${this.name} has keys that nothing reads: ${Object.keys(unknown).join(', ')}.`,
      );
    }
    if (this.isAutomatic && reduceOnPlateau && typeof monitor !== 'string') {
      throw this.invalid(`${kind} needs the metric it watches. Add monitor: 'val_loss', or whatever you log`);
    }
    if (kind === 'OneCycleLR' && interval === 'epoch' && this.isAutomatic) {
      warn(
        'SCHEDULER_INTERVAL',
        `OneCycleLR counts optimizer steps, but ${this.name} steps it once an epoch. Add interval: 'step'.`,
      );
    }
    this.schedulers.push({
      scheduler: scheduling,
      interval,
      frequency: frequency as number,
      monitor,
      strict,
      reduceOnPlateau,
      name,
    });
  }

  /** In manual optimization nothing is stepped by itself. */
  private warnUnused(entry: unknown): void {
    if (!isPlainObject(entry)) return;
    const unused = ['interval', 'frequency', 'monitor', 'reduceOnPlateau', 'strict'].filter((key) => key in entry);
    if (unused.length === 0) return;
    warn(
      'SCHEDULER_KEYS',
      `${this.name} steps its schedulers itself, so nothing reads ${unused.join(', ')} in what configureOptimizers returned.`,
    );
  }

  private invalid(text: string): LightningError {
    return new LightningError('SCHEDULER_INVALID', `In what ${this.name}.configureOptimizers returned, ${text}.`);
  }

  private unknown(config: unknown): LightningError {
    return new LightningError(
      'OPTIMIZERS_INVALID',
      `${this.name}.configureOptimizers returned ${describe(config)}. ${forms}`,
    );
  }
}

function isScheduler(value: unknown): value is AnyScheduler {
  const candidate = value as Record<string, unknown> | null;
  return (
    typeof candidate === 'object' &&
    candidate !== null &&
    ['step', 'stateDict', 'loadStateDict'].every((member) => typeof candidate[member] === 'function')
  );
}
