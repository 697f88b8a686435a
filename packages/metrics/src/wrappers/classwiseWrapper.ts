import type { Tensor } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { type AnyMetric, checkMetric, WrapperMetric } from './wrapperMetric.js';

export interface ClasswiseOptions {
  /** The classes' names; default their numbers. */
  readonly labels?: readonly string[];
  /** Put before each name; default, without a postfix, the metric's name in lower case and an underscore. */
  readonly prefix?: string;
  /** Put after each name. */
  readonly postfix?: string;
}

/** The value of a metric with `average: 'none'` as a record by class, ready to be logged. */
export class ClasswiseWrapper extends WrapperMetric {
  private readonly metric: AnyMetric;
  private readonly options: ClasswiseOptions;

  constructor(metric: AnyMetric, options: ClasswiseOptions = {}) {
    super();
    checkMetric('ClasswiseWrapper', metric);
    this.metric = metric;
    this.options = options;
  }

  override get higherIsBetter(): boolean | null {
    return this.metric.higherIsBetter;
  }

  update(...inputs: unknown[]): void {
    this.metric.update(...inputs);
  }

  /** @throws MetricError SHAPE_MISMATCH when there are more or fewer labels than classes */
  compute(): Record<string, Tensor> {
    const { labels, postfix = '' } = this.options;
    const { prefix = postfix === '' ? `${this.metric.constructor.name.toLowerCase()}_` : '' } = this.options;
    const values = (this.metric.compute() as Tensor).unbind(0);
    if (labels !== undefined && labels.length !== values.length) {
      throw new MetricError(
        'SHAPE_MISMATCH',
        `ClasswiseWrapper: ${labels.length} labels came for ${values.length} classes. Give one for each.`,
      );
    }
    return Object.fromEntries(values.map((value, i) => [`${prefix}${labels?.[i] ?? i}${postfix}`, value]));
  }
}
