import type { Tensor } from '../../tensor.js';
import { type FoldOptions, fold, unfold } from '../functional/fold.js';
import { Module } from '../module.js';
import { sizeText } from '../pythonText.js';

/** The sliding blocks as columns: [batch, channels, height, width] → [batch, channels · kernel, blocks]. */
export class Unfold extends Module {
  static override readonly keepsNoTensors = true;
  readonly options: Required<FoldOptions>;
  constructor(
    readonly kernelSize: number | number[],
    { dilation = 1, padding = 0, stride = 1 }: FoldOptions = {},
  ) {
    super();
    this.options = { dilation, padding, stride };
  }
  override forward(input: Tensor): Tensor {
    return unfold(input, this.kernelSize, this.options);
  }
  override extraRepr(): string {
    const { dilation, padding, stride } = this.options;
    return `kernel_size=${sizeText(this.kernelSize)}, dilation=${sizeText(dilation)}, padding=${sizeText(padding)}, stride=${sizeText(stride)}`;
  }
}

/** Adds columns of sliding blocks up to an image: [batch, channels · kernel, blocks] → [batch, channels, …outputSize]. */
export class Fold extends Module {
  static override readonly keepsNoTensors = true;
  readonly options: Required<FoldOptions>;
  constructor(
    readonly outputSize: number | number[],
    readonly kernelSize: number | number[],
    { dilation = 1, padding = 0, stride = 1 }: FoldOptions = {},
  ) {
    super();
    this.options = { dilation, padding, stride };
  }
  override forward(input: Tensor): Tensor {
    return fold(input, this.outputSize, this.kernelSize, this.options);
  }
  override extraRepr(): string {
    const { dilation, padding, stride } = this.options;
    return `output_size=${sizeText(this.outputSize)}, kernel_size=${sizeText(this.kernelSize)}, dilation=${sizeText(dilation)}, padding=${sizeText(padding)}, stride=${sizeText(stride)}`;
  }
}
