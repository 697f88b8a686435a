import { dropout, featureDropout } from '../../functions.js';
import { TorchError } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import { Module } from '../module.js';

abstract class DropoutNd extends Module {
  constructor(readonly p: number) {
    super();
    if (!(p >= 0 && p <= 1)) throw new TorchError('ARGUMENT_RANGE', `a dropout probability must be from 0 to 1, got ${p}`);
  }
  override extraRepr(): string {
    return `p=${this.p}`;
  }
}

/** Zeroes elements with probability p (default 0.5) while training and scales the rest by 1 / (1 − p). */
export class Dropout extends DropoutNd {
  static override readonly keepsNoTensors = true;
  constructor(p = 0.5) {
    super(p);
  }
  override forward(input: Tensor): Tensor {
    return dropout(input, this.p, this.training);
  }
}

/** Zeroes whole channels: [batch, channels, height, width]. */
export class Dropout2d extends DropoutNd {
  static override readonly keepsNoTensors = true;
  constructor(p = 0.5) {
    super(p);
  }
  override forward(input: Tensor): Tensor {
    return featureDropout(input, this.p, this.training);
  }
}
