import { dropout, featureDropout } from '../../functions.js';
import { TorchError } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import { Module } from '../module.js';

export interface DropoutOptions {
  /** Change the input itself; default false. */
  inplace?: boolean;
}

abstract class DropoutNd extends Module {
  readonly inplace: boolean;
  constructor(
    readonly p: number,
    options: DropoutOptions,
  ) {
    super();
    this.inplace = options.inplace ?? false;
    if (!(p >= 0 && p <= 1)) throw new TorchError('ARGUMENT_RANGE', `a dropout probability must be from 0 to 1, got ${p}`);
  }
  override extraRepr(): string {
    return `p=${this.p}, inplace=${this.inplace ? 'True' : 'False'}`;
  }
}

/** Zeroes elements with probability p (default 0.5) while training and scales the rest by 1 / (1 − p). */
export class Dropout extends DropoutNd {
  static override readonly keepsNoTensors = true;
  constructor(p = 0.5, options: DropoutOptions = {}) {
    super(p, options);
  }
  override forward(input: Tensor): Tensor {
    return this.inplace ? input.dropout_(this.p, this.training) : dropout(input, this.p, this.training);
  }
}

/** Zeroes whole channels: [batch, channels, height, width]. */
export class Dropout2d extends DropoutNd {
  static override readonly keepsNoTensors = true;
  constructor(p = 0.5, options: DropoutOptions = {}) {
    super(p, options);
  }
  override forward(input: Tensor): Tensor {
    return this.inplace ? input.featureDropout_(this.p, this.training) : featureDropout(input, this.p, this.training);
  }
}
