import * as torch from '../../functions.js';
import type { Tensor } from '../../tensor.js';
import { Module } from '../module.js';
import { boolText, sizeText } from '../pythonText.js';

export interface PoolOptions {
  /** Default: the kernel size. */
  stride?: number | number[];
  /** Default 0. */
  padding?: number | number[];
  /** Round the output size up instead of down; default false. */
  ceilMode?: boolean;
}
export interface MaxPoolOptions<Indices extends boolean = boolean> extends PoolOptions {
  /** Distance between the elements of a window; default 1. */
  dilation?: number | number[];
  /** Also return where the largest values were, for `MaxUnpool`; default false. */
  returnIndices?: Indices;
}
export interface AvgPoolOptions extends PoolOptions {
  /** Count the zeros of the padding into the mean; default true. */
  countIncludePad?: boolean;
}

/** What a max pooling returns: the values, or the values and their positions (int64). */
export type MaxPoolOutput<Indices extends boolean> = Indices extends true ? [Tensor, Tensor] : Tensor;

abstract class MaxPoolNd<Indices extends boolean> extends Module {
  readonly stride: number | number[];
  readonly padding: number | number[];
  readonly dilation: number | number[];
  readonly ceilMode: boolean;
  readonly returnIndices: boolean;
  constructor(
    readonly kernelSize: number | number[],
    options: MaxPoolOptions<Indices>,
  ) {
    super();
    this.stride = options.stride ?? kernelSize;
    this.padding = options.padding ?? 0;
    this.dilation = options.dilation ?? 1;
    this.ceilMode = options.ceilMode ?? false;
    this.returnIndices = options.returnIndices ?? false;
  }
  override extraRepr(): string {
    return `kernel_size=${sizeText(this.kernelSize)}, stride=${sizeText(this.stride)}, padding=${sizeText(this.padding)}, dilation=${sizeText(this.dilation)}, ceil_mode=${boolText(this.ceilMode)}`;
  }
}

/** The largest value of each window: [batch, channels, length] → [batch, channels, length′]. */
export class MaxPool1d<Indices extends boolean = false> extends MaxPoolNd<Indices> {
  static override readonly keepsNoTensors = true;
  constructor(kernelSize: number | number[], options: MaxPoolOptions<Indices> = {}) {
    super(kernelSize, options);
  }
  override forward(input: Tensor): MaxPoolOutput<Indices> {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    const pool = this.returnIndices ? torch.maxPool1dWithIndices : torch.maxPool1d;
    return pool(input, kernelSize, stride, padding, dilation, ceilMode) as MaxPoolOutput<Indices>;
  }
}

/** The largest value of each window: [batch, channels, height, width] → [batch, channels, height′, width′]. */
export class MaxPool2d<Indices extends boolean = false> extends MaxPoolNd<Indices> {
  static override readonly keepsNoTensors = true;
  constructor(kernelSize: number | number[], options: MaxPoolOptions<Indices> = {}) {
    super(kernelSize, options);
  }
  override forward(input: Tensor): MaxPoolOutput<Indices> {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    const pool = this.returnIndices ? torch.maxPool2dWithIndices : torch.maxPool2d;
    return pool(input, kernelSize, stride, padding, dilation, ceilMode) as MaxPoolOutput<Indices>;
  }
}

/** The largest value of each window: [batch, channels, depth, height, width] → [batch, channels, depth′, height′, width′]. */
export class MaxPool3d<Indices extends boolean = false> extends MaxPoolNd<Indices> {
  static override readonly keepsNoTensors = true;
  constructor(kernelSize: number | number[], options: MaxPoolOptions<Indices> = {}) {
    super(kernelSize, options);
  }
  override forward(input: Tensor): MaxPoolOutput<Indices> {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    const pool = this.returnIndices ? torch.maxPool3dWithIndices : torch.maxPool3d;
    return pool(input, kernelSize, stride, padding, dilation, ceilMode) as MaxPoolOutput<Indices>;
  }
}

abstract class AvgPoolNd extends Module {
  readonly stride: number | number[];
  readonly padding: number | number[];
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;
  constructor(
    readonly kernelSize: number | number[],
    options: AvgPoolOptions,
  ) {
    super();
    this.stride = options.stride ?? kernelSize;
    this.padding = options.padding ?? 0;
    this.ceilMode = options.ceilMode ?? false;
    this.countIncludePad = options.countIncludePad ?? true;
  }
  override extraRepr(): string {
    return `kernel_size=${sizeText(this.kernelSize)}, stride=${sizeText(this.stride)}, padding=${sizeText(this.padding)}`;
  }
}

/** The mean of each window: [batch, channels, length] → [batch, channels, length′]. */
export class AvgPool1d extends AvgPoolNd {
  static override readonly keepsNoTensors = true;
  constructor(kernelSize: number | number[], options: AvgPoolOptions = {}) {
    super(kernelSize, options);
  }
  override forward(input: Tensor): Tensor {
    return torch.avgPool1d(input, this.kernelSize, this.stride, this.padding, this.ceilMode, this.countIncludePad);
  }
  /** Python's layer keeps one-element tuples here. */
  override extraRepr(): string {
    const tuple = (value: number | number[]) => sizeText(typeof value === 'number' ? [value] : value);
    return `kernel_size=${tuple(this.kernelSize)}, stride=${tuple(this.stride)}, padding=${tuple(this.padding)}`;
  }
}

/** The mean of each window: [batch, channels, height, width] → [batch, channels, height′, width′]. */
export class AvgPool2d extends AvgPoolNd {
  static override readonly keepsNoTensors = true;
  /** Divides the sums by this instead of the window's size. */
  readonly divisorOverride: number | null;
  constructor(kernelSize: number | number[], options: AvgPoolOptions & { divisorOverride?: number | null } = {}) {
    super(kernelSize, options);
    this.divisorOverride = options.divisorOverride ?? null;
  }
  override forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride } = this;
    return torch.avgPool2d(input, kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride);
  }
}

/** The mean of each window: [batch, channels, depth, height, width] → [batch, channels, depth′, height′, width′]. */
export class AvgPool3d extends AvgPoolNd {
  static override readonly keepsNoTensors = true;
  /** Divides the sums by this instead of the window's size. */
  readonly divisorOverride: number | null;
  constructor(kernelSize: number | number[], options: AvgPoolOptions & { divisorOverride?: number | null } = {}) {
    super(kernelSize, options);
    this.divisorOverride = options.divisorOverride ?? null;
  }
  override forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride } = this;
    return torch.avgPool3d(input, kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride);
  }
}
