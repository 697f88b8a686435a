import { TorchError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import type { Constraint } from './constraints.js';
import * as constraints from './constraints.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { sumRightmost } from './parameters.js';

/**
 * The last `reinterpretedBatchDims` dimensions of another distribution's batch as part of one event: a batch of normal
 * numbers as one row of them, with a single `logProb`.
 */
export class Independent<Base extends Distribution = Distribution> extends Distribution {
  readonly baseDist: Base;
  readonly reinterpretedBatchDims: number;
  override readonly hasRsample: boolean;
  override readonly hasEnumerateSupport: boolean;

  constructor(base: Base, reinterpretedBatchDims: number, options: DistributionOptions = {}) {
    const { batchShape, eventShape } = base;
    if (!(reinterpretedBatchDims >= 0 && reinterpretedBatchDims <= batchShape.length)) {
      throw new TorchError(
        'DISTRIBUTION_ARGUMENT',
        `Independent: reinterpretedBatchDims is from 0 to ${batchShape.length}, the dimensions of the batch; got ${reinterpretedBatchDims}`,
      );
    }
    const cut = batchShape.length - reinterpretedBatchDims;
    super(batchShape.slice(0, cut), [...batchShape.slice(cut), ...eventShape], options);
    this.baseDist = base;
    this.reinterpretedBatchDims = reinterpretedBatchDims;
    this.hasRsample = base.hasRsample;
    this.hasEnumerateSupport = reinterpretedBatchDims === 0 && base.hasEnumerateSupport;
  }

  get argConstraints(): Readonly<Record<string, Constraint>> {
    return {};
  }
  get support(): Constraint {
    const { support } = this.baseDist;
    return this.reinterpretedBatchDims === 0 ? support : constraints.independent(support, this.reinterpretedBatchDims);
  }
  override get mean(): Tensor {
    return this.baseDist.mean;
  }
  override get mode(): Tensor {
    return this.baseDist.mode;
  }
  override get variance(): Tensor {
    return this.baseDist.variance;
  }

  override expand(batchShape: readonly number[]): this {
    const inner = this.eventShape.slice(0, this.reinterpretedBatchDims);
    return this.copyWith(batchShape, { baseDist: this.baseDist.expand([...batchShape, ...inner]) });
  }

  override sample(sampleShape: readonly number[] = []): Tensor {
    return this.baseDist.sample(sampleShape);
  }
  override rsample(sampleShape: readonly number[] = []): Tensor {
    return this.baseDist.rsample(sampleShape);
  }
  logProb(value: Tensor): Tensor {
    return sumRightmost(this.baseDist.logProb(value), this.reinterpretedBatchDims);
  }
  override entropy(): Tensor {
    return sumRightmost(this.baseDist.entropy(), this.reinterpretedBatchDims);
  }
  override enumerateSupport(expand = true): Tensor {
    if (this.reinterpretedBatchDims === 0) return this.baseDist.enumerateSupport(expand);
    throw new TorchError(
      'DISTRIBUTION_UNSUPPORTED',
      'Independent: all combinations of several values cannot be listed; list those of baseDist',
    );
  }

  override toString(): string {
    return `Independent(${this.baseDist}, ${this.reinterpretedBatchDims})`;
  }
}
