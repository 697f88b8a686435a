import { tensor } from '../creation.js';
import { TorchError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import { Binomial } from './binomial.js';
import { Categorical } from './categorical.js';
import type { Constraint } from './constraints.js';
import * as constraints from './constraints.js';
import { Distribution } from './distribution.js';
import { broadcastAll } from './parameters.js';
import type { ProbsOrLogits } from './probsOrLogits.js';

/** How often each of k outcomes comes in `totalCount` draws. `probs` or `logits` is [...batch, k], a draw [k] counts. */
export class Multinomial extends Distribution {
  readonly totalCount: number;
  private readonly categorical: Categorical;

  constructor(totalCount: number, options: ProbsOrLogits<Tensor>) {
    if (!Number.isInteger(totalCount) || totalCount < 0)
      throw new TorchError(
        'DISTRIBUTION_ARGUMENT',
        `Multinomial: totalCount is a whole number from 0 up, got ${totalCount}`,
      );
    const categorical = new Categorical(options);
    super(categorical.batchShape, [categorical.numEvents], options);
    this.totalCount = totalCount;
    this.categorical = categorical;
  }

  get argConstraints(): Readonly<Record<string, Constraint>> {
    return this.categorical.argConstraints;
  }
  get support() {
    return constraints.multinomial(this.totalCount);
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
    return this.probs.mul(this.totalCount);
  }
  override get variance(): Tensor {
    return this.probs.mul(this.totalCount).mul(this.probs.rsub(1));
  }

  override expand(batchShape: readonly number[]): this {
    return this.copyWith(batchShape, { categorical: this.categorical.expand(batchShape) });
  }

  override sample(sampleShape: readonly number[] = []): Tensor {
    // [totalCount, ...sample, ...batch] with the draws moved to the end
    const draws = this.categorical.sample([this.totalCount, ...sampleShape]).movedim(0, -1);
    const counts = draws.newZeros(this.extendedShape(sampleShape));
    return counts.scatterAdd_(-1, draws, draws.onesLike()).typeAs(this.probs);
  }
  logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const [logits, counts] = broadcastAll('Multinomial', this.logits, value) as [Tensor, Tensor];
    const allWays = counts.sum(-1).add(1).lgamma();
    const sameWays = counts.add(1).lgamma().sum(-1);
    // An impossible outcome that did not come has the weight 0, not 0 · -Infinity.
    const finite = logits.maskedFill(counts.eq(0).logicalAnd(logits.eq(-Infinity)), 0);
    return allWays.sub(sameWays).add(finite.mul(counts).sum(-1));
  }
  override entropy(): Tensor {
    const n = tensor(this.totalCount, { dtype: 'int64' });
    const first = n.mul(this.categorical.entropy()).sub(n.add(1).lgamma());
    const binomial = new Binomial(this.totalCount, { probs: this.probs });
    const support = binomial.enumerateSupport(false).at('1:');
    const second = binomial.logProb(support).exp().mul(support.add(1).lgamma()).sum([0, -1]);
    return first.add(second);
  }
}
