import type { Tensor } from '@lightning-ts/torch';
import { binaryCrossEntropyWithLogits } from '@lightning-ts/torch/nn/functional';
import { VisionError } from '../errors.js';

export interface FocalLossOptions {
  /** Weight of positives against negatives, 0 to 1; −1 leaves it out. Default 0.25. */
  alpha?: number;
  /** How much less easy examples count; default 2. */
  gamma?: number;
  /** Default `'none'`. */
  reduction?: 'none' | 'mean' | 'sum';
}

/** The focal loss of RetinaNet (Lin et al. 2017) on logits, with targets 0 or 1 of the same shape. */
export function sigmoidFocalLoss(inputs: Tensor, targets: Tensor, options: FocalLossOptions = {}): Tensor {
  const { alpha = 0.25, gamma = 2, reduction = 'none' } = options;
  if (!['none', 'mean', 'sum'].includes(reduction)) {
    throw new VisionError('OPTION_INVALID', `sigmoidFocalLoss: reduction is none, mean or sum, and got '${reduction}'`);
  }
  const probability = inputs.sigmoid();
  const opposite = targets.neg().add(1);
  const correct = probability.mul(targets).add(probability.neg().add(1).mul(opposite));
  let loss = binaryCrossEntropyWithLogits(inputs, targets, { reduction: 'none' }).mul(correct.neg().add(1).pow(gamma));
  if (alpha >= 0)
    loss = targets
      .mul(alpha)
      .add(opposite.mul(1 - alpha))
      .mul(loss);
  if (reduction === 'mean') return loss.mean();
  return reduction === 'sum' ? loss.sum() : loss;
}
