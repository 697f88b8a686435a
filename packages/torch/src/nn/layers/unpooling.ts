import type { Tensor } from '../../tensor.js';
import {
  type FractionalMaxPoolOptions,
  fractionalMaxPool2dWithIndices,
  fractionalMaxPool3dWithIndices,
  type LpPoolOptions,
  lpPool1d,
  lpPool2d,
  type MaxUnpoolOptions,
  maxUnpool1d,
  maxUnpool2d,
  maxUnpool3d,
} from '../functional/pooling.js';
import { Module } from '../module.js';
import { boolText, numberText, sizeText, spread } from '../pythonText.js';
import type { MaxPoolOutput } from './pooling.js';

abstract class MaxUnpoolNd extends Module {
  readonly kernelSize: number[];
  readonly stride: number[];
  readonly padding: number[];
  constructor(dimensions: number, kernelSize: number | number[], options: Omit<MaxUnpoolOptions, 'outputSize'>) {
    super();
    this.kernelSize = spread(kernelSize, dimensions);
    this.stride = spread(options.stride ?? kernelSize, dimensions);
    this.padding = spread(options.padding ?? 0, dimensions);
  }
  protected optionsFor(outputSize: number[] | null | undefined): MaxUnpoolOptions {
    return { stride: this.stride, padding: this.padding, outputSize: outputSize ?? null };
  }
  override extraRepr(): string {
    return `kernel_size=${sizeText(this.kernelSize)}, stride=${sizeText(this.stride)}, padding=${sizeText(this.padding)}`;
  }
}

/** The partial inverse of `MaxPool1d`: values go back to where `indices` say, the rest is 0: [batch, channels, length]. */
export class MaxUnpool1d extends MaxUnpoolNd {
  static override readonly keepsNoTensors = true;
  constructor(kernelSize: number | number[], options: Omit<MaxUnpoolOptions, 'outputSize'> = {}) {
    super(1, kernelSize, options);
  }
  override forward(input: Tensor, indices: Tensor, options: Pick<MaxUnpoolOptions, 'outputSize'> = {}): Tensor {
    return maxUnpool1d(input, indices, this.kernelSize, this.optionsFor(options.outputSize));
  }
}
/** The partial inverse of `MaxPool2d`: values go back to where `indices` say, the rest is 0: [batch, channels, height, width]. */
export class MaxUnpool2d extends MaxUnpoolNd {
  static override readonly keepsNoTensors = true;
  constructor(kernelSize: number | number[], options: Omit<MaxUnpoolOptions, 'outputSize'> = {}) {
    super(2, kernelSize, options);
  }
  override forward(input: Tensor, indices: Tensor, options: Pick<MaxUnpoolOptions, 'outputSize'> = {}): Tensor {
    return maxUnpool2d(input, indices, this.kernelSize, this.optionsFor(options.outputSize));
  }
}
/** The partial inverse of `MaxPool3d`: values go back to where `indices` say, the rest is 0: [batch, channels, depth, height, width]. */
export class MaxUnpool3d extends MaxUnpoolNd {
  static override readonly keepsNoTensors = true;
  constructor(kernelSize: number | number[], options: Omit<MaxUnpoolOptions, 'outputSize'> = {}) {
    super(3, kernelSize, options);
  }
  override forward(input: Tensor, indices: Tensor, options: Pick<MaxUnpoolOptions, 'outputSize'> = {}): Tensor {
    return maxUnpool3d(input, indices, this.kernelSize, this.optionsFor(options.outputSize));
  }
}

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

export interface FractionalMaxPoolLayerOptions<Indices extends boolean = boolean> extends FractionalMaxPoolOptions {
  /** Also return where the largest values were; default false. */
  returnIndices?: Indices;
}

abstract class FractionalMaxPoolNd<Indices extends boolean> extends Module {
  protected readonly options: FractionalMaxPoolOptions;
  readonly returnIndices: boolean;
  constructor(
    readonly kernelSize: number | number[],
    { returnIndices, ...options }: FractionalMaxPoolLayerOptions<Indices>,
  ) {
    super();
    this.options = options;
    this.returnIndices = returnIndices ?? false;
  }
  protected chosen(both: [Tensor, Tensor]): MaxPoolOutput<Indices> {
    return (this.returnIndices ? both : both[0]) as MaxPoolOutput<Indices>;
  }
}

/** Max pooling with windows at random steps (Graham 2014): [batch, channels, height, width] → outputSize. */
export class FractionalMaxPool2d<Indices extends boolean = false> extends FractionalMaxPoolNd<Indices> {
  static override readonly keepsNoTensors = true;
  override forward(input: Tensor): MaxPoolOutput<Indices> {
    return this.chosen(fractionalMaxPool2dWithIndices(input, this.kernelSize, this.options));
  }
}
/** Max pooling with windows at random steps (Graham 2014): [batch, channels, depth, height, width] → outputSize. */
export class FractionalMaxPool3d<Indices extends boolean = false> extends FractionalMaxPoolNd<Indices> {
  static override readonly keepsNoTensors = true;
  override forward(input: Tensor): MaxPoolOutput<Indices> {
    return this.chosen(fractionalMaxPool3dWithIndices(input, this.kernelSize, this.options));
  }
}
