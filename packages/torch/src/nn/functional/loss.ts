import * as torch from '../../functions.js';
import type { Tensor } from '../../tensor.js';
import { type LossOptions, reductionNumber } from './reduction.js';

export type { LossOptions, Reduction } from './reduction.js';

export interface NllLossOptions extends LossOptions {
  /** A weight for each class [classes]; the mean then divides by the weights of the targets. */
  weight?: Tensor;
  /** Targets of this value count for nothing; default −100. */
  ignoreIndex?: number;
}

export interface CrossEntropyOptions extends NllLossOptions {
  /** Mass moved from the target to all classes, 0 to 1; default 0. */
  labelSmoothing?: number;
}

/** Cross entropy of logits [batch, classes, …] against class indices [batch, …] or probabilities [batch, classes, …]. */
export function crossEntropy(input: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { weight = null, ignoreIndex = -100, labelSmoothing = 0, reduction } = options;
  return torch.crossEntropyLoss(input, target, weight, reductionNumber(reduction), ignoreIndex, labelSmoothing);
}

/** Negative log likelihood of log-probabilities [batch, classes, …] against class indices [batch, …]. */
export function nllLoss(input: Tensor, target: Tensor, options: NllLossOptions = {}): Tensor {
  const { weight = null, ignoreIndex = -100, reduction } = options;
  return torch.nllLossNd(input, target, weight, reductionNumber(reduction), ignoreIndex);
}

/** Squared differences, reduced. */
export const mseLoss = (input: Tensor, target: Tensor, options: LossOptions = {}): Tensor =>
  torch.mseLoss(input, target, reductionNumber(options.reduction));
/** Absolute differences, reduced. */
export const l1Loss = (input: Tensor, target: Tensor, options: LossOptions = {}): Tensor =>
  torch.l1Loss(input, target, reductionNumber(options.reduction));

export interface BceOptions extends LossOptions {
  /** A weight for each element, broadcast. */
  weight?: Tensor;
}
export interface BceWithLogitsOptions extends BceOptions {
  /** A weight for the positive targets, broadcast. */
  posWeight?: Tensor;
}

/** Binary cross entropy of probabilities. */
export const binaryCrossEntropy = (input: Tensor, target: Tensor, options: BceOptions = {}): Tensor =>
  torch.binaryCrossEntropy(input, target, options.weight ?? null, reductionNumber(options.reduction));
/** Binary cross entropy of logits. */
export const binaryCrossEntropyWithLogits = (
  input: Tensor,
  target: Tensor,
  options: BceWithLogitsOptions = {},
): Tensor =>
  torch.binaryCrossEntropyWithLogits(
    input,
    target,
    options.weight ?? null,
    options.posWeight ?? null,
    reductionNumber(options.reduction),
  );
