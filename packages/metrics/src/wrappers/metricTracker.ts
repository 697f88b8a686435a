import { stack, Tensor, warn } from '@lightning-ts/torch';
import { Module, ModuleList } from '@lightning-ts/torch/nn';
import { MetricError } from '../errors.js';
import { Metric } from '../metric.js';
import { MetricCollection } from '../metricCollection.js';
import type { AnyMetric } from './wrapperMetric.js';

/** The best value and the step it is of; null where values cannot be compared. */
export interface BestValue {
  readonly value: number | null;
  readonly step: number | null;
}

type Tracked = AnyMetric | MetricCollection;

/**
 * A metric, or a collection, with its values at every step, such as an epoch: `increment()` starts one, `update` and
 * `compute` are those of the latest.
 */
export class MetricTracker extends Module {
  private readonly base: Tracked;
  private readonly maximize: boolean | readonly boolean[] | null;
  private readonly steps = new ModuleList<Tracked>();

  /**
   * @param maximize whether the highest value is best, or one for each metric of a collection; default, and for null, what
   *   each metric says of itself, else the highest
   * @throws MetricError OPTION_INVALID
   */
  constructor(metric: Metric | MetricCollection, maximize: boolean | readonly boolean[] | null = null) {
    super();
    if (!(metric instanceof Metric || metric instanceof MetricCollection))
      throw new MetricError('OPTION_INVALID', 'MetricTracker takes a metric or a collection.');
    const count = metric instanceof MetricCollection ? metric.size : 1;
    if (Array.isArray(maximize) && (metric instanceof Metric || maximize.length !== count)) {
      throw new MetricError(
        'OPTION_INVALID',
        `MetricTracker: maximize has ${maximize.length} values for ${count} metric${count === 1 ? '' : 's'}. Give one for each of a collection, or one for all.`,
      );
    }
    this.base = metric as Tracked;
    this.maximize = maximize;
  }

  /** How many steps there are. */
  get nSteps(): number {
    return this.steps.length;
  }

  /** Starts a step. */
  increment(): void {
    const next = this.base.clone();
    next.reset();
    this.steps.append(next);
  }

  /** Updates with one batch and returns the value of that batch alone. @throws MetricError NOT_STARTED */
  override forward(...inputs: unknown[]): unknown {
    return (this.latest('forward').forward as (...given: unknown[]) => unknown)(...inputs);
  }

  /** @throws MetricError NOT_STARTED */
  update(...inputs: unknown[]): void {
    this.latest('update').update(...inputs);
  }

  /** The value of the latest step. @throws MetricError NOT_STARTED */
  compute(): unknown {
    return this.latest('compute').compute();
  }

  /** The values of all steps: `[steps, ...]`, by name where the metric gives a record. @throws MetricError NOT_STARTED */
  computeAll(): Tensor | Record<string, Tensor> {
    this.latest('computeAll');
    const values = [...this.steps].map((metric) => metric.compute());
    const [first] = values;
    if (first instanceof Tensor) return stack(values as Tensor[]);
    const rows = values as Record<string, Tensor>[];
    return Object.fromEntries(Object.keys(first as object).map((name) => [name, stack(rows.map((row) => row[name]!))]));
  }

  /** The best value of all steps, counted from 0; by name where the metric gives a record. @throws MetricError NOT_STARTED */
  bestMetric(): BestValue | Record<string, BestValue> {
    const all = this.computeAll();
    if (all instanceof Tensor) return this.bestOf(this.base.constructor.name, all, 0);
    return Object.fromEntries(Object.entries(all).map(([name, values], i) => [name, this.bestOf(name, values, i)]));
  }

  /** Puts the latest step back to its start. */
  reset(): void {
    this.latest('reset').reset();
  }

  /** Puts all steps back to their start. */
  resetAll(): void {
    for (const metric of this.steps) metric.reset();
  }

  private bestOf(name: string, values: Tensor, index: number): BestValue {
    if (values.dim() !== 1) {
      warn('METRIC_NO_BEST', `MetricTracker: ${name} gives more than one number a step, so that none is best.`);
      return { value: null, step: null };
    }
    const known = values.maskedFill(values.isnan(), this.isHighestBest(name, index) ? -Infinity : Infinity);
    const step = (this.isHighestBest(name, index) ? known.argmax() : known.argmin()).item();
    return { value: values.select(0, step).item(), step };
  }

  private isHighestBest(name: string, index: number): boolean {
    const { maximize, base } = this;
    if (typeof maximize === 'boolean') return maximize;
    if (maximize !== null) return (maximize as readonly boolean[])[index]!;
    const metric = base instanceof MetricCollection ? new Map(base.items()).get(name) : base;
    return metric?.higherIsBetter ?? true;
  }

  private latest(asked: string): Tracked {
    if (this.steps.length === 0)
      throw new MetricError('NOT_STARTED', `MetricTracker.${asked} was called before the first increment().`);
    return this.steps.at(-1);
  }
}
