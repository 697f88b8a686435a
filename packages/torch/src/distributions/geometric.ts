import { noGrad } from '../autograd.js';
import { TorchError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import { finfo } from '../typeInfo.js';
import type { Constraint } from './constraints.js';
import * as constraints from './constraints.js';
import { broadcastAll } from './parameters.js';
import { given, type ProbsOrLogits, ProbsOrLogitsDistribution } from './probsOrLogits.js';

/** How many trials fail before the first that succeeds, with the probability `probs`. */
export class Geometric extends ProbsOrLogitsDistribution {
  protected readonly isCategorical = false;

  constructor(options: ProbsOrLogits) {
    const [name, value] = given('Geometric', options);
    const [parameter] = broadcastAll('Geometric', value) as [Tensor];
    super(parameter.shape, [], [name, parameter], options);
    this.checkArguments();
    if (this.validateArgs && name === 'probs' && !parameter.gt(0).all().item())
      throw new TorchError('DISTRIBUTION_ARGUMENT', 'Geometric: probs must be above 0, or no trial would ever succeed');
  }

  get argConstraints(): Readonly<Record<string, Constraint>> {
    return this.parameterName === 'probs' ? { probs: constraints.unitInterval } : { logits: constraints.real };
  }
  get support() {
    return constraints.nonnegativeInteger;
  }
  override get mean(): Tensor {
    return this.probs.reciprocal().sub(1);
  }
  override get mode(): Tensor {
    return this.probs.zerosLike();
  }
  override get variance(): Tensor {
    return this.probs.reciprocal().sub(1).div(this.probs);
  }

  override expand(batchShape: readonly number[]): this {
    return this.copyWith(batchShape, { parameter: this.parameter.expand([...batchShape]) });
  }

  override sample(sampleShape: readonly number[] = []): Tensor {
    return noGrad(() => {
      const { probs } = this;
      const drawn = probs.newEmpty(this.extendedShape(sampleShape)).uniform_(finfo(probs.dtype).tiny, 1);
      return drawn.log().div(probs.neg().log1p()).floor();
    });
  }
  logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const [count, probs] = broadcastAll('Geometric', value, this.probs) as [Tensor, Tensor];
    const failing = probs.maskedFill(probs.eq(1).logicalAnd(count.eq(0)), 0);
    return count.mul(failing.neg().log1p()).add(this.probs.log());
  }
  override entropy(): Tensor {
    return this.logits.binaryCrossEntropyWithLogits(this.probs, null, null, 0).div(this.probs);
  }
}
