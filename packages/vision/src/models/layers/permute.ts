import type { Tensor } from '@lightning-ts/torch';
import { Module } from '@lightning-ts/torch/nn';

/** Puts the dimensions into another order. */
export class Permute extends Module {
  constructor(readonly dims: readonly number[]) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return input.permute([...this.dims]);
  }
}
