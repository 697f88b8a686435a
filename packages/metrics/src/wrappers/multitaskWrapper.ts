import { Module, ModuleDict } from '@lightning-ts/torch/nn';
import { MetricError } from '../errors.js';
import { Metric } from '../metric.js';
import { MetricCollection } from '../metricCollection.js';
import type { AnyMetric } from './wrapperMetric.js';

/** A metric or collection for each task of a model that has several. */
export class MultitaskWrapper extends Module {
  private readonly tasks: ModuleDict<AnyMetric | MetricCollection>;

  /** @throws MetricError OPTION_INVALID for what is neither a metric nor a collection */
  constructor(tasks: Readonly<Record<string, Metric | MetricCollection>>) {
    super();
    for (const [name, metric] of Object.entries(tasks)) {
      if (metric instanceof Metric || metric instanceof MetricCollection) continue;
      throw new MetricError(
        'OPTION_INVALID',
        `MultitaskWrapper: task '${name}' has no metric. Give a metric or a collection.`,
      );
    }
    this.tasks = new ModuleDict({ ...tasks } as Record<string, AnyMetric | MetricCollection>);
  }

  /** @throws MetricError OPTION_INVALID when tasks are missing or unknown */
  update(preds: Readonly<Record<string, unknown>>, target: Readonly<Record<string, unknown>>): void {
    this.checkTasks(preds, target);
    for (const [name, metric] of this.tasks) metric.update(preds[name], target[name]);
  }

  /** The values by task. */
  compute(): Record<string, unknown> {
    return Object.fromEntries([...this.tasks].map(([name, metric]) => [name, metric.compute()]));
  }

  /** Updates with one batch and returns the values of that batch alone, by task. */
  override forward(
    preds: Readonly<Record<string, unknown>>,
    target: Readonly<Record<string, unknown>>,
  ): Record<string, unknown> {
    this.checkTasks(preds, target);
    return Object.fromEntries(
      [...this.tasks].map(([name, metric]) => [
        name,
        (metric.forward as (...inputs: unknown[]) => unknown)(preds[name], target[name]),
      ]),
    );
  }

  reset(): void {
    for (const [, metric] of this.tasks) metric.reset();
  }

  private checkTasks(...inputs: Readonly<Record<string, unknown>>[]): void {
    const names = [...this.tasks].map(([name]) => name).sort();
    for (const given of inputs) {
      const found = Object.keys(given).sort();
      if (found.join() !== names.join())
        throw new MetricError(
          'OPTION_INVALID',
          `MultitaskWrapper has the tasks ${names.join(', ')}, but inputs came for ${found.join(', ') || 'none'}.`,
        );
    }
  }
}
