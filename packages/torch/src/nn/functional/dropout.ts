import { TorchError } from '../../errors.js';
import * as torch from '../../functions.js';
import type { Tensor } from '../../tensor.js';

/** Zeroes elements with probability p and scales the rest by 1 / (1 − p); nothing when not training. */
export const dropout = (input: Tensor, p = 0.5, training = true): Tensor => torch.dropout(input, p, training);

/** Drops whole channels of inputs with `batched` dimensions; one dimension less is an input without a batch. */
function dropChannels(input: Tensor, batched: number, p: number, training: boolean): Tensor {
  const dim = input.dim();
  if (dim !== batched && dim !== batched - 1)
    throw new TorchError(
      'SHAPE_MISMATCH',
      `dropout${batched - 2}d expects ${batched} dimensions, or ${batched - 1} without a batch, got [${input.shape.join(', ')}]`,
    );
  if (dim === batched) return torch.featureDropout(input, p, training);
  return torch.featureDropout(input.unsqueeze(0), p, training).squeeze(0);
}

/** Zeroes whole channels: [batch, channels, length] or [channels, length]. */
export const dropout1d = (input: Tensor, p = 0.5, training = true): Tensor => dropChannels(input, 3, p, training);
/** Zeroes whole channels: [batch, channels, height, width]; any input counts as having a batch, as in PyTorch. */
export const dropout2d = (input: Tensor, p = 0.5, training = true): Tensor => torch.featureDropout(input, p, training);
/** Zeroes whole channels: [batch, channels, depth, height, width] or without the batch. */
export const dropout3d = (input: Tensor, p = 0.5, training = true): Tensor => dropChannels(input, 5, p, training);
/** Dropout that keeps mean and variance after SELU; `training` is false unless given. */
export const alphaDropout = (input: Tensor, p = 0.5, training = false): Tensor =>
  torch.alphaDropout(input, p, training);
/** Alpha dropout of whole channels [batch, channels, …]; `training` is false unless given. */
export const featureAlphaDropout = (input: Tensor, p = 0.5, training = false): Tensor =>
  torch.featureAlphaDropout(input, p, training);
