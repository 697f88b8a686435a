import { where } from '../creation.js';
import type { Tensor } from '../tensor.js';
import { Cauchy } from './cauchy.js';
import * as constraints from './constraints.js';
import type { Distribution, DistributionOptions } from './distribution.js';
import { Normal } from './normal.js';
import type { ParameterLike } from './parameters.js';
import { TransformedDistribution } from './transformedDistribution.js';
import { AbsTransform } from './transforms.js';

/** The absolute value of draws of a distribution that is symmetric around 0. */
abstract class Half<Base extends Distribution & { readonly scale: Tensor }> extends TransformedDistribution {
  declare readonly baseDist: Base;

  constructor(base: Base, options: DistributionOptions) {
    super(base, new AbsTransform(), options);
    this.checkArguments();
  }

  override get argConstraints() {
    return { scale: constraints.positive };
  }
  override get support() {
    return constraints.nonnegative;
  }
  get scale(): Tensor {
    return this.baseDist.scale;
  }
  override get mode(): Tensor {
    return this.scale.zerosLike();
  }
  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    return where(value.ge(0), this.baseDist.logProb(value).add(Math.log(2)), -Infinity);
  }
  override cdf(value: Tensor): Tensor {
    this.checkValue(value);
    return this.baseDist.cdf(value).mul(2).sub(1);
  }
  override icdf(probability: Tensor): Tensor {
    return this.baseDist.icdf(probability.add(1).div(2));
  }
  override entropy(): Tensor {
    return this.baseDist.entropy().sub(Math.log(2));
  }
}

/** The absolute value of normal numbers around 0. */
export class HalfNormal extends Half<Normal> {
  constructor(scale: ParameterLike, options: DistributionOptions = {}) {
    super(new Normal(0, scale, { validateArgs: false }), options);
  }
  override get mean(): Tensor {
    return this.scale.mul(Math.sqrt(2 / Math.PI));
  }
  override get variance(): Tensor {
    return this.scale.pow(2).mul(1 - 2 / Math.PI);
  }
}

/** The absolute value of Cauchy numbers around 0; its mean is infinite. */
export class HalfCauchy extends Half<Cauchy> {
  constructor(scale: ParameterLike, options: DistributionOptions = {}) {
    super(new Cauchy(0, scale, { validateArgs: false }), options);
  }
  override get mean(): Tensor {
    return this.scale.fullLike(Infinity).expand(this.extendedShape());
  }
  override get variance(): Tensor {
    return this.baseDist.variance;
  }
}
