import { empty } from '../../creation.js';
import { TorchError } from '../../errors.js';
import { convTranspose1d, convTranspose2d, convTranspose3d } from '../../functions.js';
import { Parameter } from '../../parameter.js';
import type { Tensor } from '../../tensor.js';
import { calculateFans, kaimingUniform_, uniform_ } from '../init.js';
import { Module } from '../module.js';
import { sizeText, spread } from '../pythonText.js';

export interface ConvTransposeOptions {
  /** Default 1. */
  stride?: number | number[];
  /** Cut from both ends of the output; default 0. */
  padding?: number | number[];
  /** Added to one end of the output; default 0. */
  outputPadding?: number | number[];
  /** Blocked connections from input to output channels; default 1. */
  groups?: number;
  /** Default true. */
  bias?: boolean;
  /** Distance between kernel elements; default 1. */
  dilation?: number | number[];
  /** Only `zeros`. */
  paddingMode?: 'zeros';
}

/** What the transposed convolutions share. Weights U(±1/√fanIn) with the fan of the stored layout, as PyTorch's. */
abstract class ConvTransposeNd extends Module {
  readonly weight: Parameter; // [inChannels, outChannels / groups, ...kernelSize]
  readonly bias: Parameter | null; // [outChannels]
  readonly kernelSize: number[];
  readonly stride: number[];
  readonly padding: number[];
  readonly outputPadding: number[];
  readonly dilation: number[];
  readonly groups: number;

  constructor(
    private readonly dimensions: number,
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: number | number[],
    options: ConvTransposeOptions,
  ) {
    super();
    const {
      stride = 1,
      padding = 0,
      outputPadding = 0,
      groups = 1,
      bias = true,
      dilation = 1,
      paddingMode = 'zeros',
    } = options;
    if (inChannels % groups !== 0 || outChannels % groups !== 0)
      throw new TorchError(
        'ARGUMENT_RANGE',
        `inChannels (${inChannels}) and outChannels (${outChannels}) must be divisible by groups (${groups})`,
      );
    if (paddingMode !== 'zeros')
      throw new TorchError(
        'ARGUMENT_TYPE',
        `a transposed convolution pads with 'zeros' only, got '${paddingMode as string}'`,
      );
    this.kernelSize = spread(kernelSize, dimensions);
    this.stride = spread(stride, dimensions);
    this.padding = spread(padding, dimensions);
    this.outputPadding = spread(outputPadding, dimensions);
    this.dilation = spread(dilation, dimensions);
    this.groups = groups;
    this.weight = new Parameter(empty([inChannels, outChannels / groups, ...this.kernelSize]));
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

  /** The output padding that gives `outputSize` (all sizes, or those of space). */
  protected outputPaddingFor(input: Tensor, outputSize: number[] | undefined): number[] {
    if (outputSize === undefined) return this.outputPadding;
    const { dimensions } = this;
    const sizes = outputSize.slice(-dimensions);
    if (sizes.length !== dimensions || ![dimensions, input.dim()].includes(outputSize.length))
      throw new TorchError(
        'SHAPE_MISMATCH',
        `outputSize must have ${dimensions} or ${input.dim()} entries, got [${outputSize.join(', ')}]`,
      );
    return sizes.map((size, i) => {
      const smallest =
        (input.size(i - dimensions) - 1) * this.stride[i]! -
        2 * this.padding[i]! +
        this.dilation[i]! * (this.kernelSize[i]! - 1) +
        1;
      const extra = size - smallest;
      if (extra < 0 || extra >= this.stride[i]!)
        throw new TorchError(
          'ARGUMENT_RANGE',
          `outputSize [${outputSize.join(', ')}] is out of reach: dimension ${i} can be ${smallest} to ${smallest + this.stride[i]! - 1}`,
        );
      return extra;
    });
  }

  override extraRepr(): string {
    const parts = [
      `${this.inChannels}, ${this.outChannels}, kernel_size=${sizeText(this.kernelSize)}, stride=${sizeText(this.stride)}`,
    ];
    if (this.padding.some((value) => value !== 0)) parts.push(`padding=${sizeText(this.padding)}`);
    if (this.dilation.some((value) => value !== 1)) parts.push(`dilation=${sizeText(this.dilation)}`);
    if (this.outputPadding.some((value) => value !== 0)) parts.push(`output_padding=${sizeText(this.outputPadding)}`);
    if (this.groups !== 1) parts.push(`groups=${this.groups}`);
    if (this.bias === null) parts.push('bias=False');
    return parts.join(', ');
  }
}

/** The gradient of `Conv1d` as a layer: [batch, inChannels, length] → [batch, outChannels, length′]. */
export class ConvTranspose1d extends ConvTransposeNd {
  static override readonly keepsNoTensors = true;
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number | number[],
    options: ConvTransposeOptions = {},
  ) {
    super(1, inChannels, outChannels, kernelSize, options);
  }
  override forward(input: Tensor, options: { outputSize?: number[] } = {}): Tensor {
    const extra = this.outputPaddingFor(input, options.outputSize);
    return convTranspose1d(input, this.weight, this.bias, this.stride, this.padding, extra, this.groups, this.dilation);
  }
}

/** The gradient of `Conv2d` as a layer: [batch, inChannels, height, width] → [batch, outChannels, height′, width′]. */
export class ConvTranspose2d extends ConvTransposeNd {
  static override readonly keepsNoTensors = true;
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number | number[],
    options: ConvTransposeOptions = {},
  ) {
    super(2, inChannels, outChannels, kernelSize, options);
  }
  override forward(input: Tensor, options: { outputSize?: number[] } = {}): Tensor {
    const extra = this.outputPaddingFor(input, options.outputSize);
    return convTranspose2d(input, this.weight, this.bias, this.stride, this.padding, extra, this.groups, this.dilation);
  }
}

/** The gradient of `Conv3d` as a layer: [batch, inChannels, depth, height, width] → [batch, outChannels, depth′, height′, width′]. */
export class ConvTranspose3d extends ConvTransposeNd {
  static override readonly keepsNoTensors = true;
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number | number[],
    options: ConvTransposeOptions = {},
  ) {
    super(3, inChannels, outChannels, kernelSize, options);
  }
  override forward(input: Tensor, options: { outputSize?: number[] } = {}): Tensor {
    const extra = this.outputPaddingFor(input, options.outputSize);
    return convTranspose3d(input, this.weight, this.bias, this.stride, this.padding, extra, this.groups, this.dilation);
  }
}
