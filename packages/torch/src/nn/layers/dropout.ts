import { TorchError } from '../../errors.js';
import { alphaDropout, dropout, featureAlphaDropout, featureDropout } from '../../functions.js';
import type { Tensor } from '../../tensor.js';
import { Module } from '../module.js';
import { boolText, floatText } from '../pythonText.js';

export interface DropoutOptions {
  /** Write the result over the input; default false. */
  inplace?: boolean;
}

abstract class DropoutNd extends Module {
  readonly inplace: boolean;
  constructor(
    readonly p: number,
    options: DropoutOptions,
  ) {
    super();
    if (!(p >= 0 && p <= 1))
      throw new TorchError('ARGUMENT_RANGE', `a dropout probability must be from 0 to 1, got ${p}`);
    this.inplace = options.inplace ?? false;
  }
  override extraRepr(): string {
    return `p=${floatText(this.p)}, inplace=${boolText(this.inplace)}`;
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

/** Drops whole channels of inputs with `batched` dimensions; one dimension less is an input without a batch. */
function dropChannels(input: Tensor, batched: number, layer: DropoutNd): Tensor {
  if (input.dim() === batched - 1) {
    const batch = input.unsqueeze(0);
    return (
      layer.inplace ? batch.featureDropout_(layer.p, layer.training) : featureDropout(batch, layer.p, layer.training)
    ).squeeze(0);
  }
  return layer.inplace
    ? input.featureDropout_(layer.p, layer.training)
    : featureDropout(input, layer.p, layer.training);
}

/** Zeroes whole channels: [batch, channels, length] or [channels, length]. */
export class Dropout1d extends DropoutNd {
  static override readonly keepsNoTensors = true;
  constructor(p = 0.5, options: DropoutOptions = {}) {
    super(p, options);
  }
  override forward(input: Tensor): Tensor {
    if (input.dim() !== 2 && input.dim() !== 3)
      throw new TorchError('SHAPE_MISMATCH', `Dropout1d expects 2 or 3 dimensions, got [${input.shape.join(', ')}]`);
    return dropChannels(input, 3, this);
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

/** Zeroes whole channels: [batch, channels, depth, height, width] or without the batch. */
export class Dropout3d extends DropoutNd {
  static override readonly keepsNoTensors = true;
  constructor(p = 0.5, options: DropoutOptions = {}) {
    super(p, options);
  }
  override forward(input: Tensor): Tensor {
    return dropChannels(input, 5, this);
  }
}

/** Dropout that keeps mean and variance after SELU (Klambauer et al. 2017). */
export class AlphaDropout extends DropoutNd {
  static override readonly keepsNoTensors = true;
  constructor(p = 0.5, options: DropoutOptions = {}) {
    super(p, options);
  }
  override forward(input: Tensor): Tensor {
    return this.inplace ? input.alphaDropout_(this.p, this.training) : alphaDropout(input, this.p, this.training);
  }
}

/** Alpha dropout of whole channels: [batch, channels, …]. */
export class FeatureAlphaDropout extends DropoutNd {
  static override readonly keepsNoTensors = true;
  constructor(p = 0.5, options: DropoutOptions = {}) {
    super(p, options);
  }
  override forward(input: Tensor): Tensor {
    return this.inplace
      ? input.featureAlphaDropout_(this.p, this.training)
      : featureAlphaDropout(input, this.p, this.training);
  }
}
