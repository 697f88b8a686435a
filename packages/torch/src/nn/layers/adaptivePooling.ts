import * as torch from '../../functions.js';
import type { Tensor } from '../../tensor.js';
import { Module } from '../module.js';
import { sizeText } from '../pythonText.js';
import type { MaxPoolOutput } from './pooling.js';

/** One size for all dimensions, or one for each; null keeps that dimension as it is. */
export type AdaptiveSize = number | (number | null)[];

function sizesFor(input: Tensor, outputSize: AdaptiveSize, dimensions: number): number[] {
  const wanted = typeof outputSize === 'number' ? new Array<number>(dimensions).fill(outputSize) : outputSize;
  return wanted.map((size, i) => size ?? input.size(i - wanted.length));
}

abstract class AdaptivePool extends Module {
  constructor(readonly outputSize: AdaptiveSize) {
    super();
  }
  override extraRepr(): string {
    return `output_size=${sizeText(this.outputSize)}`;
  }
}

/** Means over as many windows as `outputSize` asks for: [batch, channels, length] → [batch, channels, outputSize]. */
export class AdaptiveAvgPool1d extends AdaptivePool {
  static override readonly keepsNoTensors = true;
  override forward(input: Tensor): Tensor {
    return torch.adaptiveAvgPool1d(input, sizesFor(input, this.outputSize, 1));
  }
}
/** Means over as many windows as `outputSize` asks for; null keeps that dimension: [batch, channels, height, width]. */
export class AdaptiveAvgPool2d extends AdaptivePool {
  static override readonly keepsNoTensors = true;
  override forward(input: Tensor): Tensor {
    return torch.adaptiveAvgPool2d(input, sizesFor(input, this.outputSize, 2));
  }
}
/** Means over as many windows as `outputSize` asks for; null keeps that dimension: [batch, channels, depth, height, width]. */
export class AdaptiveAvgPool3d extends AdaptivePool {
  static override readonly keepsNoTensors = true;
  override forward(input: Tensor): Tensor {
    return torch.adaptiveAvgPool3d(input, sizesFor(input, this.outputSize, 3));
  }
}

export interface AdaptiveMaxPoolOptions<Indices extends boolean = boolean> {
  /** Also return where the largest values were; default false. */
  returnIndices?: Indices;
}

abstract class AdaptiveMaxPool<Indices extends boolean> extends AdaptivePool {
  readonly returnIndices: boolean;
  constructor(outputSize: AdaptiveSize, options: AdaptiveMaxPoolOptions<Indices>) {
    super(outputSize);
    this.returnIndices = options.returnIndices ?? false;
  }
  protected chosen(both: [Tensor, Tensor]): MaxPoolOutput<Indices> {
    return (this.returnIndices ? both : both[0]) as MaxPoolOutput<Indices>;
  }
}

/** Largest values of as many windows as `outputSize` asks for: [batch, channels, length] → [batch, channels, outputSize]. */
export class AdaptiveMaxPool1d<Indices extends boolean = false> extends AdaptiveMaxPool<Indices> {
  static override readonly keepsNoTensors = true;
  constructor(outputSize: AdaptiveSize, options: AdaptiveMaxPoolOptions<Indices> = {}) {
    super(outputSize, options);
  }
  override forward(input: Tensor): MaxPoolOutput<Indices> {
    return this.chosen(torch.adaptiveMaxPool1d(input, sizesFor(input, this.outputSize, 1)));
  }
}
/** Largest values of as many windows as `outputSize` asks for; null keeps that dimension: [batch, channels, height, width]. */
export class AdaptiveMaxPool2d<Indices extends boolean = false> extends AdaptiveMaxPool<Indices> {
  static override readonly keepsNoTensors = true;
  constructor(outputSize: AdaptiveSize, options: AdaptiveMaxPoolOptions<Indices> = {}) {
    super(outputSize, options);
  }
  override forward(input: Tensor): MaxPoolOutput<Indices> {
    return this.chosen(torch.adaptiveMaxPool2d(input, sizesFor(input, this.outputSize, 2)));
  }
}
/** Largest values of as many windows as `outputSize` asks for; null keeps that dimension: [batch, channels, depth, height, width]. */
export class AdaptiveMaxPool3d<Indices extends boolean = false> extends AdaptiveMaxPool<Indices> {
  static override readonly keepsNoTensors = true;
  constructor(outputSize: AdaptiveSize, options: AdaptiveMaxPoolOptions<Indices> = {}) {
    super(outputSize, options);
  }
  override forward(input: Tensor): MaxPoolOutput<Indices> {
    return this.chosen(torch.adaptiveMaxPool3d(input, sizesFor(input, this.outputSize, 3)));
  }
}
