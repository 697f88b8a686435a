import { TorchError } from '../../errors.js';
import type { Tensor } from '../../tensor.js';

/** Interleaves groups of channels (Zhang et al. 2018): [batch, channels, …] keeps its shape. */
export function channelShuffle(input: Tensor, groups: number): Tensor {
  const { shape } = input;
  const [batch, channels, ...space] = shape as [number, number, ...number[]];
  if (shape.length < 3 || channels % groups !== 0)
    throw new TorchError(
      'SHAPE_MISMATCH',
      `channelShuffle expects [batch, channels, …] with channels divisible by groups (${groups}), got [${shape.join(', ')}]`,
    );
  // The operator of libtorch 1.13 has no derivative, so this is made of views.
  return input
    .reshape([batch, groups, channels / groups, ...space])
    .transpose(1, 2)
    .reshape(shape);
}
