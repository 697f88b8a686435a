import { warn } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import { nearestNames } from '../nearestNames.js';
import { OptionReader } from '../optionReader.js';
import type { Trainer } from '../trainer/trainer.js';
import { Callback } from './callback.js';
import { CpuStats } from './cpuStats.js';

export interface DeviceStatsMonitorOptions {
  /** Whether to log what processor and memory do. Default null: when training is on the CPU. */
  readonly cpuStats?: boolean | null;
  /** The statistics to log, such as `['cpu_percent']`. Default null: all. */
  readonly filterKeys?: readonly string[] | null;
}

/**
 * Logs what the machine is doing before and after each logged batch: `cpu_percent`, `cpu_vm_percent` and `cpu_swap_percent`, as
 * `DeviceStatsMonitor.on_train_batch_start/cpu_percent` and the like.
 */
export class DeviceStatsMonitor extends Callback {
  private readonly cpuStats: boolean | null;
  private readonly filterKeys: ReadonlySet<string> | null;
  private stats: CpuStats | null = null;
  private isChecked = false;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN */
  constructor(options: DeviceStatsMonitorOptions = {}) {
    super();
    const reader = new OptionReader<DeviceStatsMonitorOptions>(this.constructor.name, options);
    this.cpuStats = reader.boolean('cpuStats', null);
    const keys = reader.value('filterKeys') ?? null;
    if (keys !== null && !(Array.isArray(keys) && keys.every((key) => typeof key === 'string')))
      throw reader.invalid('filterKeys', "a list of names: ['cpu_percent']");
    this.filterKeys = keys === null ? null : new Set(keys);
    reader.done();
  }

  /** @throws LightningError OPTION_CONFLICT without a logger, OPTION_UNAVAILABLE on a GPU unless `cpuStats` is true */
  override setup(trainer: Trainer, _module: AnyLightningModule, stage: string): void {
    this.stats = null;
    this.isChecked = false;
    if (stage === 'predict') return;
    if (trainer.loggers.length === 0) {
      throw new LightningError(
        'OPTION_CONFLICT',
        'DeviceStatsMonitor has nowhere to log to: the Trainer has no logger. Give it one, or remove the callback.',
      );
    }
    const { type } = trainer.strategy.rootDevice;
    if (this.cpuStats === null && type !== 'cpu') {
      throw new LightningError(
        'OPTION_UNAVAILABLE',
        `DeviceStatsMonitor knows no statistics of ${type}. Set cpuStats to true to log the processor's.`,
      );
    }
    if (this.cpuStats ?? true) this.stats = new CpuStats();
  }

  override onTrainBatchStart(trainer: Trainer): Promise<void> | undefined {
    return this.logStats(trainer, 'on_train_batch_start');
  }

  override onTrainBatchEnd(trainer: Trainer): Promise<void> | undefined {
    return this.logStats(trainer, 'on_train_batch_end');
  }

  override onValidationBatchStart(trainer: Trainer): Promise<void> | undefined {
    return this.logStats(trainer, 'on_validation_batch_start');
  }

  override onValidationBatchEnd(trainer: Trainer): Promise<void> | undefined {
    return this.logStats(trainer, 'on_validation_batch_end');
  }

  override onTestBatchStart(trainer: Trainer): Promise<void> | undefined {
    return this.logStats(trainer, 'on_test_batch_start');
  }

  override onTestBatchEnd(trainer: Trainer): Promise<void> | undefined {
    return this.logStats(trainer, 'on_test_batch_end');
  }

  private logStats(trainer: Trainer, hook: string): Promise<void> | undefined {
    if (this.stats === null || trainer.sanityChecking || !trainer.isGlobalZero) return undefined;
    const { logEveryNSteps } = trainer.options;
    const step = trainer.fitRun?.progress.batchesThatStepped ?? 0;
    if (logEveryNSteps === 0 || ((step + 1) % logEveryNSteps !== 0 && !trainer.shouldStop)) return undefined;
    return this.sendTo(trainer, hook, step, this.filtered(this.stats.read()));
  }

  private async sendTo(trainer: Trainer, hook: string, step: number, stats: Record<string, number>): Promise<void> {
    const entries = Object.entries(stats);
    if (entries.length === 0) return;
    for (const logger of trainer.loggers) {
      const prefix = `${this.constructor.name}.${hook}${logger.groupSeparator}`;
      await logger.logMetrics(Object.fromEntries(entries.map(([name, value]) => [prefix + name, value])), step);
      await logger.save();
    }
  }

  private filtered(stats: Record<string, number>): Record<string, number> {
    const { filterKeys } = this;
    if (filterKeys === null) return stats;
    const known = Object.keys(stats);
    const unknown = [...filterKeys].find((key) => !known.includes(key));
    if (unknown !== undefined && !this.isChecked) {
      const near = nearestNames(unknown, known).map((name) => `'${name}'`);
      warn(
        'DEVICE_STATS_KEY',
        `DeviceStatsMonitor: filterKeys has '${unknown}', which is no statistic. ${near.length > 0 ? `Did you mean ${near.join(' or ')}?` : `There are ${known.join(', ')}.`}`,
      );
    }
    this.isChecked = true;
    return Object.fromEntries(Object.entries(stats).filter(([name]) => filterKeys.has(name)));
  }
}
