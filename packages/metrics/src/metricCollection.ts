import { Module } from '@lightning-ts/torch/nn';
import { MetricError } from './errors.js';
import { Metric } from './metric.js';

type AnyMetric = Metric & { update(...inputs: unknown[]): void; compute(): unknown };

export interface MetricCollectionOptions {
  /** Put before each name. */
  readonly prefix?: string;
  /** Put after each name. */
  readonly postfix?: string;
  /** Whether metrics that keep the same states are updated once for all of them. Default true. */
  readonly computeGroups?: boolean;
}

/**
 * Several metrics over the same inputs, with one call for all of them.
 *
 * Metrics that gather the same counts (precision, recall and F1 of the same classes, say) share them: such a group costs one
 * update. Names are the classes' names, or the keys of the record given.
 *
 * ```ts
 * const metrics = new MetricCollection([new MulticlassAccuracy({ numClasses }), new MulticlassF1Score({ numClasses })], {
 *   prefix: 'val_',
 * });
 * metrics.update(preds, target);
 * metrics.compute(); // { val_MulticlassAccuracy: ..., val_MulticlassF1Score: ... }
 * ```
 */
export class MetricCollection extends Module {
  private readonly metrics = new Map<string, AnyMetric>();
  /** Each group's first metric is the one that is updated. */
  private readonly groups: AnyMetric[][];
  private readonly prefix: string;
  private readonly postfix: string;

  /** @throws MetricError COLLECTION_NAME for two metrics of one name, or an entry that is no metric */
  constructor(
    metrics: Metric | readonly Metric[] | Readonly<Record<string, Metric>>,
    options: MetricCollectionOptions = {},
  ) {
    super();
    const { prefix = '', postfix = '', computeGroups = true } = options;
    this.prefix = prefix;
    this.postfix = postfix;
    const list = metrics instanceof Metric ? [metrics] : metrics;
    const named = Array.isArray(list)
      ? (list as readonly Metric[]).map((metric) => [metric?.constructor?.name ?? String(metric), metric] as const)
      : Object.entries(list as Readonly<Record<string, Metric>>);
    for (const [name, metric] of named) this.put(name, metric);
    this.groups = groupsOf([...this.metrics.values()], computeGroups);
  }

  /** Takes one batch in, in every metric. */
  update(...inputs: unknown[]): void {
    for (const [leader, ...followers] of this.groups) {
      leader!.update(...inputs);
      share(leader!, followers);
    }
  }

  /** The value of every metric over all batches, by name. */
  compute(): Record<string, unknown> {
    return this.collect((metric) => metric.compute());
  }

  /** Updates with one batch and returns the values of that batch alone, by name. */
  override forward(...inputs: unknown[]): Record<string, unknown> {
    const values = new Map<Metric, unknown>();
    for (const [leader, ...followers] of this.groups) {
      const before = leader!.takeStates();
      const updates = leader!.updateCount;
      leader!.putStates(new Map(), 0);
      try {
        leader!.update(...inputs);
      } catch (error) {
        leader!.putStates(before, updates);
        throw error;
      }
      share(leader!, followers);
      for (const metric of [leader!, ...followers]) values.set(metric, metric.compute());
      leader!.mergeIn(before, updates);
      share(leader!, followers);
    }
    return this.collect((metric) => values.get(metric));
  }

  /** Puts every metric back to its start. */
  reset(): void {
    for (const metric of this.metrics.values()) metric.reset();
  }

  /** The metrics with their names, as `compute` gives them. */
  items(): [string, Metric][] {
    return [...this.metrics].map(([name, metric]) => [this.nameOf(name), metric]);
  }

  get size(): number {
    return this.metrics.size;
  }

  /** A copy with its own states, and another prefix or postfix if wanted: one for training, one for validation. */
  override clone(options: Pick<MetricCollectionOptions, 'prefix' | 'postfix'> = {}): this {
    const copies = Object.fromEntries([...this.metrics].map(([name, metric]) => [name, metric.clone()]));
    const computeGroups = this.groups.length < this.metrics.size;
    return new MetricCollection(copies, {
      prefix: this.prefix,
      postfix: this.postfix,
      computeGroups,
      ...options,
    }) as this;
  }

  protected override entries(): [key: string, value: unknown][] {
    return [...this.metrics];
  }

  private put(name: string, metric: Metric): void {
    if (!(metric instanceof Metric)) {
      throw new MetricError(
        'COLLECTION_NAME',
        `MetricCollection: '${name}' is not a metric. Give metrics, or a record of them.`,
      );
    }
    if (this.metrics.has(name)) {
      throw new MetricError(
        'COLLECTION_NAME',
        `MetricCollection: two metrics are called '${name}'. Give a record with a name for each: { top1: ..., top5: ... }.`,
      );
    }
    this.metrics.set(name, metric as AnyMetric);
  }

  private nameOf(name: string): string {
    return `${this.prefix}${name}${this.postfix}`;
  }

  private collect(read: (metric: AnyMetric) => unknown): Record<string, unknown> {
    const values: Record<string, unknown> = {};
    for (const [name, metric] of this.metrics) values[this.nameOf(name)] = read(metric);
    return values;
  }
}

function groupsOf(metrics: readonly AnyMetric[], mayShare: boolean): AnyMetric[][] {
  const groups = new Map<string, AnyMetric[]>();
  for (const [index, metric] of metrics.entries()) {
    const key = (mayShare ? metric.computeGroupKey : null) ?? `alone:${index}`;
    groups.set(key, [...(groups.get(key) ?? []), metric]);
  }
  return [...groups.values()];
}

function share(leader: AnyMetric, followers: readonly AnyMetric[]): void {
  for (const follower of followers) follower.putStates(leader.takeStates(), leader.updateCount);
}
