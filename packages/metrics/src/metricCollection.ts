import { Module } from '@lightning-ts/torch/nn';
import { MetricError } from './errors.js';
import { Metric } from './metric.js';
import type { MetricSync } from './metricSync.js';

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
  private groups: AnyMetric[][];
  private readonly mayShare: boolean;
  private readonly prefix: string;
  private readonly postfix: string;

  /** @throws MetricError COLLECTION_NAME for two metrics of one name, or an entry that is no metric */
  constructor(metrics: CollectionInput, options: MetricCollectionOptions = {}) {
    super();
    const { prefix = '', postfix = '', computeGroups = true } = options;
    this.prefix = prefix;
    this.postfix = postfix;
    this.mayShare = computeGroups;
    for (const [name, metric] of namedMetrics(metrics)) this.put(name, metric);
    this.groups = groupsOf([...this.metrics.values()], computeGroups);
  }

  /** Takes one batch in, in every metric. */
  update(...inputs: unknown[]): void {
    for (const [leader, ...followers] of this.groups) {
      leader!.update(...inputs);
      share(leader!, followers);
    }
  }

  /**
   * Adds metrics, by their classes' names or the keys of a record.
   *
   * @throws MetricError COLLECTION_NAME for a name that is taken, or an entry that is no metric; then none is added
   */
  addMetrics(metrics: CollectionInput): void {
    const before = new Map(this.metrics);
    try {
      for (const [name, metric] of namedMetrics(metrics)) this.put(name, metric);
    } catch (error) {
      this.metrics.clear();
      for (const [name, metric] of before) this.metrics.set(name, metric);
      throw error;
    }
    // A metric that has seen other batches than the rest of its group goes on alone.
    const added = [...this.metrics].filter(([name]) => !before.has(name)).map(([, metric]) => metric);
    const isFresh = [...this.metrics.values()].every((metric) => metric.updateCount === 0);
    this.groups = isFresh
      ? groupsOf([...this.metrics.values()], this.mayShare)
      : [...this.groups, ...groupsOf(added, this.mayShare)];
  }

  /** The processes that gather these metrics together; null for this one alone. */
  get processGroup(): MetricSync | null {
    return [...this.metrics.values()][0]?.processGroup ?? null;
  }

  set processGroup(group: MetricSync | null) {
    for (const metric of this.metrics.values()) metric.processGroup = group;
  }

  /** The value of every metric over all batches, by name; a metric whose value is a record gives its entries. */
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
      try {
        for (const metric of [leader!, ...followers]) values.set(metric, metric.compute());
      } finally {
        leader!.mergeIn(before, updates);
        share(leader!, followers);
      }
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
    return new MetricCollection(copies, {
      prefix: this.prefix,
      postfix: this.postfix,
      computeGroups: this.mayShare,
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
    const put = (name: string, value: unknown): void => {
      if (name in values) {
        throw new MetricError(
          'COLLECTION_NAME',
          `MetricCollection: two values are called '${name}'. Name the metrics apart: { first: ..., second: ... }.`,
        );
      }
      values[name] = value;
    };
    const isRecord = (value: unknown): value is Record<string, unknown> =>
      typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
    const all = [...this.metrics].map(([name, metric]) => [name, read(metric)] as const);
    const entries = all.flatMap(([, value]) => (isRecord(value) ? Object.keys(value) : []));
    for (const [name, value] of all) {
      if (!isRecord(value)) put(this.nameOf(name), value);
      else
        for (const [key, entry] of Object.entries(value)) {
          const isShared = entries.filter((other) => other === key).length > 1;
          put(this.nameOf(isShared ? `${name}_${key}` : key), entry);
        }
    }
    return values;
  }
}

/** One metric, several, collections among them, or a record of any of these. */
export type CollectionInput =
  | Metric
  | MetricCollection
  | readonly (Metric | MetricCollection)[]
  | Readonly<Record<string, Metric | MetricCollection>>;

/** Metrics by name; those of a collection inside have the names it gives, after its key in a record. */
function namedMetrics(metrics: CollectionInput): [name: string, metric: Metric][] {
  const isOne = metrics instanceof Metric || metrics instanceof MetricCollection;
  const list = (isOne ? [metrics] : metrics) as readonly Metric[] | Readonly<Record<string, Metric>>;
  if (Array.isArray(list)) {
    return list.flatMap((metric: Metric | MetricCollection): [string, Metric][] =>
      metric instanceof MetricCollection ? metric.items() : [[metric?.constructor?.name ?? String(metric), metric]],
    );
  }
  return Object.entries(list as Readonly<Record<string, Metric | MetricCollection>>).flatMap(
    ([key, metric]): [string, Metric][] =>
      metric instanceof MetricCollection
        ? metric.items().map(([name, inner]) => [`${key}_${name}`, inner])
        : [[key, metric]],
  );
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
