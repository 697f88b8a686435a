import type { Tensor } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import type { Average, Task } from './options.js';

/** What the scores are worked out from: right positives, positives, positive predictions, and everything. */
interface ScoreParts {
  tp(): Tensor;
  support(): Tensor;
  predicted(): Tensor;
  total(): Tensor;
}

/**
 * How predictions met their targets, 0-d or one number for each class or label. Each is worked out when it is first asked
 * for: most metrics need two of them.
 */
export class StatScores {
  private tpValue: Tensor | undefined;
  private supportValue: Tensor | undefined;
  private predictedValue: Tensor | undefined;
  private totalValue: Tensor | undefined;

  constructor(private readonly parts: ScoreParts) {}

  /** True positives. */
  get tp(): Tensor {
    this.tpValue ??= this.parts.tp();
    return this.tpValue;
  }

  /** Positive targets: tp + fn. */
  get support(): Tensor {
    this.supportValue ??= this.parts.support();
    return this.supportValue;
  }

  /** Positive predictions: tp + fp. */
  get predicted(): Tensor {
    this.predictedValue ??= this.parts.predicted();
    return this.predictedValue;
  }

  /** All predictions: tp + fp + tn + fn. */
  get total(): Tensor {
    this.totalValue ??= this.parts.total();
    return this.totalValue;
  }

  /** True negatives. */
  get tn(): Tensor {
    return this.total.sub(this.support).sub(this.predicted).add(this.tp);
  }
}

/**
 * Counts batches into one tensor, laid out so that a batch takes few operations, and reads the scores out of the sum.
 * Two counters with equal keys count the same inputs alike.
 */
export interface StatCounter {
  readonly key: string;
  readonly task: Task;
  readonly average: Average;
  /** How many of the highest scores count as predicted; 1 but for `topK`. */
  readonly topK?: number;
  /** Null where every sample has counts of its own: then they are kept one after the other. */
  readonly zero: (() => Tensor) | null;
  /** What one batch adds to the counts. */
  count(preds: Tensor, target: Tensor): Tensor;
  scores(counts: Tensor): StatScores;
}

/** Scores of counts whose last dimension is [tn, fp, fn, tp]. */
export function scoresOfCells(counts: Tensor): StatScores {
  const cell = (index: number): Tensor => counts.select(-1, index);
  return new StatScores({
    tp: () => cell(3),
    support: () => cell(2).add(cell(3)),
    predicted: () => cell(1).add(cell(3)),
    total: () => counts.sum(-1),
  });
}

export function labelCountDiffers(target: Tensor, numLabels: number): MetricError {
  return new MetricError(
    'SHAPE_MISMATCH',
    `target has the shape [${target.shape}], but numLabels is ${numLabels}. Give [N, labels, ...].`,
  );
}
