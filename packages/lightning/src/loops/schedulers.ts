import { warn } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';
import type { RunMetrics } from '../logging/runMetrics.js';
import type { LightningModule } from '../module/lightningModule.js';
import type { AnyScheduler } from '../module/optimizersConfig.js';
import { count, type FitProgress } from './progress.js';

/** A scheduler with everything about when to step it. */
export interface SchedulerConfig {
  readonly scheduler: AnyScheduler;
  readonly interval: 'epoch' | 'step';
  /** Every n-th epoch, or every n-th optimizer step of the whole run. */
  readonly frequency: number;
  readonly monitor: string | null;
  readonly strict: boolean;
  readonly reduceOnPlateau: boolean;
  readonly name: string | null;
}

/** Steps the schedulers of a run when they are due. */
export class SchedulerList {
  constructor(
    readonly configs: readonly SchedulerConfig[],
    private readonly module: LightningModule,
    private readonly progress: FitProgress,
    private readonly metrics: RunMetrics,
  ) {}

  /**
   * Steps those of an interval that are due now.
   *
   * @param onPlateau whether the ones that watch a metric are meant, or the others
   */
  step(interval: 'epoch' | 'step', onPlateau: boolean): void {
    const { configs, progress } = this;
    if (configs.length === 0) return;
    const done = interval === 'step' ? progress.globalStep : progress.currentEpoch + 1;
    for (const config of configs) {
      if (config.interval !== interval || config.reduceOnPlateau !== onPlateau || done % config.frequency !== 0)
        continue;
      if (!onPlateau) this.stepOne(config, null);
      else this.stepOnPlateau(config);
    }
  }

  private stepOnPlateau(config: SchedulerConfig): void {
    const monitor = config.monitor!;
    const available = this.metrics.callbackMetrics;
    const metric = available[monitor];
    if (metric !== undefined) {
      this.stepOne(config, metric);
      return;
    }
    const names = Object.keys(available);
    const known =
      names.length === 0 ? 'Nothing was logged.' : `Logged so far: ${names.map((name) => `'${name}'`).join(', ')}.`;
    const message =
      `${config.scheduler.constructor.name} watches '${monitor}', which is not there when it is due. ${known} Log it, change ` +
      'monitor, or set strict: false on the scheduler to skip it.';
    if (config.strict) throw new LightningError('MONITOR_MISSING', message);
    warn('MONITOR_MISSING', message);
  }

  private stepOne(config: SchedulerConfig, metric: Parameters<LightningModule['lrSchedulerStep']>[1]): void {
    count(this.progress.scheduler, 'ready');
    this.module.lrSchedulerStep(config.scheduler, metric);
    count(this.progress.scheduler, 'completed');
  }
}
