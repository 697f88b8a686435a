import type { Tensor } from '../../tensor.js';
import * as F from '../functional/marginLoss.js';
import type { LossOptions } from '../functional/reduction.js';
import { Module } from '../module.js';
import { PairwiseDistance } from './distance.js';

/** Cosine distance where target [batch] is 1, similarity above the margin (default 0) where it is −1: [batch, features] twice. */
export class CosineEmbeddingLoss extends Module {
  constructor(readonly options: F.MarginLossOptions = {}) {
    super();
  }
  override forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return F.cosineEmbeddingLoss(input1, input2, target, this.options);
  }
}

/** max(0, −target · (input1 − input2) + margin), margin default 0. */
export class MarginRankingLoss extends Module {
  constructor(readonly options: F.MarginLossOptions = {}) {
    super();
  }
  override forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return F.marginRankingLoss(input1, input2, target, this.options);
  }
}

/** A distance where target is 1, max(0, margin − distance) where it is −1; margin default 1. */
export class HingeEmbeddingLoss extends Module {
  constructor(readonly options: F.MarginLossOptions = {}) {
    super();
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.hingeEmbeddingLoss(input, target, this.options);
  }
}

/** log(1 + e^(−target · input)) for targets 1 and −1. */
export class SoftMarginLoss extends Module {
  constructor(readonly options: LossOptions = {}) {
    super();
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.softMarginLoss(input, target, this.options);
  }
}

/** Multi-class hinge loss of scores [batch, classes] against class indices [batch]. */
export class MultiMarginLoss extends Module {
  declare weight: Tensor | null; // [classes]
  readonly options: Omit<F.MultiMarginLossOptions, 'weight'>;
  constructor(options: F.MultiMarginLossOptions = {}) {
    super();
    const { weight = null, ...rest } = options;
    this.registerBuffer('weight', weight);
    this.options = rest;
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.multiMarginLoss(
      input,
      target,
      this.weight === null ? this.options : { ...this.options, weight: this.weight },
    );
  }
}

/** Multi-label hinge loss of scores [batch, classes] against lists of class indices that end at −1. */
export class MultiLabelMarginLoss extends Module {
  constructor(readonly options: LossOptions = {}) {
    super();
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.multilabelMarginLoss(input, target, this.options);
  }
}

/** Mean over the classes of the binary cross entropies of logits [batch, classes] against 0 and 1. */
export class MultiLabelSoftMarginLoss extends Module {
  declare weight: Tensor | null; // [classes]
  readonly options: LossOptions;
  constructor(options: F.MultilabelSoftMarginLossOptions = {}) {
    super();
    const { weight = null, ...rest } = options;
    this.registerBuffer('weight', weight);
    this.options = rest;
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.multilabelSoftMarginLoss(
      input,
      target,
      this.weight === null ? this.options : { ...this.options, weight: this.weight },
    );
  }
}

/** max(0, d(anchor, positive) − d(anchor, negative) + margin): [batch, features] three times. */
export class TripletMarginLoss extends Module {
  constructor(readonly options: F.TripletMarginLossOptions = {}) {
    super();
  }
  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return F.tripletMarginLoss(anchor, positive, negative, this.options);
  }
}

type Distance = (a: Tensor, b: Tensor) => Tensor;
type DistanceModule = Module & { forward: Distance };

export interface TripletMarginWithDistanceLayerOptions
  extends Omit<F.TripletMarginWithDistanceLossOptions, 'distanceFunction'> {
  /** A function, or a module whose parameters are then part of the loss; default `PairwiseDistance`. */
  distanceFunction?: Distance | DistanceModule;
}

/** The triplet margin loss with a distance of one's own. */
export class TripletMarginWithDistanceLoss extends Module {
  readonly distanceFunction: Distance | DistanceModule;
  readonly options: Omit<F.TripletMarginWithDistanceLossOptions, 'distanceFunction'>;
  constructor({ distanceFunction = new PairwiseDistance(), ...options }: TripletMarginWithDistanceLayerOptions = {}) {
    super();
    this.distanceFunction = distanceFunction;
    this.options = options;
  }
  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { distanceFunction } = this;
    const distance: Distance =
      distanceFunction instanceof Module ? (a, b) => distanceFunction.forward(a, b) : distanceFunction;
    return F.tripletMarginWithDistanceLoss(anchor, positive, negative, { ...this.options, distanceFunction: distance });
  }
}
