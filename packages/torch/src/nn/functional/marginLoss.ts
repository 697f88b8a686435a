import { TorchError } from '../../errors.js';
import * as torch from '../../functions.js';
import type { Tensor } from '../../tensor.js';
import { type LossOptions, reduced, reductionNumber } from './reduction.js';

export interface MarginLossOptions extends LossOptions {
  margin?: number;
}

/** Cosine distance where target [batch] is 1, similarity above `margin` (default 0) where it is −1: [batch, features] twice. */
export const cosineEmbeddingLoss = (
  input1: Tensor,
  input2: Tensor,
  target: Tensor,
  options: MarginLossOptions = {},
): Tensor => torch.cosineEmbeddingLoss(input1, input2, target, options.margin ?? 0, reductionNumber(options.reduction));

/** max(0, −target · (input1 − input2) + margin): target 1 ranks the first higher, −1 the second; margin default 0. */
export const marginRankingLoss = (
  input1: Tensor,
  input2: Tensor,
  target: Tensor,
  options: MarginLossOptions = {},
): Tensor => torch.marginRankingLoss(input1, input2, target, options.margin ?? 0, reductionNumber(options.reduction));

/** The distance itself where target is 1, max(0, margin − distance) where it is −1; margin default 1. */
export const hingeEmbeddingLoss = (input: Tensor, target: Tensor, options: MarginLossOptions = {}): Tensor =>
  torch.hingeEmbeddingLoss(input, target, options.margin ?? 1, reductionNumber(options.reduction));

/** log(1 + e^(−target · input)) for targets 1 and −1. */
export const softMarginLoss = (input: Tensor, target: Tensor, options: LossOptions = {}): Tensor =>
  torch.softMarginLoss(input, target, reductionNumber(options.reduction));

export interface MultiMarginLossOptions extends MarginLossOptions {
  /** The power of each violation, 1 (default) or 2. */
  p?: 1 | 2;
  /** A weight for each class [classes]. */
  weight?: Tensor;
}
/** Multi-class hinge loss of scores [batch, classes] against class indices [batch]; margin default 1. */
export function multiMarginLoss(input: Tensor, target: Tensor, options: MultiMarginLossOptions = {}): Tensor {
  const { p = 1, margin = 1, weight = null, reduction } = options;
  if (p !== 1 && p !== 2) throw new TorchError('ARGUMENT_RANGE', `p must be 1 or 2, got ${p as number}`);
  if (weight !== null && weight.dim() !== 1)
    throw new TorchError('SHAPE_MISMATCH', `weight must have one dimension, got [${weight.shape.join(', ')}]`);
  return torch.multiMarginLoss(input, target, p, margin, weight, reductionNumber(reduction));
}

/** Multi-label hinge loss of scores [batch, classes] against lists of class indices [batch, classes] that end at −1. */
export const multilabelMarginLoss = (input: Tensor, target: Tensor, options: LossOptions = {}): Tensor =>
  torch.multilabelMarginLoss(input, target, reductionNumber(options.reduction));

export interface MultilabelSoftMarginLossOptions extends LossOptions {
  /** A weight for each class [classes]. */
  weight?: Tensor;
}
/** Mean over the classes of the binary cross entropies of logits [batch, classes] against 0 and 1. */
export function multilabelSoftMarginLoss(
  input: Tensor,
  target: Tensor,
  { weight, reduction }: MultilabelSoftMarginLossOptions = {},
): Tensor {
  let losses = target
    .mul(torch.logSigmoid(input))
    .add(target.rsub(1).mul(torch.logSigmoid(input.neg())))
    .neg();
  if (weight !== undefined) losses = losses.mul(weight);
  return reduced(losses.sum([-1]).div(input.size(-1)), reduction);
}

export interface TripletMarginLossOptions extends MarginLossOptions {
  /** The norm; default 2. */
  p?: number;
  /** Added to each difference; default 1e-6. */
  eps?: number;
  /** Take the nearer of anchor and positive to the negative (Balntas et al. 2016); default false. */
  swap?: boolean;
}
/** max(0, d(anchor, positive) − d(anchor, negative) + margin), margin default 1: [batch, features] three times. */
export const tripletMarginLoss = (
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletMarginLossOptions = {},
): Tensor =>
  torch.tripletMarginLoss(
    anchor,
    positive,
    negative,
    options.margin ?? 1,
    options.p ?? 2,
    options.eps ?? 1e-6,
    options.swap ?? false,
    reductionNumber(options.reduction),
  );

export interface TripletMarginWithDistanceLossOptions extends MarginLossOptions {
  /** Default: `pairwiseDistance`. */
  distanceFunction?: (a: Tensor, b: Tensor) => Tensor;
  /** Take the nearer of anchor and positive to the negative; default false. */
  swap?: boolean;
}
/** The triplet margin loss with a distance of one's own; margin default 1. */
export function tripletMarginWithDistanceLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletMarginWithDistanceLossOptions = {},
): Tensor {
  const { distanceFunction = (a, b) => torch.pairwiseDistance(a, b), margin = 1, swap = false, reduction } = options;
  const near = distanceFunction(anchor, positive);
  let far = distanceFunction(anchor, negative);
  if (swap) far = torch.minimum(far, distanceFunction(positive, negative));
  return reduced(near.sub(far).add(margin).clamp({ min: 0 }), reduction);
}
