import type { Tensor } from '../../tensor.js';
import * as F from '../functional/distributionLoss.js';
import { Module } from '../module.js';

/** Squared differences below beta (default 1), absolute ones above, divided by beta. */
export class SmoothL1Loss extends Module {
  constructor(readonly options: F.SmoothL1LossOptions = {}) {
    super();
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.smoothL1Loss(input, target, this.options);
  }
}

/** Squared differences below delta (default 1), absolute ones times delta above. */
export class HuberLoss extends Module {
  constructor(readonly options: F.HuberLossOptions = {}) {
    super();
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.huberLoss(input, target, this.options);
  }
}

/** Kullback-Leibler divergence of a target distribution from log-probabilities. */
export class KLDivLoss extends Module {
  constructor(readonly options: F.KlDivOptions = {}) {
    super();
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.klDiv(input, target, this.options);
  }
}

/** Negative log likelihood of counts under Poisson rates, given as logarithms unless `logInput` is false. */
export class PoissonNLLLoss extends Module {
  constructor(readonly options: F.PoissonNllLossOptions = {}) {
    super();
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.poissonNllLoss(input, target, this.options);
  }
}

/** Negative log likelihood of targets under normal distributions with means `input` and the given variances. */
export class GaussianNLLLoss extends Module {
  constructor(readonly options: F.GaussianNllLossOptions = {}) {
    super();
  }
  override forward(input: Tensor, target: Tensor, variance: Tensor): Tensor {
    return F.gaussianNllLoss(input, target, variance, this.options);
  }
}

/** Connectionist temporal classification of log-probabilities [time, batch, classes]; see `F.ctcLoss`. */
export class CTCLoss extends Module {
  constructor(readonly options: F.CtcLossOptions = {}) {
    super();
  }
  override forward(
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: Tensor | number[],
    targetLengths: Tensor | number[],
  ): Tensor {
    return F.ctcLoss(logProbs, targets, inputLengths, targetLengths, this.options);
  }
}
