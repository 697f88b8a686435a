import { noGrad } from '../autograd.js';
import { TorchError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import type { Constraint } from './constraints.js';
import * as constraints from './constraints.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { Independent } from './independent.js';
import { sameShape, sumRightmost } from './parameters.js';
import { ComposeTransform, Transform, timesSign } from './transform.js';

/** What transforms make of the draws of another distribution. */
export class TransformedDistribution extends Distribution {
  readonly baseDist: Distribution;
  readonly transforms: readonly Transform[];
  override readonly hasRsample: boolean;

  constructor(base: Distribution, transforms: Transform | readonly Transform[], options: DistributionOptions = {}) {
    const parts = transforms instanceof Transform ? [transforms] : [...transforms];
    const whole = new ComposeTransform(parts);
    const baseShape = [...base.batchShape, ...base.eventShape];
    const baseDims = base.eventShape.length;
    const domainDims = whole.domain.eventDim;
    if (baseShape.length < domainDims) {
      throw new TorchError(
        'DISTRIBUTION_ARGUMENT',
        `TransformedDistribution: the transforms work on events of ${domainDims} dimensions, and the base has the shape [${baseShape}]`,
      );
    }
    const shape = whole.forwardShape(baseShape);
    const fullBase = whole.inverseShape(shape);
    let dist = base;
    if (!sameShape(baseShape, fullBase)) dist = dist.expand(fullBase.slice(0, fullBase.length - baseDims));
    if (domainDims > baseDims) dist = new Independent(dist, domainDims - baseDims);
    const cut = shape.length - whole.codomain.eventDim - Math.max(baseDims - domainDims, 0);
    super(shape.slice(0, cut), shape.slice(cut), options);
    this.baseDist = dist;
    this.transforms = parts;
    this.hasRsample = base.hasRsample;
  }

  get argConstraints(): Readonly<Record<string, Constraint>> {
    return {};
  }
  get support(): Constraint {
    const last = this.transforms.at(-1);
    if (last === undefined) return this.baseDist.support;
    const extra = this.eventShape.length - last.codomain.eventDim;
    return extra > 0 ? constraints.independent(last.codomain, extra) : last.codomain;
  }

  override expand(batchShape: readonly number[]): this {
    return this.copyWith(batchShape, { baseDist: this.expandedBase(batchShape) });
  }

  override sample(sampleShape: readonly number[] = []): Tensor {
    return noGrad(() => this.transform(this.baseDist.sample(sampleShape)));
  }
  override rsample(sampleShape: readonly number[] = []): Tensor {
    return this.transform(this.baseDist.rsample(sampleShape));
  }
  logProb(value: Tensor): Tensor {
    this.checkValue(value);
    let dims = this.eventShape.length;
    let total: Tensor | null = null;
    let y = value;
    for (const transform of [...this.transforms].reverse()) {
      const x = transform.inverse(y);
      dims += transform.domain.eventDim - transform.codomain.eventDim;
      const stretch = sumRightmost(transform.logAbsDetJacobian(x, y), dims - transform.domain.eventDim);
      total = total === null ? stretch.neg() : total.sub(stretch);
      y = x;
    }
    const base = sumRightmost(this.baseDist.logProb(y), dims - this.baseDist.eventShape.length);
    return total === null ? base : total.add(base);
  }
  override cdf(value: Tensor): Tensor {
    const inner = this.transforms.reduceRight((y, transform) => transform.inverse(y), value);
    return this.withSign(this.baseDist.cdf(inner));
  }
  override icdf(probability: Tensor): Tensor {
    return this.transform(this.baseDist.icdf(this.withSign(probability)));
  }

  protected expandedBase(batchShape: readonly number[]): Distribution {
    const shape = new ComposeTransform(this.transforms).inverseShape([...batchShape, ...this.eventShape]);
    return this.baseDist.expand(shape.slice(0, shape.length - this.baseDist.eventShape.length));
  }

  private transform(x: Tensor): Tensor {
    return this.transforms.reduce((value, transform) => transform.forward(value), x);
  }

  /** A falling transform turns the probability round: P(f(x) ≤ y) = 1 - P(x ≤ f⁻¹(y)). */
  private withSign(probability: Tensor): Tensor {
    const sign = this.transforms.map((transform) => transform.sign).reduce(timesSign, 1);
    if (sign === 1) return probability;
    return probability
      .sub(0.5)
      .mul(sign as number)
      .add(0.5);
  }
}
