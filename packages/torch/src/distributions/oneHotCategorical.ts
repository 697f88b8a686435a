import { eye } from '../creation.js';
import type { Tensor } from '../tensor.js';
import { Categorical } from './categorical.js';
import type { Constraint } from './constraints.js';
import * as constraints from './constraints.js';
import { Distribution } from './distribution.js';
import type { ProbsOrLogits } from './probsOrLogits.js';

/** One of k outcomes as a row of k numbers with a single 1. `probs` or `logits` is [...batch, k]. */
export class OneHotCategorical extends Distribution {
  readonly categorical: Categorical;
  override readonly hasEnumerateSupport = true;

  constructor(options: ProbsOrLogits<Tensor>) {
    const categorical = new Categorical(options);
    super(categorical.batchShape, [categorical.numEvents], options);
    this.categorical = categorical;
  }

  get argConstraints(): Readonly<Record<string, Constraint>> {
    return this.categorical.argConstraints;
  }
  get support() {
    return constraints.oneHot;
  }
  get probs(): Tensor {
    return this.categorical.probs;
  }
  get logits(): Tensor {
    return this.categorical.logits;
  }
  get paramShape(): number[] {
    return this.categorical.paramShape;
  }
  override get mean(): Tensor {
    return this.probs;
  }
  override get mode(): Tensor {
    return this.probs.argmax(-1).oneHot(this.categorical.numEvents).to(this.probs);
  }
  override get variance(): Tensor {
    return this.probs.mul(this.probs.rsub(1));
  }

  override expand(batchShape: readonly number[]): this {
    return this.copyWith(batchShape, { categorical: this.categorical.expand(batchShape) });
  }

  override sample(sampleShape: readonly number[] = []): Tensor {
    return this.categorical.sample(sampleShape).oneHot(this.categorical.numEvents).to(this.probs.detach());
  }
  logProb(value: Tensor): Tensor {
    this.checkValue(value);
    return this.categorical.logProb(value.argmax(-1));
  }
  override entropy(): Tensor {
    return this.categorical.entropy();
  }
  override enumerateSupport(expand = true): Tensor {
    const n = this.categorical.numEvents;
    const { dtype, device } = this.probs;
    const values = eye(n, { dtype, device }).view([n, ...this.batchShape.map(() => 1), n]);
    return expand ? values.expand([n, ...this.batchShape, n]) : values;
  }
}

/** The same draws, with the gradient of the probabilities (Bengio et al. 2013, straight-through). */
export class OneHotCategoricalStraightThrough extends OneHotCategorical {
  override readonly hasRsample = true;

  override rsample(sampleShape: readonly number[] = []): Tensor {
    return this.sample(sampleShape).add(this.probs.sub(this.probs.detach()));
  }
}
