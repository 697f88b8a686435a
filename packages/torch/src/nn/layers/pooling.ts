import { adaptiveAvgPool2d, avgPool2d, maxPool2d } from '../../functions.js';
import type { Tensor } from '../../tensor.js';
import { Module } from '../module.js';

export interface PoolOptions {
  /** Default: the kernel size. */
  stride?: number | number[];
  /** Default 0. */
  padding?: number | number[];
  /** Round the output size up instead of down; default false. */
  ceilMode?: boolean;
}

/** As Python writes a number or a tuple. */
const shown = (value: number | (number | null)[]): string =>
  Array.isArray(value) ? `(${value.map((part) => part ?? 'None').join(', ')})` : String(value);

/** The largest value of each window: [batch, channels, height, width] → [batch, channels, height′, width′]. */
export class MaxPool2d extends Module {
  static override readonly keepsNoTensors = true;
  readonly stride: number | number[];
  readonly padding: number | number[];
  readonly dilation: number | number[];
  readonly ceilMode: boolean;
  constructor(
    readonly kernelSize: number | number[],
    options: PoolOptions & { dilation?: number | number[] } = {},
  ) {
    super();
    this.stride = options.stride ?? kernelSize;
    this.padding = options.padding ?? 0;
    this.dilation = options.dilation ?? 1;
    this.ceilMode = options.ceilMode ?? false;
  }
  override forward(input: Tensor): Tensor {
    return maxPool2d(input, this.kernelSize, this.stride, this.padding, this.dilation, this.ceilMode);
  }
  override extraRepr(): string {
    return `kernel_size=${shown(this.kernelSize)}, stride=${shown(this.stride)}, padding=${shown(this.padding)}, dilation=${shown(this.dilation)}, ceil_mode=${this.ceilMode ? 'True' : 'False'}`;
  }
}

/** The mean of each window: [batch, channels, height, width] → [batch, channels, height′, width′]. */
export class AvgPool2d extends Module {
  static override readonly keepsNoTensors = true;
  readonly stride: number | number[];
  readonly padding: number | number[];
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;
  constructor(
    readonly kernelSize: number | number[],
    options: PoolOptions & { countIncludePad?: boolean } = {},
  ) {
    super();
    this.stride = options.stride ?? kernelSize;
    this.padding = options.padding ?? 0;
    this.ceilMode = options.ceilMode ?? false;
    this.countIncludePad = options.countIncludePad ?? true;
  }
  override forward(input: Tensor): Tensor {
    return avgPool2d(input, this.kernelSize, this.stride, this.padding, this.ceilMode, this.countIncludePad);
  }
  override extraRepr(): string {
    return `kernel_size=${shown(this.kernelSize)}, stride=${shown(this.stride)}, padding=${shown(this.padding)}`;
  }
}

/** Means over as many windows as `outputSize` asks for; null keeps that dimension: [batch, channels, height, width]. */
export class AdaptiveAvgPool2d extends Module {
  static override readonly keepsNoTensors = true;
  constructor(readonly outputSize: number | (number | null)[]) {
    super();
  }
  override forward(input: Tensor): Tensor {
    const wanted = Array.isArray(this.outputSize) ? this.outputSize : [this.outputSize, this.outputSize];
    return adaptiveAvgPool2d(
      input,
      wanted.map((size, i) => size ?? input.size(i - 2)),
    );
  }
  override extraRepr(): string {
    return `output_size=${shown(this.outputSize)}`;
  }
}
