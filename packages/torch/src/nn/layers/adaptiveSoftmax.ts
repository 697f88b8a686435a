import { empty, zeros } from '../../creation.js';
import { TorchError } from '../../errors.js';
import { cat } from '../../functions.js';
import type { Tensor } from '../../tensor.js';
import { ModuleList, Sequential } from '../containers.js';
import { logSoftmax } from '../functional/activation.js';
import { Module } from '../module.js';
import { Linear } from './linear.js';

export interface AdaptiveLogSoftmaxOptions {
  /** How much narrower each further cluster is; default 4. */
  divValue?: number;
  /** A bias in the head; default false. */
  headBias?: boolean;
}

/** The log-probability of each target [batch], and the loss, which is minus their mean. */
export interface AdaptiveLogSoftmaxOutput {
  output: Tensor;
  loss: Tensor;
}

/**
 * Softmax over many classes, of which a few are frequent (Grave et al. 2016): the classes below the first cutoff are
 * decided by the head, the others by clusters between the cutoffs. Classes come by falling frequency.
 */
export class AdaptiveLogSoftmaxWithLoss extends Module {
  readonly cutoffs: number[];
  readonly head: Linear;
  readonly tail: ModuleList<Sequential>;

  constructor(
    readonly inFeatures: number,
    readonly nClasses: number,
    cutoffs: readonly number[],
    { divValue = 4, headBias = false }: AdaptiveLogSoftmaxOptions = {},
  ) {
    super();
    const isRising = cutoffs.every((cutoff, i) => Number.isInteger(cutoff) && cutoff > (i === 0 ? 0 : cutoffs[i - 1]!));
    if (cutoffs.length === 0 || !isRising || cutoffs.at(-1)! > nClasses - 1)
      throw new TorchError(
        'ARGUMENT_RANGE',
        `cutoffs must be rising whole numbers from 1 to ${nClasses - 1}, got [${cutoffs.join(', ')}]`,
      );
    this.cutoffs = [...cutoffs, nClasses];
    this.head = new Linear(inFeatures, this.shortlist + cutoffs.length, { bias: headBias });
    this.tail = new ModuleList(
      cutoffs.map((cutoff, i) => {
        const inner = Math.floor(inFeatures / divValue ** (i + 1));
        return new Sequential(
          new Linear(inFeatures, inner, { bias: false }),
          new Linear(inner, this.cutoffs[i + 1]! - cutoff, { bias: false }),
        );
      }),
    );
  }

  private get shortlist(): number {
    return this.cutoffs[0]!;
  }

  resetParameters(): void {
    this.head.resetParameters();
    for (const cluster of this.tail) for (const layer of cluster) (layer as Linear).resetParameters();
  }

  override forward(input: Tensor, target: Tensor): AdaptiveLogSoftmaxOutput {
    if (target.dim() === 0) {
      const { output, loss } = this.forward(input.unsqueeze(0), target.unsqueeze(0));
      return { output: output.squeeze(0), loss };
    }
    const batch = target.size(0);
    if (target.dim() !== 1 || input.dim() !== 2 || input.size(0) !== batch)
      throw new TorchError(
        'SHAPE_MISMATCH',
        `expected input [batch, features] and targets [batch], or one of each, got [${input.shape.join(', ')}] and [${target.shape.join(', ')}]`,
      );
    let output = zeros([batch], { dtype: input.dtype, device: input.device });
    const chosen = empty([batch], { dtype: 'int64', device: target.device });
    let used = 0;
    for (const [i, high] of this.cutoffs.entries()) {
      const low = i === 0 ? 0 : this.cutoffs[i - 1]!;
      const rows = target.ge(low).logicalAnd(target.lt(high)).nonzero().squeeze(1);
      if (rows.numel() === 0) continue;
      used += rows.numel();
      const relative = target.indexSelect(0, rows).sub(low);
      if (i === 0) {
        chosen.indexCopy_(0, rows, relative);
        continue;
      }
      const logProbabilities = logSoftmax(this.tail.at(i - 1).forward(input.indexSelect(0, rows)), 1);
      chosen.indexFill_(0, rows, this.shortlist + i - 1);
      output = output.indexCopy(0, rows, logProbabilities.gather(1, relative.unsqueeze(1)).squeeze(1));
    }
    if (used !== batch)
      throw new TorchError(
        'INDEX_OUT_OF_RANGE',
        `targets must be from 0 to ${this.nClasses - 1}; ${batch - used} of ${batch} are not`,
      );
    const ofHead = logSoftmax(this.head.forward(input), 1);
    output = output.add(ofHead.gather(1, chosen.unsqueeze(1)).squeeze(1));
    return { output, loss: output.neg().mean() };
  }

  /** Log-probabilities of all classes: [batch, inFeatures] → [batch, nClasses]. */
  logProb(input: Tensor): Tensor {
    const ofHead = logSoftmax(this.head.forward(input), 1);
    const clusters = [...this.tail].map((cluster, i) =>
      logSoftmax(cluster.forward(input), 1).add(ofHead.narrow(1, this.shortlist + i, 1)),
    );
    return cat([ofHead.narrow(1, 0, this.shortlist), ...clusters], 1);
  }

  /** The class that the head prefers, or the likeliest of all where it prefers a cluster: [batch, inFeatures] → int64 [batch]. */
  predict(input: Tensor): Tensor {
    const best = this.head.forward(input).argmax(1);
    const rows = best.ge(this.shortlist).nonzero().squeeze(1);
    if (rows.numel() === 0) return best;
    return best.indexCopy(0, rows, this.logProb(input.indexSelect(0, rows)).argmax(1));
  }
}
