import { noGrad } from '../autograd.js';
import { empty } from '../creation.js';
import { normal } from '../functions.js';
import type { Tensor } from '../tensor.js';
import * as constraints from './constraints.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { broadcastAll, type ParameterLike } from './parameters.js';

/** Standard normal numbers in the dtype and on the device of `like`. */
export const standardNormal = (shape: number[], like: Tensor): Tensor =>
  empty(shape, { dtype: like.dtype, device: like.device }).normal_();

/** The normal (Gaussian) distribution with the mean `loc` and the standard deviation `scale`. */
export class Normal extends Distribution {
  readonly loc: Tensor;
  readonly scale: Tensor;
  override readonly hasRsample = true;

  constructor(loc: ParameterLike, scale: ParameterLike, options: DistributionOptions = {}) {
    const [location, deviation] = broadcastAll('Normal', loc, scale) as [Tensor, Tensor];
    super(location.shape, [], options);
    this.loc = location;
    this.scale = deviation;
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
  override get stddev(): Tensor {
    return this.scale;
  }
  override get variance(): Tensor {
    return this.scale.pow(2);
  }

  override expand(batchShape: readonly number[]): this {
    const shape = [...batchShape];
    return this.copyWith(shape, { loc: this.loc.expand(shape), scale: this.scale.expand(shape) });
  }

  override sample(sampleShape: readonly number[] = []): Tensor {
    const shape = this.extendedShape(sampleShape);
    return noGrad(() => normal(this.loc.expand(shape), this.scale.expand(shape)));
  }
  override rsample(sampleShape: readonly number[] = []): Tensor {
    return this.loc.add(standardNormal(this.extendedShape(sampleShape), this.loc).mul(this.scale));
  }

  logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const variance = this.scale.pow(2);
    const distance = value.sub(this.loc).pow(2).neg().div(variance.mul(2));
    return distance.sub(this.scale.log()).sub(Math.log(Math.sqrt(2 * Math.PI)));
  }
  override cdf(value: Tensor): Tensor {
    this.checkValue(value);
    return value.sub(this.loc).mul(this.scale.reciprocal()).div(Math.sqrt(2)).erf().add(1).mul(0.5);
  }
  override icdf(probability: Tensor): Tensor {
    return this.loc.add(this.scale.mul(probability.mul(2).sub(1).erfinv()).mul(Math.sqrt(2)));
  }
  override entropy(): Tensor {
    return this.scale.log().add(0.5 + 0.5 * Math.log(2 * Math.PI));
  }
}
