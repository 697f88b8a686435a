import type { Tensor } from '../../tensor.js';
import { type MaxUnpoolOptions, maxUnpool1d, maxUnpool2d, maxUnpool3d } from '../functional/pooling.js';
import { Module } from '../module.js';
import { sizeText, spread } from '../pythonText.js';

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
