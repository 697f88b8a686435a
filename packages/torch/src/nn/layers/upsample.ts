import * as torch from '../../functions.js';
import type { Tensor } from '../../tensor.js';
import { type InterpolateOptions, interpolate } from '../functional/interpolate.js';
import { channelShuffle } from '../functional/shuffle.js';
import { Module } from '../module.js';
import { floatText, sizeText } from '../pythonText.js';

export type UpsampleOptions = Omit<InterpolateOptions, 'antialias'>;

/** Makes an image (or line, or volume) larger: [batch, channels, …space] → [batch, channels, …size]; see `F.interpolate`. */
export class Upsample extends Module {
  static override readonly keepsNoTensors = true;
  readonly options: UpsampleOptions;
  constructor(options: UpsampleOptions) {
    super();
    this.options = { ...options };
  }
  override forward(input: Tensor): Tensor {
    return interpolate(input, this.options);
  }
  override extraRepr(): string {
    const { size = null, scaleFactor = null, mode = 'nearest' } = this.options;
    const amount = scaleFactor === null ? `size=${sizeText(size)}` : `scale_factor=${sizeText(scaleFactor, floatText)}`;
    return `${amount}, mode=${mode}`;
  }
}

/** `Upsample` to the nearest pixel: [batch, channels, height, width]. */
export class UpsamplingNearest2d extends Upsample {
  static override readonly keepsNoTensors = true;
  constructor(options: Pick<UpsampleOptions, 'size' | 'scaleFactor'>) {
    super({ ...options, mode: 'nearest' });
  }
}
/** `Upsample` linear in both directions with the corners kept: [batch, channels, height, width]. */
export class UpsamplingBilinear2d extends Upsample {
  static override readonly keepsNoTensors = true;
  constructor(options: Pick<UpsampleOptions, 'size' | 'scaleFactor'>) {
    super({ ...options, mode: 'bilinear', alignCorners: true });
  }
}

/** Channels become pixels (Shi et al. 2016): [..., channels · r², height, width] → [..., channels, height · r, width · r]. */
export class PixelShuffle extends Module {
  static override readonly keepsNoTensors = true;
  constructor(readonly upscaleFactor: number) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return torch.pixelShuffle(input, this.upscaleFactor);
  }
  override extraRepr(): string {
    return `upscale_factor=${this.upscaleFactor}`;
  }
}
/** Pixels become channels: [..., channels, height · r, width · r] → [..., channels · r², height, width]. */
export class PixelUnshuffle extends Module {
  static override readonly keepsNoTensors = true;
  constructor(readonly downscaleFactor: number) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return torch.pixelUnshuffle(input, this.downscaleFactor);
  }
  override extraRepr(): string {
    return `downscale_factor=${this.downscaleFactor}`;
  }
}
/** Interleaves groups of channels (Zhang et al. 2018): [batch, channels, …] keeps its shape. */
export class ChannelShuffle extends Module {
  static override readonly keepsNoTensors = true;
  constructor(readonly groups: number) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return channelShuffle(input, this.groups);
  }
  override extraRepr(): string {
    return `groups=${this.groups}`;
  }
}
