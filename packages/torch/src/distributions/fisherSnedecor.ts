import type { Tensor } from '../tensor.js';
import { finfo } from '../typeInfo.js';
import * as constraints from './constraints.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { Gamma } from './gamma.js';
import { broadcastAll, type ParameterLike } from './parameters.js';

/** The F distribution of the ratio of two scaled chi-squared numbers. */
export class FisherSnedecor extends Distribution {
  readonly df1: Tensor;
  readonly df2: Tensor;
  private readonly above: Gamma;
  private readonly below: Gamma;
  override readonly hasRsample = true;

  constructor(df1: ParameterLike, df2: ParameterLike, options: DistributionOptions = {}) {
    const [first, second] = broadcastAll('FisherSnedecor', df1, df2) as [Tensor, Tensor];
    super(first.shape, [], options);
    this.df1 = first;
    this.df2 = second;
    this.checkArguments();
    this.above = new Gamma(first.mul(0.5), first, { validateArgs: false });
    this.below = new Gamma(second.mul(0.5), second, { validateArgs: false });
  }

  get argConstraints() {
    return { df1: constraints.positive, df2: constraints.positive };
  }
  get support() {
    return constraints.positive;
  }
  /** NaN where df2 is at most 2. */
  override get mean(): Tensor {
    const df2 = this.df2.maskedFill(this.df2.le(2), Number.NaN);
    return df2.div(df2.sub(2));
  }
  /** NaN where df1 is at most 2. */
  override get mode(): Tensor {
    const mode = this.df1.sub(2).div(this.df1).mul(this.df2).div(this.df2.add(2));
    return mode.maskedFill(this.df1.le(2), Number.NaN);
  }
  /** NaN where df2 is at most 4. */
  override get variance(): Tensor {
    const df2 = this.df2.maskedFill(this.df2.le(4), Number.NaN);
    const below = this.df1.mul(df2.sub(2).pow(2)).mul(df2.sub(4));
    return df2.pow(2).mul(2).mul(this.df1.add(df2).sub(2)).div(below);
  }

  override expand(batchShape: readonly number[]): this {
    const shape = [...batchShape];
    return this.copyWith(shape, {
      df1: this.df1.expand(shape),
      df2: this.df2.expand(shape),
      above: this.above.expand(shape),
      below: this.below.expand(shape),
    });
  }

  override rsample(sampleShape: readonly number[] = []): Tensor {
    const above = this.above.rsample(sampleShape);
    const { tiny } = finfo(above.dtype);
    return above.div(this.below.rsample(sampleShape).clamp(tiny)).clamp(tiny);
  }
  logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const half1 = this.df1.mul(0.5);
    const half2 = this.df2.mul(0.5);
    const ratio = this.df1.div(this.df2);
    const normalizer = half1.add(half2).lgamma().sub(half1.lgamma()).sub(half2.lgamma());
    const rising = half1.mul(ratio.log()).add(half1.sub(1).mul(value.log()));
    return normalizer.add(rising).sub(half1.add(half2).mul(ratio.mul(value).log1p()));
  }
}
