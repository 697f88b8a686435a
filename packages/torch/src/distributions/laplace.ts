import type { Tensor } from '../tensor.js';
import { finfo } from '../typeInfo.js';
import * as constraints from './constraints.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { broadcastAll, type ParameterLike } from './parameters.js';

/** The Laplace (double exponential) distribution around `loc`. */
export class Laplace extends Distribution {
  readonly loc: Tensor;
  readonly scale: Tensor;
  override readonly hasRsample = true;

  constructor(loc: ParameterLike, scale: ParameterLike, options: DistributionOptions = {}) {
    const [location, width] = broadcastAll('Laplace', loc, scale) as [Tensor, Tensor];
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
    return this.loc;
  }
  override get mode(): Tensor {
    return this.loc;
  }
  override get variance(): Tensor {
    return this.scale.pow(2).mul(2);
  }
  override get stddev(): Tensor {
    return this.scale.mul(2 ** 0.5);
  }

  override expand(batchShape: readonly number[]): this {
    const shape = [...batchShape];
    return this.copyWith(shape, { loc: this.loc.expand(shape), scale: this.scale.expand(shape) });
  }

  override rsample(sampleShape: readonly number[] = []): Tensor {
    const { eps } = finfo(this.loc.dtype);
    const drawn = this.loc
      .detach()
      .newEmpty(this.extendedShape(sampleShape))
      .uniform_(eps - 1, 1);
    return this.loc.sub(this.scale.mul(drawn.sign()).mul(drawn.abs().neg().log1p()));
  }
  logProb(value: Tensor): Tensor {
    this.checkValue(value);
    return this.scale.mul(2).log().neg().sub(value.sub(this.loc).abs().div(this.scale));
  }
  override cdf(value: Tensor): Tensor {
    this.checkValue(value);
    const distance = value.sub(this.loc);
    return distance.sign().mul(0.5).mul(distance.abs().neg().div(this.scale).expm1()).rsub(0.5);
  }
  override icdf(probability: Tensor): Tensor {
    const term = probability.sub(0.5);
    return this.loc.sub(this.scale.mul(term.sign()).mul(term.abs().mul(-2).log1p()));
  }
  override entropy(): Tensor {
    return this.scale.mul(2).log().add(1);
  }
}
