import { stack } from '../functions.js';
import type { Tensor } from '../tensor.js';
import * as constraints from './constraints.js';
import { Dirichlet } from './dirichlet.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { broadcastAll, type ParameterLike } from './parameters.js';

/** A distribution of a probability; the larger `concentration1` against `concentration0`, the nearer to 1. */
export class Beta extends Distribution {
  private readonly dirichlet: Dirichlet;
  override readonly hasRsample = true;

  constructor(concentration1: ParameterLike, concentration0: ParameterLike, options: DistributionOptions = {}) {
    const dirichlet = new Dirichlet(stack(broadcastAll('Beta', concentration1, concentration0), -1), {
      validateArgs: false,
    });
    super(dirichlet.batchShape, [], options);
    this.dirichlet = dirichlet;
    this.checkArguments();
  }

  get argConstraints() {
    return { concentration1: constraints.positive, concentration0: constraints.positive };
  }
  get support() {
    return constraints.unitInterval;
  }
  get concentration1(): Tensor {
    return this.dirichlet.concentration.select(-1, 0);
  }
  get concentration0(): Tensor {
    return this.dirichlet.concentration.select(-1, 1);
  }
  override get mean(): Tensor {
    return this.concentration1.div(this.concentration1.add(this.concentration0));
  }
  override get mode(): Tensor {
    return this.dirichlet.mode.select(-1, 0);
  }
  override get variance(): Tensor {
    const total = this.concentration1.add(this.concentration0);
    return this.concentration1.mul(this.concentration0).div(total.pow(2).mul(total.add(1)));
  }

  override expand(batchShape: readonly number[]): this {
    return this.copyWith(batchShape, { dirichlet: this.dirichlet.expand(batchShape) });
  }

  override rsample(sampleShape: readonly number[] = []): Tensor {
    return this.dirichlet.rsample(sampleShape).select(-1, 0);
  }
  logProb(value: Tensor): Tensor {
    this.checkValue(value);
    return this.dirichlet.logProb(stack([value, value.rsub(1)], -1));
  }
  override entropy(): Tensor {
    return this.dirichlet.entropy();
  }
}
