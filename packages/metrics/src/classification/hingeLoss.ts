import { arange, type Tensor, tensor, where, zeros } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { type CommonOptions, checkCount, type TaskOptions } from './options.js';
import { binaryColumns, multiclassScores } from './rankedScores.js';
import { taskFunction, taskMetric } from './taskMetric.js';

interface Hinge extends CommonOptions {
  /** Square what is missing; default false. */
  readonly squared?: boolean;
}
export interface MulticlassHingeOptions extends Hinge {
  readonly numClasses: number;
  /** Against the best wrong class (default), or each class against the rest: one value a class. */
  readonly multiclassMode?: 'crammer-singer' | 'one-vs-all';
}

function hinge(
  key: string,
  columns: number,
  squared: boolean,
  margins: (preds: Tensor, target: Tensor) => Tensor,
): Recipe<Tensor> {
  const shape = columns === 0 ? [] : [columns];
  return {
    key: `hinge:${key}:${squared}`,
    higherIsBetter: false,
    states: [
      { name: 'measures', zero: () => zeros(shape) },
      { name: 'total', zero: () => zeros([], { dtype: 'int64' }) },
    ],
    count(preds, target) {
      const margin = margins(preds, target);
      const missing = margin.rsub(1).clampMin(0);
      return [(squared ? missing.square() : missing).sum(0), tensor(margin.size(0))];
    },
    value: ([measures, total]) => measures!.div(total!),
  };
}

/** The score where it should be high, its negative where it should be low. */
const signed = (scores: Tensor, positive: Tensor): Tensor => where(positive, scores, scores.neg());

const binary = (options: Hinge = {}) =>
  hinge(`binary:${options.ignoreIndex ?? null}`, 0, options.squared ?? false, (preds, target) => {
    const columns = binaryColumns(preds, target, options);
    return signed(columns.preds.flatten(), columns.target.flatten());
  });
const multiclass = (options: MulticlassHingeOptions) => {
  const { numClasses, multiclassMode: mode = 'crammer-singer', ignoreIndex = null, squared = false } = options;
  checkCount('numClasses', numClasses, 2, 'MulticlassHingeLoss');
  if (mode !== 'crammer-singer' && mode !== 'one-vs-all')
    throw new MetricError(
      'OPTION_INVALID',
      `MulticlassHingeLoss: multiclassMode is '${String(mode)}'. Use 'crammer-singer' or 'one-vs-all'.`,
    );
  const columns = mode === 'one-vs-all' ? numClasses : 0;
  return hinge(`multiclass:${numClasses}:${mode}:${ignoreIndex}`, columns, squared, (preds, target) => {
    const { labels, scores } = multiclassScores(preds, target, numClasses, options);
    const isTarget = labels.unsqueeze(1).eq(arange(numClasses, { device: labels.device }));
    if (mode === 'one-vs-all') return signed(scores, isTarget);
    const own = scores.gather(1, labels.unsqueeze(1)).squeeze(1);
    return own.sub(scores.maskedFill(isTarget, Number.NEGATIVE_INFINITY).amax([1]));
  });
};

/** The mean of what is missing to a margin of 1 (Crammer and Singer 2001). Of two classes. */
export class BinaryHingeLoss extends RecipeMetric<Tensor> {
  constructor(options: Hinge = {}) {
    super(binary(options));
  }
}

/** The mean of what is missing to a margin of 1 (Crammer and Singer 2001). Of many classes. */
export class MulticlassHingeLoss extends RecipeMetric<Tensor> {
  constructor(options: MulticlassHingeOptions) {
    super(multiclass(options));
  }
}

/** The mean of what is missing to a margin of 1 (Crammer and Singer 2001). Makes the metric for a task. */
export const HingeLoss = taskMetric<
  BinaryHingeLoss,
  MulticlassHingeLoss,
  never,
  TaskOptions & Hinge & Pick<MulticlassHingeOptions, 'multiclassMode'>
>('HingeLoss', { binary: BinaryHingeLoss, multiclass: MulticlassHingeLoss });
export type HingeLoss = BinaryHingeLoss | MulticlassHingeLoss;

export const binaryHingeLoss = (preds: Tensor, target: Tensor, options?: Hinge): Tensor =>
  valueOf(binary(options), preds, target);
export const multiclassHingeLoss = (preds: Tensor, target: Tensor, options: MulticlassHingeOptions): Tensor =>
  valueOf(multiclass(options), preds, target);
/** The value of one batch, by task. */
export const hingeLoss = taskFunction<Tensor, TaskOptions & Hinge & Pick<MulticlassHingeOptions, 'multiclassMode'>>(
  'hingeLoss',
  { binary: binaryHingeLoss, multiclass: multiclassHingeLoss },
);
