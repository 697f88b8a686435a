import type { Tensor } from '../../tensor.js';
import * as F from '../functional/loss.js';
import { Module } from '../module.js';

/** Cross entropy of logits [batch, classes, …] against class indices [batch, …] or probabilities [batch, classes, …]. */
export class CrossEntropyLoss extends Module {
  declare weight: Tensor | null; // [classes]
  readonly options: Omit<F.CrossEntropyOptions, 'weight'>;
  constructor(options: F.CrossEntropyOptions = {}) {
    super();
    const { weight = null, ...rest } = options;
    this.registerBuffer('weight', weight);
    this.options = rest;
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.crossEntropy(
      input,
      target,
      this.weight === null ? this.options : { ...this.options, weight: this.weight },
    );
  }
}

/** Negative log likelihood of log-probabilities [batch, classes, …] against class indices [batch, …]. */
export class NLLLoss extends Module {
  declare weight: Tensor | null; // [classes]
  readonly options: Omit<F.NllLossOptions, 'weight'>;
  constructor(options: F.NllLossOptions = {}) {
    super();
    const { weight = null, ...rest } = options;
    this.registerBuffer('weight', weight);
    this.options = rest;
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.nllLoss(input, target, this.weight === null ? this.options : { ...this.options, weight: this.weight });
  }
}

/** Mean of the squared differences. */
export class MSELoss extends Module {
  constructor(readonly options: F.LossOptions = {}) {
    super();
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.mseLoss(input, target, this.options);
  }
}

/** Mean of the absolute differences. */
export class L1Loss extends Module {
  constructor(readonly options: F.LossOptions = {}) {
    super();
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.l1Loss(input, target, this.options);
  }
}

/** Binary cross entropy of probabilities against targets of the same shape. */
export class BCELoss extends Module {
  declare weight: Tensor | null;
  readonly options: F.LossOptions;
  constructor(options: F.BceOptions = {}) {
    super();
    const { weight = null, ...rest } = options;
    this.registerBuffer('weight', weight);
    this.options = rest;
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropy(
      input,
      target,
      this.weight === null ? this.options : { ...this.options, weight: this.weight },
    );
  }
}

/** Binary cross entropy of logits against targets of the same shape; stable where a sigmoid would saturate. */
export class BCEWithLogitsLoss extends Module {
  declare weight: Tensor | null;
  declare posWeight: Tensor | null;
  readonly options: F.LossOptions;
  constructor(options: F.BceWithLogitsOptions = {}) {
    super();
    const { weight = null, posWeight = null, ...rest } = options;
    this.registerBuffer('weight', weight);
    this.registerBuffer('posWeight', posWeight);
    this.options = rest;
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    const { weight, posWeight } = this;
    return F.binaryCrossEntropyWithLogits(input, target, {
      ...this.options,
      ...(weight === null ? {} : { weight }),
      ...(posWeight === null ? {} : { posWeight }),
    });
  }
}
