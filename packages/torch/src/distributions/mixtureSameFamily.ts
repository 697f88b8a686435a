import { noGrad } from '../autograd.js';
import { TorchError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import type { Categorical } from './categorical.js';
import type { Constraint } from './constraints.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { commonShape } from './parameters.js';

/**
 * Draws from one of k distributions of one kind: `components` has the batch [...batch, k], and `mixture` says how often
 * each is chosen.
 */
export class MixtureSameFamily extends Distribution {
  readonly mixtureDistribution: Categorical;
  readonly componentDistribution: Distribution;

  constructor(mixture: Categorical, components: Distribution, options: DistributionOptions = {}) {
    const wrong = (message: string) => new TorchError('DISTRIBUTION_ARGUMENT', `MixtureSameFamily: ${message}`);
    const batch = components.batchShape.slice(0, -1);
    const count = components.batchShape.at(-1);
    if (count !== mixture.numEvents)
      throw wrong(`the mixture chooses among ${mixture.numEvents}, and there are ${count ?? 'no'} components`);
    if (commonShape(mixture.batchShape, batch) === null)
      throw wrong(
        `a mixture of the batch [${mixture.batchShape}] does not fit components of [${components.batchShape}]`,
      );
    super(batch, components.eventShape, options);
    this.mixtureDistribution = mixture;
    this.componentDistribution = components;
  }

  get argConstraints(): Readonly<Record<string, Constraint>> {
    return {};
  }
  get support(): Constraint {
    return this.componentDistribution.support;
  }
  override get mean(): Tensor {
    return this.weights().mul(this.componentDistribution.mean).sum(this.componentDim);
  }
  override get variance(): Tensor {
    const weights = this.weights();
    const within = weights.mul(this.componentDistribution.variance).sum(this.componentDim);
    const between = this.componentDistribution.mean.sub(this.mean.unsqueeze(this.componentDim)).pow(2);
    return within.add(weights.mul(between).sum(this.componentDim));
  }

  override expand(batchShape: readonly number[]): this {
    return this.copyWith(batchShape, {
      componentDistribution: this.componentDistribution.expand([...batchShape, this.mixtureDistribution.numEvents]),
      mixtureDistribution: this.mixtureDistribution.expand(batchShape),
    });
  }

  override sample(sampleShape: readonly number[] = []): Tensor {
    return noGrad(() => {
      const chosen = this.mixtureDistribution.expand(this.batchShape).sample(sampleShape); // [...S, ...batch]
      const drawn = this.componentDistribution.sample(sampleShape); // [...S, ...batch, k, ...event]
      const dim = sampleShape.length + this.batchShape.length;
      const index = chosen.reshape([...chosen.shape, 1, ...this.eventShape.map(() => 1)]);
      return drawn.gather(dim, index.expand([...chosen.shape, 1, ...this.eventShape])).squeeze(dim);
    });
  }
  logProb(value: Tensor): Tensor {
    // The components check the value: their regions may differ.
    const logProb = this.componentDistribution.logProb(value.unsqueeze(this.componentDim)); // [...S, ...batch, k]
    return logProb.add(this.mixtureDistribution.logits.logSoftmax(-1)).logsumexp(-1);
  }
  override cdf(value: Tensor): Tensor {
    const cdf = this.componentDistribution.cdf(value.unsqueeze(this.componentDim));
    return cdf.mul(this.mixtureDistribution.probs).sum(-1);
  }

  override toString(): string {
    return `MixtureSameFamily(${this.mixtureDistribution}, ${this.componentDistribution})`;
  }

  /** Where the components are in tensors that have events. */
  private get componentDim(): number {
    return -1 - this.eventShape.length;
  }
  /** How often each is chosen, [...batch, k, 1 for each dimension of an event]. */
  private weights(): Tensor {
    const { probs } = this.mixtureDistribution;
    return probs.reshape([...probs.shape, ...this.eventShape.map(() => 1)]);
  }
}
