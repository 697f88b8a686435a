import { type Tensor, warn } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';
import { refusePromise } from '../hooks/refusePromise.js';
import type { RunMetrics } from '../logging/runMetrics.js';
import type { LightningModule } from '../module/lightningModule.js';
import type { AnyScheduler } from '../module/optimizersConfig.js';
import { nearestNames } from '../nearestNames.js';
import { count, type FitProgress } from './progress.js';

/** By what a scheduler is stepped: epochs, optimizer steps, or batches, also those that only accumulate. */
export type SchedulerInterval = 'epoch' | 'step' | 'batch';

/** A scheduler with everything about when to step it. */
export interface SchedulerConfig {
  readonly scheduler: AnyScheduler;
  readonly interval: SchedulerInterval;
  /** Every n-th epoch, or every n-th optimizer step or batch of the whole run. */
  readonly frequency: number;
  readonly monitor: string | null;
  readonly strict: boolean;
  readonly reduceOnPlateau: boolean;
  readonly name: string | null;
}

/** Steps the schedulers of a run when they are due; those of manual optimization are only kept. */
export class SchedulerList {
  /** Schedulers that were due while the metric they watch had not come yet. */
  private readonly waiting = new Set<SchedulerConfig>();

  constructor(
    readonly configs: readonly SchedulerConfig[],
    private readonly module: LightningModule,
    private readonly progress: FitProgress,
    private readonly metrics: RunMetrics,
    /** The same value for every process: what it decides must not differ. */
    private readonly agreed: (metric: Tensor) => Tensor = (metric) => metric,
  ) {}

  /**
   * Steps those of an interval that are due now.
   *
   * @param onPlateau whether the ones that watch a metric are meant, or the others
   */
  step(interval: SchedulerInterval, onPlateau: boolean): void {
    const { configs, module, progress } = this;
    if (configs.length === 0 || !module.automaticOptimization) return;
    const done =
      interval === 'step'
        ? progress.globalStep
        : interval === 'batch'
          ? progress.batch.total.processed
          : progress.currentEpoch + 1;
    for (const config of configs) {
      if (config.interval !== interval || config.reduceOnPlateau !== onPlateau || done % config.frequency !== 0)
        continue;
      if (!onPlateau) this.stepOne(config, null);
      else this.stepOnPlateau(config);
    }
  }

  /**
   * The run is over: a scheduler that waited for its metric to the end never did anything.
   *
   * @throws LightningError MONITOR_MISSING, unless the scheduler is not strict
   */
  finish(): void {
    for (const config of this.waiting) {
      const monitor = config.monitor!;
      const names = Object.keys(this.metrics.callbackMetrics);
      const near = nearestNames(monitor, names);
      const hint = near.length > 0 ? ` Did you mean ${near.map((name) => `'${name}'`).join(' or ')}?` : '';
      const known =
        names.length === 0 ? 'Nothing was logged.' : `Logged: ${names.map((name) => `'${name}'`).join(', ')}.`;
      const message =
        `${config.scheduler.constructor.name} watches '${monitor}', which never came, so it was never stepped.${hint} ${known} Log it, ` +
        'change monitor, or set strict: false on the scheduler.';
      if (config.strict) throw new LightningError('MONITOR_MISSING', message);
      warn('MONITOR_MISSING', message);
    }
  }

  private stepOnPlateau(config: SchedulerConfig): void {
    const metric = this.metrics.callbackMetrics[config.monitor!];
    // It may come later: the first validation, or the first after a resume, may still be ahead.
    if (metric === undefined) this.waiting.add(config);
    else {
      this.waiting.delete(config);
      this.stepOne(config, this.agreed(metric));
    }
  }

  private stepOne(config: SchedulerConfig, metric: Parameters<LightningModule['lrSchedulerStep']>[1]): void {
    count(this.progress.scheduler, 'ready');
    const result: unknown = this.module.lrSchedulerStep(config.scheduler, metric);
    refusePromise(this.module.constructor.name, 'lrSchedulerStep', result);
    count(this.progress.scheduler, 'completed');
  }
}
