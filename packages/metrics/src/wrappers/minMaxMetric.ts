import { Tensor, tensor } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { type AnyMetric, checkMetric, WrapperMetric } from './wrapperMetric.js';

export interface MinMaxValue {
  readonly raw: Tensor;
  readonly max: Tensor;
  readonly min: Tensor;
}

/** A metric with the lowest and highest value it was computed to. These outlive `reset`, so that they are those of all epochs. */
export class MinMaxMetric extends WrapperMetric {
  private readonly baseMetric: AnyMetric;
  private lowest: Tensor = tensor(Number.POSITIVE_INFINITY);
  private highest: Tensor = tensor(Number.NEGATIVE_INFINITY);

  constructor(baseMetric: AnyMetric) {
    super();
    checkMetric('MinMaxMetric', baseMetric);
    this.baseMetric = baseMetric;
  }

  override get higherIsBetter(): boolean | null {
    return this.baseMetric.higherIsBetter;
  }

  update(...inputs: unknown[]): void {
    this.baseMetric.update(...inputs);
  }

  /** @throws MetricError SHAPE_MISMATCH when the metric's value is not one number */
  compute(): MinMaxValue {
    const value = this.baseMetric.compute();
    const raw = typeof value === 'number' ? tensor(value) : value;
    if (!(raw instanceof Tensor) || raw.numel() !== 1)
      throw new MetricError('SHAPE_MISMATCH', 'MinMaxMetric: the value of the metric inside is not one number.');
    this.lowest = this.lowest.to(raw.device).fmin(raw);
    this.highest = this.highest.to(raw.device).fmax(raw);
    return { raw, max: this.highest, min: this.lowest };
  }
}
