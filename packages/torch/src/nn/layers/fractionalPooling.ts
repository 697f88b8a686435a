import type { Tensor } from '../../tensor.js';
import {
  type FractionalMaxPoolOptions,
  fractionalMaxPool2dWithIndices,
  fractionalMaxPool3dWithIndices,
} from '../functional/pooling.js';
import { Module } from '../module.js';
import type { MaxPoolOutput } from './pooling.js';

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
