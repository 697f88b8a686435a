import { cat, type Tensor, tensor, warn, where } from '@lightning-ts/torch';
import { MetricError } from './errors.js';
import { Metric } from './metric.js';
import type { Reduction } from './metricState.js';

/**
 * What happens to NaN: `error` refuses it (and has to look at every batch), `warn` leaves it out and says so when computing,
 * `ignore` leaves it out, `disable` does not look, and a number takes its place.
 */
export type NanStrategy = 'error' | 'warn' | 'ignore' | 'disable' | number;

export interface AggregationOptions {
  /** Default `warn`. */
  readonly nanStrategy?: NanStrategy;
}

/** One number, or a tensor of any shape. */
export type AggregationInput = number | Tensor;

/** Shared by the metrics that boil plain values down. */
abstract class Aggregation extends Metric {
  declare protected nanCount: Tensor;
  protected readonly nanStrategy: NanStrategy;

  constructor(options: AggregationOptions = {}) {
    super();
    const { nanStrategy = 'warn' } = options;
    const isKnown = typeof nanStrategy === 'number' || ['error', 'warn', 'ignore', 'disable'].includes(nanStrategy);
    if (!isKnown) {
      throw new MetricError(
        'OPTION_INVALID',
        `${this.constructor.name}: nanStrategy is '${String(nanStrategy)}'. Use 'error', 'warn', 'ignore', 'disable' or a number.`,
      );
    }
    this.nanStrategy = nanStrategy;
    this.addState('nanCount', tensor(0, { dtype: 'int64' }), { distReduceFx: 'sum' });
  }

  /** The values as a float tensor, with NaN replaced by `neutral` where the strategy leaves it out. */
  protected clean(value: AggregationInput, neutral: number): Tensor {
    const values = floats(value);
    switch (this.nanStrategy) {
      case 'disable':
        return values;
      case 'error':
        this.refuseNan(values);
        return values;
      case 'warn':
      case 'ignore': {
        const isNan = values.isnan();
        this.nanCount = this.nanCount.add(isNan.sum());
        return values.maskedFill(isNan, neutral);
      }
      default:
        return values.maskedFill(values.isnan(), this.nanStrategy);
    }
  }

  protected refuseNan(values: Tensor): void {
    if (values.isnan().any().item()) {
      throw new MetricError(
        'VALUE_NAN',
        `${this.constructor.name} was given NaN. Set nanStrategy to leave it out or replace it.`,
      );
    }
  }

  protected warnOfNan(): void {
    if (this.nanStrategy !== 'warn') return;
    const count = this.nanCount.item();
    if (count > 0) warn('METRIC_NAN', `${this.constructor.name} left out ${count} NaN value${count === 1 ? '' : 's'}.`);
  }
}

/** An aggregation with a single state that is reduced as it grows. */
abstract class RunningAggregation extends Aggregation {
  declare protected value: Tensor;

  constructor(
    start: number,
    reduction: Reduction,
    private readonly neutral: number,
    options?: AggregationOptions,
  ) {
    super(options);
    this.addState('value', tensor(start, { dtype: 'float32' }), { distReduceFx: reduction });
  }

  protected abstract combine(state: Tensor, values: Tensor): Tensor;

  update(value: AggregationInput): void {
    const values = this.clean(value, this.neutral);
    if (values.numel() > 0) this.value = this.combine(this.value, values);
  }

  compute(): Tensor {
    this.warnOfNan();
    return this.value;
  }
}

/** The sum of all values. */
export class SumMetric extends RunningAggregation {
  constructor(options?: AggregationOptions) {
    super(0, 'sum', 0, options);
  }

  protected combine(state: Tensor, values: Tensor): Tensor {
    return state.add(values.sum());
  }
}

/** The largest value; -inf before the first. */
export class MaxMetric extends RunningAggregation {
  constructor(options?: AggregationOptions) {
    super(Number.NEGATIVE_INFINITY, 'max', Number.NEGATIVE_INFINITY, options);
  }

  override get higherIsBetter(): boolean {
    return true;
  }

  protected combine(state: Tensor, values: Tensor): Tensor {
    return state.maximum(values.max());
  }
}

/** The smallest value; inf before the first. */
export class MinMetric extends RunningAggregation {
  constructor(options?: AggregationOptions) {
    super(Number.POSITIVE_INFINITY, 'min', Number.POSITIVE_INFINITY, options);
  }

  override get higherIsBetter(): boolean {
    return false;
  }

  protected combine(state: Tensor, values: Tensor): Tensor {
    return state.minimum(values.min());
  }
}

/** The mean of all values, each with a weight; NaN before the first. */
export class MeanMetric extends Aggregation {
  declare protected weightedSum: Tensor;
  declare protected weight: Tensor;

  constructor(options?: AggregationOptions) {
    super(options);
    this.addState('weightedSum', tensor(0, { dtype: 'float32' }), { distReduceFx: 'sum' });
    this.addState('weight', tensor(0, { dtype: 'float32' }), { distReduceFx: 'sum' });
  }

  /** @param weight one for all values, or a tensor that broadcasts to them. Default 1 */
  update(value: AggregationInput, weight: AggregationInput = 1): void {
    if (typeof weight !== 'number' || Number.isNaN(weight)) {
      const values = floats(value);
      this.addWeighted(values, floats(weight).expandAs(values));
    } else if (typeof value === 'number' && !Number.isNaN(value)) this.addSum(value * weight, weight);
    else if (this.nanStrategy === 'warn' || this.nanStrategy === 'ignore') this.addWithoutNan(floats(value), weight);
    else {
      const values = this.clean(value, 0);
      const sum = values.sum();
      this.addSum(weight === 1 ? sum : sum.mul(weight), values.numel() * weight);
    }
  }

  compute(): Tensor {
    this.warnOfNan();
    return this.weightedSum.div(this.weight);
  }

  private addSum(sum: number | Tensor, weight: number | Tensor): void {
    this.weightedSum = this.weightedSum.add(sum as Tensor);
    this.weight = this.weight.add(weight as Tensor);
  }

  private addWithoutNan(values: Tensor, weight: number): void {
    const nans = values.isnan().sum();
    this.nanCount = this.nanCount.add(nans);
    const sum = values.nansum();
    const counted = nans.mul(-weight).add(values.numel() * weight);
    this.addSum(weight === 1 ? sum : sum.mul(weight), counted);
  }

  private addWeighted(values: Tensor, weights: Tensor): void {
    const cleanValues = this.clean(values, 0);
    const cleanWeights = this.clean(weights, 0);
    const leavesOut = this.nanStrategy === 'warn' || this.nanStrategy === 'ignore';
    const counted = leavesOut ? where(values.isnan(), cleanWeights.mul(0), cleanWeights) : cleanWeights;
    this.addSum(cleanValues.mul(counted).sum(), counted.sum());
  }
}

/** All values in one tensor, in the order they came. */
export class CatMetric extends Aggregation {
  declare protected values: Tensor[];

  constructor(options?: AggregationOptions) {
    super(options);
    this.addState('values', [], { distReduceFx: 'cat' });
  }

  update(value: AggregationInput): void {
    const values = floats(value).flatten();
    const leavesOut = this.nanStrategy === 'warn' || this.nanStrategy === 'ignore';
    const cleaned = this.clean(values, 0);
    this.values = [...this.values, leavesOut ? values.maskedSelect(values.isnan().logicalNot()) : cleaned];
  }

  /** 1-d; empty before the first value. */
  compute(): Tensor {
    this.warnOfNan();
    return this.values.length === 0 ? tensor([], { dtype: 'float32' }) : cat(this.values);
  }
}

function floats(value: AggregationInput): Tensor {
  if (typeof value === 'number') return tensor(value, { dtype: 'float32' });
  return value.isFloatingPoint() ? value.detach() : value.float();
}
