import { noGrad } from '../autograd.js';
import type { Tensor } from '../tensor.js';
import type { Constraint } from './constraints.js';
import * as constraints from './constraints.js';
import { Gamma } from './gamma.js';
import { broadcastAll, type ParameterLike } from './parameters.js';
import { given, type ProbsOrLogits, ProbsOrLogitsDistribution } from './probsOrLogits.js';

/** How many trials succeed before `totalCount` have failed; `totalCount` need not be whole. */
export class NegativeBinomial extends ProbsOrLogitsDistribution {
  protected readonly isCategorical = false;
  readonly totalCount: Tensor;

  constructor(totalCount: ParameterLike, options: ProbsOrLogits) {
    const [name, value] = given('NegativeBinomial', options);
    const [parameter, count] = broadcastAll('NegativeBinomial', value, totalCount) as [Tensor, Tensor];
    super(parameter.shape, [], [name, parameter], options);
    this.totalCount = count.typeAs(parameter);
    this.checkArguments();
  }

  get argConstraints(): Readonly<Record<string, Constraint>> {
    const totalCount = constraints.nonnegative;
    return this.parameterName === 'probs'
      ? { totalCount, probs: constraints.halfOpenInterval(0, 1) }
      : { totalCount, logits: constraints.real };
  }
  get support() {
    return constraints.nonnegativeInteger;
  }
  override get mean(): Tensor {
    return this.totalCount.mul(this.logits.exp());
  }
  override get mode(): Tensor {
    return this.totalCount.sub(1).mul(this.logits.exp()).floor().clamp(0);
  }
  override get variance(): Tensor {
    return this.mean.div(this.logits.neg().sigmoid());
  }

  override expand(batchShape: readonly number[]): this {
    const shape = [...batchShape];
    return this.copyWith(shape, { totalCount: this.totalCount.expand(shape), parameter: this.parameter.expand(shape) });
  }

  override sample(sampleShape: readonly number[] = []): Tensor {
    return noGrad(() => {
      const rates = new Gamma(this.totalCount, this.logits.neg().exp(), { validateArgs: false });
      return rates.sample(sampleShape).poisson();
    });
  }
  logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const { totalCount, logits } = this;
    const weight = totalCount.mul(logits.neg().logSigmoid()).add(value.mul(logits.logSigmoid()));
    const normalizer = totalCount
      .add(value)
      .lgamma()
      .neg()
      .add(value.add(1).lgamma())
      .add(totalCount.lgamma())
      .maskedFill(totalCount.add(value).eq(0), 0);
    return weight.sub(normalizer);
  }
}
