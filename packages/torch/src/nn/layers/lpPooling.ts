import type { Tensor } from '../../tensor.js';
import { type LpPoolOptions, lpPool1d, lpPool2d } from '../functional/pooling.js';
import { Module } from '../module.js';
import { boolText, numberText, sizeText } from '../pythonText.js';

abstract class LpPoolNd<K extends number | number[]> extends Module {
  readonly stride: number | number[] | null;
  readonly ceilMode: boolean;
  constructor(
    readonly normType: number,
    readonly kernelSize: K,
    options: LpPoolOptions,
  ) {
    super();
    this.stride = options.stride ?? null;
    this.ceilMode = options.ceilMode ?? false;
  }
  protected get options(): LpPoolOptions {
    return { stride: this.stride ?? this.kernelSize, ceilMode: this.ceilMode };
  }
  override extraRepr(): string {
    return `norm_type=${numberText(this.normType)}, kernel_size=${sizeText(this.kernelSize)}, stride=${sizeText(this.stride)}, ceil_mode=${boolText(this.ceilMode)}`;
  }
}

/** The p-norm of each window, p = normType: [batch, channels, length] → [batch, channels, length′]. */
export class LPPool1d extends LpPoolNd<number> {
  static override readonly keepsNoTensors = true;
  constructor(normType: number, kernelSize: number, options: LpPoolOptions = {}) {
    super(normType, kernelSize, options);
  }
  override forward(input: Tensor): Tensor {
    return lpPool1d(input, this.normType, this.kernelSize, this.options);
  }
}
/** The p-norm of each window, p = normType: [batch, channels, height, width] → [batch, channels, height′, width′]. */
export class LPPool2d extends LpPoolNd<number | number[]> {
  static override readonly keepsNoTensors = true;
  constructor(normType: number, kernelSize: number | number[], options: LpPoolOptions = {}) {
    super(normType, kernelSize, options);
  }
  override forward(input: Tensor): Tensor {
    return lpPool2d(input, this.normType, this.kernelSize, this.options);
  }
}
