import { tensor } from '@lightning-ts/torch';
import type { Optimizer, ParamGroup } from '@lightning-ts/torch/optim';
import { LightningError } from '../errors.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import { OptionReader } from '../optionReader.js';
import type { Trainer } from '../trainer/trainer.js';
import { Callback } from './callback.js';

export interface LearningRateMonitorOptions {
  /** When to log. Default null: each scheduler's rate at the scheduler's own interval, rates without scheduler at both. */
  readonly loggingInterval?: 'step' | 'epoch' | null;
  /** Also logs the momentum (of Adam and its kin the first beta). Default false. */
  readonly logMomentum?: boolean;
  /** Also logs the weight decay. Default false. */
  readonly logWeightDecay?: boolean;
  /** Put before every name. Default none. */
  readonly logKeyPrefix?: string | null;
}

/** An optimizer whose rates are logged, with a name for each of its groups. */
interface Watched {
  readonly optimizer: Optimizer;
  readonly names: readonly string[];
  /** When its scheduler steps; null without one. */
  readonly interval: 'step' | 'epoch' | null;
}

/**
 * Logs the learning rates: as `lr-Adam`, or `lr-Adam-1` for a second Adam, `lr-SGD/pg1` and `lr-SGD/pg2` for the groups of
 * one optimizer (`lr-SGD/head` when a group has a name), and under the scheduler's own name when it has one.
 */
export class LearningRateMonitor extends Callback {
  /** Every value logged so far, by name. */
  readonly lrs: Record<string, number[]> = {};
  private readonly options: Required<LearningRateMonitorOptions>;
  private watched: Watched[] = [];

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN */
  constructor(options: LearningRateMonitorOptions = {}) {
    super();
    const reader = new OptionReader<LearningRateMonitorOptions>(this.constructor.name, options);
    this.options = {
      loggingInterval: reader.choice('loggingInterval', ['step', 'epoch'], null),
      logMomentum: reader.boolean('logMomentum', false),
      logWeightDecay: reader.boolean('logWeightDecay', false),
      logKeyPrefix: reader.text('logKeyPrefix', null),
    };
    reader.done();
  }

  override onTrainStart(trainer: Trainer): void {
    if (trainer.loggers.length === 0) {
      throw new LightningError(
        'OPTION_CONFLICT',
        'LearningRateMonitor has nowhere to log to: the Trainer has no logger. Give it one, or remove the callback.',
      );
    }
    this.watched = watchedOptimizers(trainer, this.options.logKeyPrefix ?? '');
    for (const key of Object.keys(this.lrs)) delete this.lrs[key];
  }

  override onTrainBatchStart(trainer: Trainer, _module: AnyLightningModule): void | Promise<void> {
    if (this.options.loggingInterval === 'epoch' || !trainer.logsStepRow) return;
    return this.logRates(trainer, 'step');
  }

  override onTrainEpochStart(trainer: Trainer): void | Promise<void> {
    if (this.options.loggingInterval === 'step') return;
    return this.logRates(trainer, 'epoch');
  }

  private logRates(trainer: Trainer, moment: 'step' | 'epoch'): void | Promise<void> {
    const row: Record<string, number> = {};
    for (const { optimizer, names, interval } of this.watched) {
      if (this.options.loggingInterval === null && interval !== null && interval !== moment) continue;
      for (const [index, group] of optimizer.paramGroups.entries()) this.collect(row, names[index]!, group);
    }
    if (Object.keys(row).length === 0) return;
    for (const [name, value] of Object.entries(row)) {
      this.lrs[name] ??= [];
      this.lrs[name].push(value);
    }
    return trainer.logRow(
      Object.fromEntries(Object.entries(row).map(([name, value]) => [name, tensor(value, { dtype: 'float64' })])),
    );
  }

  private collect(row: Record<string, number>, name: string, group: ParamGroup): void {
    row[name] = group.lr;
    const { logMomentum, logWeightDecay } = this.options;
    if (logMomentum) row[`${name}-momentum`] = momentumOf(group);
    if (logWeightDecay) row[`${name}-weight_decay`] = numberIn(group, 'weightDecay');
  }
}

/** Every optimizer of the run once, named after its scheduler or its class. */
function watchedOptimizers(trainer: Trainer, prefix: string): Watched[] {
  const found: Watched[] = [];
  const taken = new Map<string, number>();
  const add = (optimizer: Optimizer, base: string, interval: 'step' | 'epoch' | null): void => {
    const count = taken.get(base) ?? 0;
    taken.set(base, count + 1);
    const name = prefix + (count === 0 ? base : `${base}-${count}`);
    found.push({ optimizer, names: groupNames(name, optimizer.paramGroups), interval });
  };
  for (const config of trainer.lrSchedulerConfigs) {
    const optimizer = config.scheduler.optimizer as Optimizer;
    add(optimizer, config.name ?? `lr-${optimizer.constructor.name}`, config.interval === 'epoch' ? 'epoch' : 'step');
  }
  for (const { optimizer } of trainer.optimizers) {
    if (!found.some((entry) => entry.optimizer === optimizer)) add(optimizer, `lr-${optimizer.constructor.name}`, null);
  }
  return found;
}

function groupNames(name: string, groups: readonly ParamGroup[]): string[] {
  if (groups.length === 1) return [name];
  const names = groups.map(
    (group, index) => `${name}/${String((group as { name?: unknown }).name ?? `pg${index + 1}`)}`,
  );
  const twice = names.find((candidate, index) => names.indexOf(candidate) !== index);
  if (twice === undefined) return names;
  throw new LightningError(
    'OPTION_INVALID',
    `LearningRateMonitor: two parameter groups of one optimizer are called '${twice.slice(name.length + 1)}'. Give each its own name.`,
  );
}

function momentumOf(group: ParamGroup): number {
  const betas = (group as { betas?: readonly number[] }).betas;
  return betas?.[0] ?? numberIn(group, 'momentum');
}

function numberIn(group: ParamGroup, key: string): number {
  const value = (group as unknown as Record<string, unknown>)[key];
  return typeof value === 'number' ? value : 0;
}
