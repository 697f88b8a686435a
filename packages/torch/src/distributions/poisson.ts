import { noGrad } from '../autograd.js';
import type { Tensor } from '../tensor.js';
import * as constraints from './constraints.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { broadcastAll, type ParameterLike } from './parameters.js';

/** How many events come when `rate` are expected. */
export class Poisson extends Distribution {
  readonly rate: Tensor;

  constructor(rate: ParameterLike, options: DistributionOptions = {}) {
    const [expected] = broadcastAll('Poisson', rate) as [Tensor];
    super(expected.shape, [], options);
    this.rate = expected;
    this.checkArguments();
  }

  get argConstraints() {
    return { rate: constraints.nonnegative };
  }
  get support() {
    return constraints.nonnegativeInteger;
  }
  override get mean(): Tensor {
    return this.rate;
  }
  override get mode(): Tensor {
    return this.rate.floor();
  }
  override get variance(): Tensor {
    return this.rate;
  }

  override expand(batchShape: readonly number[]): this {
    return this.copyWith(batchShape, { rate: this.rate.expand([...batchShape]) });
  }

  override sample(sampleShape: readonly number[] = []): Tensor {
    return noGrad(() => this.rate.expand(this.extendedShape(sampleShape)).poisson());
  }
  logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const [rate, count] = broadcastAll('Poisson', this.rate, value) as [Tensor, Tensor];
    return count.xlogy(rate).sub(rate).sub(count.add(1).lgamma());
  }
}
