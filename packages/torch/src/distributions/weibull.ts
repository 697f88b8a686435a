import type { Tensor } from '../tensor.js';
import * as constraints from './constraints.js';
import type { DistributionOptions } from './distribution.js';
import { Exponential } from './exponential.js';
import { broadcastAll, eulerConstant, type ParameterLike } from './parameters.js';
import { TransformedDistribution } from './transformedDistribution.js';
import { AffineTransform, PowerTransform } from './transforms.js';

/** The Weibull distribution of life times; a `concentration` above 1 means that things wear out. */
export class Weibull extends TransformedDistribution {
  readonly scale: Tensor;
  readonly concentration: Tensor;

  constructor(scale: ParameterLike, concentration: ParameterLike, options: DistributionOptions = {}) {
    const [width, shape] = broadcastAll('Weibull', scale, concentration) as [Tensor, Tensor];
    super(
      new Exponential(width.onesLike(), { validateArgs: false }),
      [new PowerTransform(shape.reciprocal()), new AffineTransform(0, width)],
      options,
    );
    this.scale = width;
    this.concentration = shape;
    this.checkArguments();
  }

  override get argConstraints() {
    return { scale: constraints.positive, concentration: constraints.positive };
  }
  override get support() {
    return constraints.positive;
  }
  override get mean(): Tensor {
    return this.scale.mul(this.concentration.reciprocal().add(1).lgamma().exp());
  }
  override get mode(): Tensor {
    const { concentration } = this;
    return this.scale.mul(concentration.sub(1).div(concentration).pow(concentration.reciprocal()));
  }
  override get variance(): Tensor {
    const inverse = this.concentration.reciprocal();
    const second = inverse.mul(2).add(1).lgamma().exp();
    return this.scale.pow(2).mul(second.sub(inverse.add(1).lgamma().mul(2).exp()));
  }

  override expand(batchShape: readonly number[]): this {
    const shape = [...batchShape];
    const [scale, concentration] = [this.scale.expand(shape), this.concentration.expand(shape)];
    return this.copyWith(shape, { baseDist: this.expandedBase(shape), scale, concentration });
  }

  override entropy(): Tensor {
    const inverse = this.concentration.reciprocal();
    return inverse.rsub(1).mul(eulerConstant).add(this.scale.mul(inverse).log()).add(1);
  }
}
