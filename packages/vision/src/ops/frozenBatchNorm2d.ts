import { ones, type Tensor, zeros } from '@lightning-ts/torch';
import { Module } from '@lightning-ts/torch/nn';

/** BatchNorm2d whose statistics and weights are buffers that training leaves as they are: [batch, c, h, w]. */
export class FrozenBatchNorm2d extends Module {
  declare weight: Tensor;
  declare bias: Tensor;
  declare runningMean: Tensor;
  declare runningVar: Tensor;

  /** @param eps added to the variance, default 1e-5. */
  constructor(
    readonly numFeatures: number,
    readonly eps = 1e-5,
  ) {
    super();
    this.registerBuffer('weight', ones([numFeatures]));
    this.registerBuffer('bias', zeros([numFeatures]));
    this.registerBuffer('runningMean', zeros([numFeatures]));
    this.registerBuffer('runningVar', ones([numFeatures]));
  }

  override forward(input: Tensor): Tensor {
    const scale = this.weight.mul(this.runningVar.add(this.eps).rsqrt());
    const shift = this.bias.sub(this.runningMean.mul(scale));
    return input.mul(scale.view([1, -1, 1, 1])).add(shift.view([1, -1, 1, 1]));
  }

  override extraRepr(): string {
    return `${this.numFeatures}, eps=${this.eps}`;
  }
}
