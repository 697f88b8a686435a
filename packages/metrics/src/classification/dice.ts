import type { Tensor } from '@lightning-ts/torch';
import { BinaryF1Score, f1Score, MulticlassF1Score, MultilabelF1Score } from './fBeta.js';
import type { TaskScoreOptions } from './options.js';
import { scoreMetric } from './scoreRecipe.js';

/**
 * Dice's coefficient, 2 |A ∩ B| / (|A| + |B|): F1 by the name it has in segmentation. Makes the metric for a task, whose
 * `average` defaults to `micro`.
 */
export const Dice = scoreMetric('Dice', {
  binary: BinaryF1Score,
  multiclass: MulticlassF1Score,
  multilabel: MultilabelF1Score,
});
export type Dice = BinaryF1Score | MulticlassF1Score | MultilabelF1Score;

/** Dice's coefficient of one batch, by task; `average` defaults to `micro`. */
export const dice = (preds: Tensor, target: Tensor, options: TaskScoreOptions): Tensor =>
  f1Score(preds, target, options);
