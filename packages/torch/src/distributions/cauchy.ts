import { full } from '../creation.js';
import type { Tensor } from '../tensor.js';
import * as constraints from './constraints.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { broadcastAll, type ParameterLike } from './parameters.js';

/** The Cauchy (Lorentz) distribution, the ratio of two normal numbers; it has no mean. */
export class Cauchy extends Distribution {
  readonly loc: Tensor;
  readonly scale: Tensor;
  override readonly hasRsample = true;

  constructor(loc: ParameterLike, scale: ParameterLike, options: DistributionOptions = {}) {
    const [location, width] = broadcastAll('Cauchy', loc, scale) as [Tensor, Tensor];
    super(location.shape, [], options);
    this.loc = location;
    this.scale = width;
    this.checkArguments();
  }

  get argConstraints() {
    return { loc: constraints.real, scale: constraints.positive };
  }
  get support() {
    return constraints.real;
  }
  override get mean(): Tensor {
    return full(this.extendedShape(), Number.NaN, { dtype: this.loc.dtype, device: this.loc.device });
  }
  override get mode(): Tensor {
    return this.loc;
  }
  override get variance(): Tensor {
    return full(this.extendedShape(), Infinity, { dtype: this.loc.dtype, device: this.loc.device });
  }

  override expand(batchShape: readonly number[]): this {
    const shape = [...batchShape];
    return this.copyWith(shape, { loc: this.loc.expand(shape), scale: this.scale.expand(shape) });
  }

  override rsample(sampleShape: readonly number[] = []): Tensor {
    const drawn = this.loc.detach().newEmpty(this.extendedShape(sampleShape)).cauchy_();
    return this.loc.add(drawn.mul(this.scale));
  }
  logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const distance = value.sub(this.loc).div(this.scale).pow(2).add(1).log();
    return this.scale.log().rsub(-Math.log(Math.PI)).sub(distance);
  }
  override cdf(value: Tensor): Tensor {
    this.checkValue(value);
    return value.sub(this.loc).div(this.scale).atan().div(Math.PI).add(0.5);
  }
  override icdf(probability: Tensor): Tensor {
    return probability.sub(0.5).mul(Math.PI).tan().mul(this.scale).add(this.loc);
  }
  override entropy(): Tensor {
    return this.scale.log().add(Math.log(4 * Math.PI));
  }
}
