import type { Tensor } from '../tensor.js';
import * as constraints from './constraints.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { broadcastAll, type ParameterLike } from './parameters.js';

/** The time between events that come at the given rate. */
export class Exponential extends Distribution {
  readonly rate: Tensor;
  override readonly hasRsample = true;

  constructor(rate: ParameterLike, options: DistributionOptions = {}) {
    const [pace] = broadcastAll('Exponential', rate) as [Tensor];
    super(pace.shape, [], options);
    this.rate = pace;
    this.checkArguments();
  }

  get argConstraints() {
    return { rate: constraints.positive };
  }
  get support() {
    return constraints.nonnegative;
  }
  override get mean(): Tensor {
    return this.rate.reciprocal();
  }
  override get mode(): Tensor {
    return this.rate.zerosLike();
  }
  override get stddev(): Tensor {
    return this.rate.reciprocal();
  }
  override get variance(): Tensor {
    return this.rate.pow(-2);
  }

  override expand(batchShape: readonly number[]): this {
    return this.copyWith(batchShape, { rate: this.rate.expand([...batchShape]) });
  }

  override rsample(sampleShape: readonly number[] = []): Tensor {
    return this.rate.detach().newEmpty(this.extendedShape(sampleShape)).exponential_().div(this.rate);
  }
  logProb(value: Tensor): Tensor {
    this.checkValue(value);
    return this.rate.log().sub(this.rate.mul(value));
  }
  override cdf(value: Tensor): Tensor {
    this.checkValue(value);
    return this.rate.neg().mul(value).exp().rsub(1);
  }
  override icdf(probability: Tensor): Tensor {
    return probability.rsub(1).log().neg().div(this.rate);
  }
  override entropy(): Tensor {
    return this.rate.log().rsub(1);
  }
}
