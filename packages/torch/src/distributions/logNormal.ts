import type { Tensor } from '../tensor.js';
import * as constraints from './constraints.js';
import type { DistributionOptions } from './distribution.js';
import { Normal } from './normal.js';
import type { ParameterLike } from './parameters.js';
import { TransformedDistribution } from './transformedDistribution.js';
import { ExpTransform } from './transforms.js';

/** Numbers whose logarithm is normal, with the mean `loc` and the standard deviation `scale` of the logarithm. */
export class LogNormal extends TransformedDistribution {
  declare readonly baseDist: Normal;

  constructor(loc: ParameterLike, scale: ParameterLike, options: DistributionOptions = {}) {
    super(new Normal(loc, scale, options), new ExpTransform(), options);
  }

  override get argConstraints() {
    return { loc: constraints.real, scale: constraints.positive };
  }
  override get support() {
    return constraints.positive;
  }
  get loc(): Tensor {
    return this.baseDist.loc;
  }
  get scale(): Tensor {
    return this.baseDist.scale;
  }
  override get mean(): Tensor {
    return this.loc.add(this.scale.pow(2).div(2)).exp();
  }
  override get mode(): Tensor {
    return this.loc.sub(this.scale.square()).exp();
  }
  override get variance(): Tensor {
    const squared = this.scale.pow(2);
    return squared.exp().sub(1).mul(this.loc.mul(2).add(squared).exp());
  }
  override entropy(): Tensor {
    return this.baseDist.entropy().add(this.loc);
  }
}
