import type { Tensor } from '../../tensor.js';
import { Module } from '../module.js';

/** Joins the dimensions from startDim (default 1) to endDim (default the last): [batch, …] → [batch, features]. */
export class Flatten extends Module {
  static override readonly keepsNoTensors = true;
  constructor(
    readonly startDim = 1,
    readonly endDim = -1,
  ) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return input.flatten(this.startDim, this.endDim);
  }
  override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`;
  }
}

/** Splits one dimension into several: `new Unflatten(1, [8, 4])` gives [batch, 32] → [batch, 8, 4]. */
export class Unflatten extends Module {
  static override readonly keepsNoTensors = true;
  constructor(
    readonly dimension: number,
    readonly unflattenedSize: number[],
  ) {
    super();
  }
  override forward(input: Tensor): Tensor {
    const { shape } = input;
    shape.splice(this.dimension < 0 ? this.dimension + shape.length : this.dimension, 1, ...this.unflattenedSize);
    return input.reshape(shape);
  }
  override extraRepr(): string {
    return `dim=${this.dimension}, unflattened_size=(${this.unflattenedSize.join(', ')})`;
  }
}
