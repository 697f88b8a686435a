import { arange, full } from '../creation.js';
import { TorchError } from '../errors.js';
import { broadcastTensors } from '../functions.js';
import type { Tensor } from '../tensor.js';
import { finfo } from '../typeInfo.js';
import type { Constraint } from './constraints.js';
import * as constraints from './constraints.js';
import { given, type ProbsOrLogits, ProbsOrLogitsDistribution } from './probsOrLogits.js';

/** One of k outcomes, an int64 from 0 to k - 1. `probs` or `logits` is [...batch, k] and is normalised. */
export class Categorical extends ProbsOrLogitsDistribution {
  protected readonly isCategorical = true;
  override readonly hasEnumerateSupport = true;
  /** How many outcomes there are. */
  readonly numEvents: number;

  constructor(options: ProbsOrLogits<Tensor>) {
    const [name, value] = given('Categorical', options);
    if (value.dim() < 1)
      throw new TorchError('DISTRIBUTION_ARGUMENT', `Categorical: ${name} needs at least one dimension`);
    const parameter = name === 'probs' ? value.div(value.sum(-1, true)) : value.sub(value.logsumexp(-1, true));
    super(parameter.shape.slice(0, -1), [], [name, parameter], options);
    this.numEvents = parameter.size(-1);
    this.checkArguments();
  }

  get argConstraints(): Readonly<Record<string, Constraint>> {
    return this.parameterName === 'probs' ? { probs: constraints.simplex } : { logits: constraints.realVector };
  }
  get support() {
    return constraints.integerInterval(0, this.numEvents - 1);
  }
  /** NaN: outcomes are names, not numbers. */
  override get mean(): Tensor {
    const { dtype, device } = this.parameter;
    return full(this.extendedShape(), Number.NaN, { dtype, device });
  }
  override get variance(): Tensor {
    return this.mean;
  }
  override get mode(): Tensor {
    return this.probs.argmax(-1);
  }

  override expand(batchShape: readonly number[]): this {
    return this.copyWith(batchShape, { parameter: this.parameter.expand([...batchShape, this.numEvents]) });
  }

  override sample(sampleShape: readonly number[] = []): Tensor {
    const count = sampleShape.reduce((product, size) => product * size, 1);
    const rows = this.probs.detach().reshape([-1, this.numEvents]);
    return rows.multinomial(count, true).T.reshape(this.extendedShape(sampleShape));
  }
  logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const [outcome, logits] = broadcastTensors([value.long().unsqueeze(-1), this.logits]) as [Tensor, Tensor];
    return logits.gather(-1, outcome.narrow(-1, 0, 1)).squeeze(-1);
  }
  override entropy(): Tensor {
    const { logits } = this;
    return logits.clamp(finfo(logits.dtype).min).mul(this.probs).sum(-1).neg();
  }
  override enumerateSupport(expand = true): Tensor {
    const values = arange(this.numEvents, { device: this.parameter.device }).view([
      -1,
      ...this.batchShape.map(() => 1),
    ]);
    return expand ? values.expand([-1, ...this.batchShape]) : values;
  }
}
