import type { Tensor } from '../tensor.js';
import type { Constraint } from './constraints.js';
import * as constraints from './constraints.js';
import type { DistributionOptions } from './distribution.js';
import { Exponential } from './exponential.js';
import { broadcastAll, type ParameterLike } from './parameters.js';
import { TransformedDistribution } from './transformedDistribution.js';
import { AffineTransform, ExpTransform } from './transforms.js';

/** The Pareto distribution of numbers from `scale` up, whose tail falls with the power `alpha`. */
export class Pareto extends TransformedDistribution {
  readonly scale: Tensor;
  readonly alpha: Tensor;

  constructor(scale: ParameterLike, alpha: ParameterLike, options: DistributionOptions = {}) {
    const [least, power] = broadcastAll('Pareto', scale, alpha) as [Tensor, Tensor];
    super(
      new Exponential(power, { validateArgs: false }),
      [new ExpTransform(), new AffineTransform(0, least)],
      options,
    );
    this.scale = least;
    this.alpha = power;
    this.checkArguments();
  }

  override get argConstraints() {
    return { alpha: constraints.positive, scale: constraints.positive };
  }
  override get support(): Constraint {
    return constraints.greaterThanEq(this.scale);
  }
  /** Infinite where alpha is at most 1. */
  override get mean(): Tensor {
    const power = this.alpha.clamp(1);
    return power.mul(this.scale).div(power.sub(1));
  }
  override get mode(): Tensor {
    return this.scale;
  }
  /** Infinite where alpha is at most 2. */
  override get variance(): Tensor {
    const power = this.alpha.clamp(2);
    return this.scale
      .pow(2)
      .mul(power)
      .div(power.sub(1).pow(2).mul(power.sub(2)));
  }

  override expand(batchShape: readonly number[]): this {
    const shape = [...batchShape];
    return this.copyWith(shape, {
      baseDist: this.expandedBase(shape),
      scale: this.scale.expand(shape),
      alpha: this.alpha.expand(shape),
    });
  }

  override entropy(): Tensor {
    return this.scale.div(this.alpha).log().add(this.alpha.reciprocal().add(1));
  }
}
