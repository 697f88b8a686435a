import * as torch from '../../functions.js';
import type { Tensor } from '../../tensor.js';
import { Module } from '../module.js';

/** The cosine of the angle between vectors along `dim` (default 1); lengths below `eps` (1e-8) count as eps. */
export class CosineSimilarity extends Module {
  static override readonly keepsNoTensors = true;
  readonly dimension: number;
  readonly eps: number;
  constructor({ dim = 1, eps = 1e-8 }: { dim?: number; eps?: number } = {}) {
    super();
    this.dimension = dim;
    this.eps = eps;
  }
  override forward(x1: Tensor, x2: Tensor): Tensor {
    return torch.cosineSimilarity(x1, x2, this.dimension, this.eps);
  }
}

export interface PairwiseDistanceOptions {
  /** The norm; default 2. */
  p?: number;
  /** Added to each difference; default 1e-6. */
  eps?: number;
  /** Keep the last dimension with size 1; default false. */
  keepdim?: boolean;
}

/** The p-norm of the differences of vectors: [batch, features] twice → [batch]. */
export class PairwiseDistance extends Module {
  static override readonly keepsNoTensors = true;
  readonly norm: number;
  readonly eps: number;
  readonly keepdim: boolean;
  constructor({ p = 2, eps = 1e-6, keepdim = false }: PairwiseDistanceOptions = {}) {
    super();
    this.norm = p;
    this.eps = eps;
    this.keepdim = keepdim;
  }
  override forward(x1: Tensor, x2: Tensor): Tensor {
    return torch.pairwiseDistance(x1, x2, this.norm, this.eps, this.keepdim);
  }
}
