import { enableGrad } from '../autograd.js';
import { TorchError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import {
  binaryLogitsToProbs,
  binaryProbsToLogits,
  logitsToProbs,
  type ParameterLike,
  probsToLogits,
} from './parameters.js';

/** Probabilities, or unnormalised log probabilities (log odds where there are two outcomes): exactly one of them. */
export interface ProbsOrLogits<Value = ParameterLike> extends DistributionOptions {
  probs?: Value;
  logits?: Value;
}

/** Which of the two was given. */
export function given<Value>(owner: string, { probs, logits }: ProbsOrLogits<Value>): ['probs' | 'logits', Value] {
  if (probs !== undefined && logits === undefined) return ['probs', probs];
  if (logits !== undefined && probs === undefined) return ['logits', logits];
  throw new TorchError(
    'DISTRIBUTION_ARGUMENT',
    `${owner}: give either probs or logits; ${probs === undefined ? 'neither came' : 'both came'}`,
  );
}

/** A distribution with one of the two parameters; the other is computed when it is first asked for. */
export abstract class ProbsOrLogitsDistribution extends Distribution {
  /** Whether outcomes are along the last dimension, rather than two for each number. */
  protected abstract readonly isCategorical: boolean;
  protected readonly parameterName: 'probs' | 'logits';
  /** The one that was given. */
  protected readonly parameter: Tensor;
  private computed: Tensor | null = null;

  constructor(
    batchShape: readonly number[],
    eventShape: readonly number[],
    [name, parameter]: ['probs' | 'logits', Tensor],
    options: DistributionOptions,
  ) {
    super(batchShape, eventShape, options);
    this.parameterName = name;
    this.parameter = parameter;
  }

  get probs(): Tensor {
    return this.parameterName === 'probs' ? this.parameter : this.other();
  }
  get logits(): Tensor {
    return this.parameterName === 'logits' ? this.parameter : this.other();
  }
  /** The shape of `probs` and `logits`. */
  get paramShape(): number[] {
    return this.parameter.shape;
  }

  protected override copyWith(batchShape: readonly number[], fields: object): this {
    return super.copyWith(batchShape, { computed: null, ...fields });
  }

  private other(): Tensor {
    // Recorded even when first asked for by a sample, which records nothing: it serves later calls as well.
    this.computed ??= enableGrad(() => {
      if (this.parameterName === 'probs')
        return this.isCategorical ? probsToLogits(this.parameter) : binaryProbsToLogits(this.parameter);
      return this.isCategorical ? logitsToProbs(this.parameter) : binaryLogitsToProbs(this.parameter);
    });
    return this.computed;
  }
}
