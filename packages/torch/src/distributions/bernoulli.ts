import { noGrad } from '../autograd.js';
import { arange } from '../creation.js';
import type { Tensor } from '../tensor.js';
import type { Constraint } from './constraints.js';
import * as constraints from './constraints.js';
import { broadcastAll } from './parameters.js';
import { given, type ProbsOrLogits, ProbsOrLogitsDistribution } from './probsOrLogits.js';

/** The engine's code of no reduction. */
const unreduced = 0;

/** 1 with the probability `probs`, else 0. Give `probs` or `logits` (log odds). */
export class Bernoulli extends ProbsOrLogitsDistribution {
  protected readonly isCategorical = false;
  override readonly hasEnumerateSupport = true;

  constructor(options: ProbsOrLogits) {
    const [name, value] = given('Bernoulli', options);
    const [parameter] = broadcastAll('Bernoulli', value) as [Tensor];
    super(parameter.shape, [], [name, parameter], options);
    this.checkArguments();
  }

  get argConstraints(): Readonly<Record<string, Constraint>> {
    return this.parameterName === 'probs' ? { probs: constraints.unitInterval } : { logits: constraints.real };
  }
  get support() {
    return constraints.boolean;
  }
  override get mean(): Tensor {
    return this.probs;
  }
  /** NaN where both are equally likely. */
  override get mode(): Tensor {
    return this.probs.ge(0.5).to(this.probs).maskedFill(this.probs.eq(0.5), Number.NaN);
  }
  override get variance(): Tensor {
    return this.probs.mul(this.probs.rsub(1));
  }

  override expand(batchShape: readonly number[]): this {
    return this.copyWith(batchShape, { parameter: this.parameter.expand([...batchShape]) });
  }

  override sample(sampleShape: readonly number[] = []): Tensor {
    return noGrad(() => this.probs.expand(this.extendedShape(sampleShape)).bernoulli());
  }
  logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const [logits, outcome] = broadcastAll('Bernoulli', this.logits, value) as [Tensor, Tensor];
    return logits.binaryCrossEntropyWithLogits(outcome, null, null, unreduced).neg();
  }
  override entropy(): Tensor {
    return this.logits.binaryCrossEntropyWithLogits(this.probs, null, null, unreduced);
  }
  override enumerateSupport(expand = true): Tensor {
    const { dtype, device } = this.parameter;
    const values = arange(2, { dtype, device }).view([-1, ...this.batchShape.map(() => 1)]);
    return expand ? values.expand([-1, ...this.batchShape]) : values;
  }
}
