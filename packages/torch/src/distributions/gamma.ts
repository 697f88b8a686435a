import { invokeN } from '../dispatch.js';
import { operatorId } from '../operatorId.js';
import type { Tensor } from '../tensor.js';
import { finfo } from '../typeInfo.js';
import type { Constraint } from './constraints.js';
import * as constraints from './constraints.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { broadcastAll, type ParameterLike } from './parameters.js';

const standardGammaId = operatorId('aten::_standard_gamma');

/** The gamma distribution with the shape `concentration` and the rate `rate` (1 / scale). */
export class Gamma extends Distribution {
  readonly concentration: Tensor;
  readonly rate: Tensor;
  override readonly hasRsample = true;

  constructor(concentration: ParameterLike, rate: ParameterLike, options: DistributionOptions = {}) {
    const [shape, pace] = broadcastAll('Gamma', concentration, rate) as [Tensor, Tensor];
    super(shape.shape, [], options);
    this.concentration = shape;
    this.rate = pace;
    this.checkArguments();
  }

  get argConstraints(): Readonly<Record<string, Constraint>> {
    return { concentration: constraints.positive, rate: constraints.positive };
  }
  get support() {
    return constraints.nonnegative;
  }
  override get mean(): Tensor {
    return this.concentration.div(this.rate);
  }
  override get mode(): Tensor {
    return this.concentration.sub(1).div(this.rate).clamp(0);
  }
  override get variance(): Tensor {
    return this.concentration.div(this.rate.pow(2));
  }

  override expand(batchShape: readonly number[]): this {
    const shape = [...batchShape];
    return this.copyWith(shape, { concentration: this.concentration.expand(shape), rate: this.rate.expand(shape) });
  }

  override rsample(sampleShape: readonly number[] = []): Tensor {
    const shape = this.extendedShape(sampleShape);
    const drawn = invokeN(standardGammaId, [this.concentration.expand(shape), null]) as Tensor;
    const value = drawn.div(this.rate.expand(shape));
    value.detach().clamp_(finfo(value.dtype).tiny); // outside the graph: the gradient stays that of the draw
    return value;
  }
  logProb(value: Tensor): Tensor {
    this.checkValue(value);
    return this.concentration
      .xlogy(this.rate)
      .add(this.concentration.sub(1).xlogy(value))
      .sub(this.rate.mul(value))
      .sub(this.concentration.lgamma());
  }
  override entropy(): Tensor {
    return this.concentration
      .sub(this.rate.log())
      .add(this.concentration.lgamma())
      .add(this.concentration.rsub(1).mul(this.concentration.digamma()));
  }
}

/** The distribution of the sum of `df` squared standard normal numbers. */
export class Chi2 extends Gamma {
  constructor(df: ParameterLike, options: DistributionOptions = {}) {
    super(typeof df === 'number' ? 0.5 * df : df.mul(0.5), 0.5, options);
  }
  override get argConstraints(): Readonly<Record<string, Constraint>> {
    return { df: constraints.positive };
  }
  /** Degrees of freedom. */
  get df(): Tensor {
    return this.concentration.mul(2);
  }
}
