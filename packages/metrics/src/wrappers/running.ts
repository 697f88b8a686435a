import { type AggregationOptions, MeanMetric, SumMetric } from '../aggregation.js';
import { checkCount } from '../classification/options.js';
import { Metric, type MetricStates } from '../metric.js';
import { type AnyMetric, checkMetric } from './wrapperMetric.js';

/** A metric over the last updates alone: its value is that of the latest `window` of them. */
export class Running extends Metric {
  private readonly baseMetric: AnyMetric;
  private readonly window: number;
  private latest: MetricStates[] = [];

  /** @param window how many updates count; default 5 */
  constructor(baseMetric: AnyMetric, window = 5) {
    super();
    checkMetric('Running', baseMetric);
    checkCount('window', window, 1, 'Running');
    this.baseMetric = baseMetric;
    this.window = window;
  }

  override get higherIsBetter(): boolean | null {
    return this.baseMetric.higherIsBetter;
  }

  update(...inputs: unknown[]): void {
    this.baseMetric.reset();
    this.baseMetric.update(...inputs);
    this.latest = [...this.latest, this.baseMetric.takeStates()].slice(-this.window);
  }

  compute(): unknown {
    this.baseMetric.reset();
    const [first, ...later] = this.latest;
    if (first !== undefined) this.baseMetric.putStates(first, 1);
    for (const states of later) {
      const before = this.baseMetric.takeStates();
      const { updateCount } = this.baseMetric;
      this.baseMetric.putStates(states, 1);
      this.baseMetric.mergeIn(before, updateCount);
    }
    return this.baseMetric.compute();
  }

  /** The value of the batch alone. */
  override forward(...inputs: Parameters<this['update']>): ReturnType<this['compute']> {
    this.update(...inputs);
    const { syncOnCompute } = this.baseMetric;
    this.baseMetric.syncOnCompute = this.distSyncOnStep;
    try {
      return this.baseMetric.compute() as ReturnType<this['compute']>;
    } finally {
      this.baseMetric.syncOnCompute = syncOnCompute;
    }
  }

  /** The other's updates come after this one's. */
  override mergeState(other: Metric): void {
    super.mergeState(other);
    this.latest = [...this.latest, ...(other as Running).latest].slice(-this.window);
  }

  override reset(): void {
    super.reset();
    this.baseMetric.reset();
    this.latest = [];
  }
}

/** The mean of the values of the last updates. */
export class RunningMean extends Running {
  /** @param window how many updates count; default 5 */
  constructor(window = 5, options?: AggregationOptions) {
    super(new MeanMetric(options) as AnyMetric, window);
  }
}

/** The sum of the values of the last updates. */
export class RunningSum extends Running {
  /** @param window how many updates count; default 5 */
  constructor(window = 5, options?: AggregationOptions) {
    super(new SumMetric(options) as AnyMetric, window);
  }
}
