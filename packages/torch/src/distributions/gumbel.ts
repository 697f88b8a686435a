import type { Tensor } from '../tensor.js';
import { finfo } from '../typeInfo.js';
import * as constraints from './constraints.js';
import type { DistributionOptions } from './distribution.js';
import { broadcastAll, eulerConstant, type ParameterLike } from './parameters.js';
import { TransformedDistribution } from './transformedDistribution.js';
import { AffineTransform, ExpTransform } from './transforms.js';
import { Uniform } from './uniform.js';

/** The Gumbel distribution, of the largest of many draws; `loc` is its mode. */
export class Gumbel extends TransformedDistribution {
  readonly loc: Tensor;
  readonly scale: Tensor;

  constructor(loc: ParameterLike, scale: ParameterLike, options: DistributionOptions = {}) {
    const [location, width] = broadcastAll('Gumbel', loc, scale) as [Tensor, Tensor];
    const { tiny, eps } = finfo(location.dtype);
    const base = new Uniform(location.fullLike(tiny), location.fullLike(1 - eps), { validateArgs: false });
    const log = new ExpTransform().inv;
    // loc - scale · log(-log(u))
    const transforms = [
      log,
      new AffineTransform(0, width.onesLike().neg()),
      log,
      new AffineTransform(location, width.neg()),
    ];
    super(base, transforms, options);
    this.loc = location;
    this.scale = width;
    this.checkArguments();
  }

  override get argConstraints() {
    return { loc: constraints.real, scale: constraints.positive };
  }
  override get support() {
    return constraints.real;
  }
  override get mean(): Tensor {
    return this.loc.add(this.scale.mul(eulerConstant));
  }
  override get mode(): Tensor {
    return this.loc;
  }
  override get stddev(): Tensor {
    return this.scale.mul(Math.PI / Math.sqrt(6));
  }
  override get variance(): Tensor {
    return this.stddev.pow(2);
  }

  override expand(batchShape: readonly number[]): this {
    const shape = [...batchShape];
    return this.copyWith(shape, {
      baseDist: this.expandedBase(shape),
      loc: this.loc.expand(shape),
      scale: this.scale.expand(shape),
    });
  }

  override logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const distance = this.loc.sub(value).div(this.scale);
    return distance.sub(distance.exp()).sub(this.scale.log());
  }
  override entropy(): Tensor {
    return this.scale.log().add(1 + eulerConstant);
  }
}
