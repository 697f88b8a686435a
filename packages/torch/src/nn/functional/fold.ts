import * as torch from '../../functions.js';
import type { Tensor } from '../../tensor.js';
import { spread } from '../pythonText.js';

export interface FoldOptions {
  /** Distance between the elements of a block; default 1. */
  dilation?: number | number[];
  /** Zeros around the image; default 0. */
  padding?: number | number[];
  /** Steps between blocks; default 1. */
  stride?: number | number[];
}

/** The sliding blocks as columns: [batch, channels, height, width] → [batch, channels · kernel, blocks]. */
export const unfold = (
  input: Tensor,
  kernelSize: number | number[],
  { dilation = 1, padding = 0, stride = 1 }: FoldOptions = {},
): Tensor => torch.im2col(input, spread(kernelSize, 2), spread(dilation, 2), spread(padding, 2), spread(stride, 2));

/** Adds columns of sliding blocks up to an image of `outputSize`: [batch, channels · kernel, blocks] → [batch, channels, …outputSize]. */
export const fold = (
  input: Tensor,
  outputSize: number | number[],
  kernelSize: number | number[],
  { dilation = 1, padding = 0, stride = 1 }: FoldOptions = {},
): Tensor =>
  torch.col2im(
    input,
    spread(outputSize, 2),
    spread(kernelSize, 2),
    spread(dilation, 2),
    spread(padding, 2),
    spread(stride, 2),
  );
