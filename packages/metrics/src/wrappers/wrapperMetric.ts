import { MetricError } from '../errors.js';
import { Metric, type MetricStates } from '../metric.js';

/** A metric whose inputs and values are not known here. */
export type AnyMetric = Metric & { update(...inputs: unknown[]): void; compute(): unknown };

/** A metric that is made of others. What it gathers is in them. */
export abstract class WrapperMetric extends Metric {
  /** The value of one batch alone: the metrics inside start anew for it and are joined with what they had. */
  override forward(...inputs: Parameters<this['update']>): ReturnType<this['compute']> {
    const all = this.metricsWithin().map((metric) => ({
      metric,
      states: metric.takeStates() as MetricStates,
      updates: metric.updateCount,
      syncOnCompute: metric.syncOnCompute,
    }));
    for (const { metric } of all) {
      metric.putStates(freshStates(metric), 0);
      metric.syncOnCompute = this.distSyncOnStep;
    }
    let isDone = false;
    try {
      (this.update as (...given: unknown[]) => void)(...inputs);
      const value = this.compute() as ReturnType<this['compute']>;
      isDone = true;
      return value;
    } finally {
      for (const { metric, states, updates, syncOnCompute } of all) {
        if (isDone) metric.mergeIn(states, updates);
        else metric.putStates(states, updates);
        metric.syncOnCompute = syncOnCompute;
      }
    }
  }

  /** The metrics inside look after themselves; they may have been loaded. */
  protected override startAnew(): void {}

  override reset(): void {
    super.reset();
    for (const metric of this.metricsWithin()) if (metric !== this) metric.reset();
  }

  override mergeState(other: Metric): void {
    if (other.constructor !== this.constructor) super.mergeState(other);
    const theirs = (other as WrapperMetric).metricsWithin();
    for (const [i, metric] of this.metricsWithin().entries()) {
      const own = metric.takeStates();
      const { updateCount } = metric;
      metric.putStates(theirs[i]!.takeStates(), theirs[i]!.updateCount);
      metric.mergeIn(own, updateCount);
    }
  }

  override persistent(mode = true): void {
    super.persistent(mode);
    for (const metric of this.metricsWithin()) if (metric !== this) metric.persistent(mode);
  }

  /** This metric and all inside, at any depth. */
  private metricsWithin(): Metric[] {
    return this.modules().filter((module): module is Metric => module instanceof Metric);
  }
}

/** The defaults, without losing what is there. */
function freshStates(metric: Metric): MetricStates {
  const states = metric.takeStates();
  const { updateCount } = metric;
  metric.reset();
  const fresh = metric.takeStates();
  metric.putStates(states, updateCount);
  return fresh;
}

/** @throws MetricError OPTION_INVALID for what is no metric */
export function checkMetric(owner: string, metric: unknown): asserts metric is AnyMetric {
  if (!(metric instanceof Metric))
    throw new MetricError('OPTION_INVALID', `${owner} takes a metric, but ${String(metric)} came.`);
}
