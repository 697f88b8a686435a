import { rand } from '../creation.js';
import { TorchError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import * as constraints from './constraints.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { broadcastAll, type ParameterLike } from './parameters.js';

/** All numbers from `low` up to, and without, `high` are equally likely. */
export class Uniform extends Distribution {
  readonly low: Tensor;
  readonly high: Tensor;
  override readonly hasRsample = true;

  constructor(low: ParameterLike, high: ParameterLike, options: DistributionOptions = {}) {
    const [from, to] = broadcastAll('Uniform', low, high) as [Tensor, Tensor];
    super(from.shape, [], options);
    this.low = from;
    this.high = to;
    if (this.validateArgs && !from.lt(to).all().item())
      throw new TorchError('DISTRIBUTION_ARGUMENT', 'Uniform: low must be less than high everywhere');
  }

  get argConstraints() {
    return { low: constraints.dependent, high: constraints.dependent };
  }
  get support() {
    return constraints.interval(this.low, this.high);
  }
  override get mean(): Tensor {
    return this.high.add(this.low).div(2);
  }
  override get mode(): Tensor {
    return this.high.mul(Number.NaN);
  }
  override get stddev(): Tensor {
    return this.high.sub(this.low).div(12 ** 0.5);
  }
  override get variance(): Tensor {
    return this.high.sub(this.low).pow(2).div(12);
  }

  override expand(batchShape: readonly number[]): this {
    const shape = [...batchShape];
    return this.copyWith(shape, { low: this.low.expand(shape), high: this.high.expand(shape) });
  }

  override rsample(sampleShape: readonly number[] = []): Tensor {
    const drawn = rand(this.extendedShape(sampleShape), { dtype: this.low.dtype, device: this.low.device });
    return this.low.add(drawn.mul(this.high.sub(this.low)));
  }
  logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const isInside = this.low.le(value).typeAs(this.low).mul(this.high.gt(value).typeAs(this.low));
    return isInside.log().sub(this.high.sub(this.low).log());
  }
  override cdf(value: Tensor): Tensor {
    this.checkValue(value);
    return value.sub(this.low).div(this.high.sub(this.low)).clamp(0, 1);
  }
  override icdf(probability: Tensor): Tensor {
    return probability.mul(this.high.sub(this.low)).add(this.low);
  }
  override entropy(): Tensor {
    return this.high.sub(this.low).log();
  }
}
