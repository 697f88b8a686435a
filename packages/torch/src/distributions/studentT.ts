import type { Tensor } from '../tensor.js';
import * as constraints from './constraints.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { Chi2 } from './gamma.js';
import { standardNormal } from './normal.js';
import { broadcastAll, type ParameterLike } from './parameters.js';

/** Student's t distribution with `df` degrees of freedom, moved by `loc` and stretched by `scale`. */
export class StudentT extends Distribution {
  readonly df: Tensor;
  readonly loc: Tensor;
  readonly scale: Tensor;
  private readonly chi2: Chi2;
  override readonly hasRsample = true;

  constructor(df: ParameterLike, loc: ParameterLike = 0, scale: ParameterLike = 1, options: DistributionOptions = {}) {
    const [freedom, location, width] = broadcastAll('StudentT', df, loc, scale) as [Tensor, Tensor, Tensor];
    super(freedom.shape, [], options);
    this.df = freedom;
    this.loc = location;
    this.scale = width;
    this.checkArguments();
    this.chi2 = new Chi2(freedom, { validateArgs: false });
  }

  get argConstraints() {
    return { df: constraints.positive, loc: constraints.real, scale: constraints.positive };
  }
  get support() {
    return constraints.real;
  }
  /** NaN where df is at most 1. */
  override get mean(): Tensor {
    return this.loc.maskedFill(this.df.le(1), Number.NaN);
  }
  override get mode(): Tensor {
    return this.loc;
  }
  /** Infinite where df is at most 2, NaN where it is at most 1. */
  override get variance(): Tensor {
    const { df } = this;
    return this.scale.pow(2).mul(df).div(df.sub(2)).maskedFill(df.le(2), Infinity).maskedFill(df.le(1), Number.NaN);
  }

  override expand(batchShape: readonly number[]): this {
    const shape = [...batchShape];
    return this.copyWith(shape, {
      df: this.df.expand(shape),
      loc: this.loc.expand(shape),
      scale: this.scale.expand(shape),
      chi2: this.chi2.expand(shape),
    });
  }

  override rsample(sampleShape: readonly number[] = []): Tensor {
    const normal = standardNormal(this.extendedShape(sampleShape), this.df);
    const spread = this.chi2.rsample(sampleShape).div(this.df).rsqrt();
    return this.loc.add(this.scale.mul(normal.mul(spread)));
  }
  logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const { df } = this;
    const distance = value.sub(this.loc).div(this.scale);
    const normalizer = this.scale
      .log()
      .add(df.log().mul(0.5))
      .add(0.5 * Math.log(Math.PI))
      .add(df.mul(0.5).lgamma())
      .sub(df.add(1).mul(0.5).lgamma());
    return df.add(1).mul(-0.5).mul(distance.pow(2).div(df).log1p()).sub(normalizer);
  }
  override entropy(): Tensor {
    const { df } = this;
    const half = df.mul(0.5);
    const halfMore = df.add(1).mul(0.5);
    const logBeta = half
      .lgamma()
      .add(0.5 * Math.log(Math.PI))
      .sub(halfMore.lgamma());
    return this.scale
      .log()
      .add(halfMore.mul(halfMore.digamma().sub(half.digamma())))
      .add(df.log().mul(0.5))
      .add(logBeta);
  }
}
