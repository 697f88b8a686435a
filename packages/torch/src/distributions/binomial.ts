import { noGrad } from '../autograd.js';
import { arange } from '../creation.js';
import { TorchError } from '../errors.js';
import { binomial, minimum } from '../functions.js';
import type { Tensor } from '../tensor.js';
import type { Constraint } from './constraints.js';
import * as constraints from './constraints.js';
import { broadcastAll, type ParameterLike } from './parameters.js';
import { given, type ProbsOrLogits, ProbsOrLogitsDistribution } from './probsOrLogits.js';

/** `x` where positive, else 0, with the gradient 1/2 at 0. */
const clampByZero = (x: Tensor): Tensor => x.clamp(0).add(x).sub(x.clamp(null, 0)).div(2);

/** How often one of `totalCount` independent trials succeeds. */
export class Binomial extends ProbsOrLogitsDistribution {
  protected readonly isCategorical = false;
  readonly totalCount: Tensor;
  override readonly hasEnumerateSupport = true;

  constructor(totalCount: ParameterLike, options: ProbsOrLogits) {
    const [name, value] = given('Binomial', options);
    // The count takes the dtype of the probabilities, so these come first.
    const [parameter, count] = broadcastAll('Binomial', value, totalCount) as [Tensor, Tensor];
    super(parameter.shape, [], [name, parameter], options);
    this.totalCount = count.typeAs(parameter);
    this.checkArguments();
  }

  get argConstraints(): Readonly<Record<string, Constraint>> {
    const totalCount = constraints.nonnegativeInteger;
    return this.parameterName === 'probs'
      ? { totalCount, probs: constraints.unitInterval }
      : { totalCount, logits: constraints.real };
  }
  get support() {
    return constraints.integerInterval(0, this.totalCount);
  }
  override get mean(): Tensor {
    return this.totalCount.mul(this.probs);
  }
  override get mode(): Tensor {
    return minimum(this.totalCount.add(1).mul(this.probs).floor(), this.totalCount);
  }
  override get variance(): Tensor {
    return this.totalCount.mul(this.probs).mul(this.probs.rsub(1));
  }

  override expand(batchShape: readonly number[]): this {
    const shape = [...batchShape];
    return this.copyWith(shape, { totalCount: this.totalCount.expand(shape), parameter: this.parameter.expand(shape) });
  }

  override sample(sampleShape: readonly number[] = []): Tensor {
    const shape = this.extendedShape(sampleShape);
    return noGrad(() => binomial(this.totalCount.expand(shape), this.probs.expand(shape)));
  }
  logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const { totalCount, logits } = this;
    const allWays = totalCount.add(1).lgamma();
    const chosen = value.add(1).lgamma();
    const left = totalCount.sub(value).add(1).lgamma();
    const normalizer = totalCount
      .mul(clampByZero(logits))
      .add(totalCount.mul(logits.abs().neg().exp().log1p()))
      .sub(allWays);
    return value.mul(logits).sub(chosen).sub(left).sub(normalizer);
  }
  override entropy(): Tensor {
    this.singleCount('entropy');
    const logProb = this.logProb(this.enumerateSupport(false));
    return logProb.exp().mul(logProb).sum(0).neg();
  }
  override enumerateSupport(expand = true): Tensor {
    const { dtype, device } = this.parameter;
    const count = this.singleCount('enumerateSupport');
    const values = arange(1 + count, { dtype, device }).view([-1, ...this.batchShape.map(() => 1)]);
    return expand ? values.expand([-1, ...this.batchShape]) : values;
  }

  private singleCount(what: string): number {
    const most = this.totalCount.max().item();
    if (this.totalCount.min().item() === most) return most;
    throw new TorchError('DISTRIBUTION_UNSUPPORTED', `Binomial has no ${what} for a batch of different counts`);
  }
}
