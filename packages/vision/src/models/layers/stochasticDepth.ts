import { empty, type Tensor } from '@lightning-ts/torch';
import { Module } from '@lightning-ts/torch/nn';
import { VisionError } from '../../errors.js';

export type StochasticDepthMode = 'batch' | 'row';

/**
 * In training, replaces whole samples ('row') or the whole batch by zeros with the probability `p` and scales the rest by
 * 1 / (1 − p), so that a residual branch is now and then left out (Huang et al. 2016). [batch, ...] keeps its shape.
 */
export class StochasticDepth extends Module {
  constructor(
    readonly p: number,
    readonly mode: StochasticDepthMode = 'row',
  ) {
    super();
    if (!(p >= 0 && p <= 1)) {
      throw new VisionError('OPTION_INVALID', `StochasticDepth takes a probability from 0 to 1, and got ${p}`);
    }
    if (mode !== 'batch' && mode !== 'row') {
      throw new VisionError('OPTION_INVALID', `StochasticDepth takes the mode 'batch' or 'row', and got '${mode}'`);
    }
  }

  override forward(input: Tensor): Tensor {
    if (!this.training || this.p === 0) return input;
    const survival = 1 - this.p;
    const size = input.shape.map((length, i) => (i === 0 && this.mode === 'row' ? length : 1));
    const noise = empty(size, { dtype: input.dtype, device: input.device }).bernoulli_(survival);
    if (survival > 0) noise.div_(survival);
    return input.mul(noise);
  }

  override extraRepr(): string {
    return `p=${this.p}, mode=${this.mode}`;
  }
}
