import { empty } from '../../creation.js';
import { TorchError } from '../../errors.js';
import { conv1d, conv2d, conv3d, pad } from '../../functions.js';
import { Parameter } from '../../parameter.js';
import type { Tensor } from '../../tensor.js';
import { calculateFans, kaimingUniform_, uniform_ } from '../init.js';
import { Module } from '../module.js';

export type PaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular';

export interface ConvOptions {
  /** Default 1. */
  stride?: number | number[];
  /** Zeros added at both ends (default 0), `'valid'` for none, `'same'` to keep the size (stride 1 only). */
  padding?: number | number[] | 'same' | 'valid';
  /** Distance between kernel elements; default 1. */
  dilation?: number | number[];
  /** Blocked connections from input to output channels; default 1. */
  groups?: number;
  /** Default true. */
  bias?: boolean;
  /** What padding is made of; default `zeros`. */
  paddingMode?: PaddingMode;
}

const spread = (value: number | number[], dimensions: number): number[] =>
  Array.isArray(value) ? value : new Array<number>(dimensions).fill(value);

/** What Conv1d, Conv2d and Conv3d share. Weights U(±1/√fanIn), as PyTorch's. */
abstract class ConvNd extends Module {
  readonly weight: Parameter; // [outChannels, inChannels / groups, ...kernelSize]
  readonly bias: Parameter | null; // [outChannels]
  readonly kernelSize: number[];
  readonly stride: number[];
  readonly padding: number[] | 'same' | 'valid';
  readonly dilation: number[];
  readonly groups: number;
  readonly paddingMode: PaddingMode;

  constructor(
    dimensions: number,
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: number | number[],
    options: ConvOptions,
  ) {
    super();
    const { stride = 1, padding = 0, dilation = 1, groups = 1, bias = true, paddingMode = 'zeros' } = options;
    if (inChannels % groups !== 0 || outChannels % groups !== 0)
      throw new TorchError(
        'ARGUMENT_RANGE',
        `inChannels (${inChannels}) and outChannels (${outChannels}) must be divisible by groups (${groups})`,
      );
    if (!['zeros', 'reflect', 'replicate', 'circular'].includes(paddingMode))
      throw new TorchError(
        'ARGUMENT_TYPE',
        `paddingMode must be 'zeros', 'reflect', 'replicate' or 'circular', got '${paddingMode}'`,
      );
    this.kernelSize = spread(kernelSize, dimensions);
    this.stride = spread(stride, dimensions);
    if (typeof padding === 'string') {
      if (padding !== 'same' && padding !== 'valid')
        throw new TorchError(
          'ARGUMENT_TYPE',
          `padding must be a number, an array, 'same' or 'valid', got '${padding as string}'`,
        );
      if (padding === 'same' && this.stride.some((step) => step !== 1))
        throw new TorchError('ARGUMENT_RANGE', "padding 'same' needs stride 1");
      this.padding = padding;
    } else this.padding = spread(padding, dimensions);
    this.dilation = spread(dilation, dimensions);
    this.groups = groups;
    this.paddingMode = paddingMode;
    this.weight = new Parameter(empty([outChannels, inChannels / groups, ...this.kernelSize]));
    this.bias = bias ? new Parameter(empty([outChannels])) : null;
    this.resetParameters();
  }

  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias !== null) {
      const { fanIn } = calculateFans(this.weight);
      if (fanIn !== 0) uniform_(this.bias, -1 / Math.sqrt(fanIn), 1 / Math.sqrt(fanIn));
    }
  }

  /** The input with its borders made by `paddingMode`, for modes the kernels do not know. */
  protected padded(input: Tensor): Tensor {
    const amounts: number[] = [];
    this.kernelSize.forEach((size, i) => {
      const total =
        this.padding === 'same' ? this.dilation[i]! * (size - 1) : this.padding === 'valid' ? 0 : 2 * this.padding[i]!;
      const before = Math.floor(total / 2);
      amounts.unshift(before, total - before);
    });
    return pad(input, amounts, this.paddingMode === 'zeros' ? 'constant' : this.paddingMode);
  }

  override extraRepr(): string {
    const tuple = (values: number[]) => `(${values.join(', ')}${values.length === 1 ? ',' : ''})`;
    const parts = [
      `${this.inChannels}, ${this.outChannels}, kernel_size=${tuple(this.kernelSize)}, stride=${tuple(this.stride)}`,
    ];
    if (typeof this.padding === 'string') parts.push(`padding=${this.padding}`);
    else if (this.padding.some((value) => value !== 0)) parts.push(`padding=${tuple(this.padding)}`);
    if (this.dilation.some((value) => value !== 1)) parts.push(`dilation=${tuple(this.dilation)}`);
    if (this.groups !== 1) parts.push(`groups=${this.groups}`);
    if (this.bias === null) parts.push('bias=False');
    if (this.paddingMode !== 'zeros') parts.push(`padding_mode=${this.paddingMode}`);
    return parts.join(', ');
  }
}

/** Convolution over [batch, inChannels, length] → [batch, outChannels, length′]. */
export class Conv1d extends ConvNd {
  static override readonly keepsNoTensors = true;
  constructor(inChannels: number, outChannels: number, kernelSize: number | number[], options: ConvOptions = {}) {
    super(1, inChannels, outChannels, kernelSize, options);
  }
  override forward(input: Tensor): Tensor {
    const { weight, bias, stride, dilation, groups } = this;
    if (this.paddingMode !== 'zeros') return conv1d(this.padded(input), weight, bias, stride, [0], dilation, groups);
    return conv1d(input, weight, bias, stride, this.padding as number[], dilation, groups);
  }
}

/** Convolution over [batch, inChannels, height, width] → [batch, outChannels, height′, width′]. */
export class Conv2d extends ConvNd {
  static override readonly keepsNoTensors = true;
  constructor(inChannels: number, outChannels: number, kernelSize: number | number[], options: ConvOptions = {}) {
    super(2, inChannels, outChannels, kernelSize, options);
  }
  override forward(input: Tensor): Tensor {
    const { weight, bias, stride, dilation, groups } = this;
    if (this.paddingMode !== 'zeros') return conv2d(this.padded(input), weight, bias, stride, [0, 0], dilation, groups);
    return conv2d(input, weight, bias, stride, this.padding as number[], dilation, groups);
  }
}

/** Convolution over [batch, inChannels, depth, height, width] → [batch, outChannels, depth′, height′, width′]. */
export class Conv3d extends ConvNd {
  static override readonly keepsNoTensors = true;
  constructor(inChannels: number, outChannels: number, kernelSize: number | number[], options: ConvOptions = {}) {
    super(3, inChannels, outChannels, kernelSize, options);
  }
  override forward(input: Tensor): Tensor {
    const { weight, bias, stride, dilation, groups } = this;
    if (this.paddingMode !== 'zeros')
      return conv3d(this.padded(input), weight, bias, stride, [0, 0, 0], dilation, groups);
    return conv3d(input, weight, bias, stride, this.padding as number[], dilation, groups);
  }
}
