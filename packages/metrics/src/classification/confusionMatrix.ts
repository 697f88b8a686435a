import { type Tensor, zeros } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { Metric } from '../metric.js';
import { countLabels, countPairs, multiclassLabels } from './inputs.js';
import {
  type BinaryOptions,
  type CommonOptions,
  checkCount,
  chooseByTask,
  type MultilabelOptions,
  type TaskOptions,
} from './options.js';
import { binaryCounter, multilabelCounter, type StatCounter } from './statScores.js';

/** What a confusion matrix is divided by: nothing, its rows (targets), its columns (predictions), or everything. */
export type Normalize = 'none' | 'true' | 'pred' | 'all';

interface NormalizeOption {
  /** Default `none`: counts. */
  readonly normalize?: Normalize | null;
}

type MatrixCounter = Pick<StatCounter, 'key' | 'zero' | 'count'>;

abstract class CountedMatrix extends Metric {
  declare protected counts: Tensor;
  private readonly normalize: Normalize;

  constructor(
    owner: string,
    private readonly counter: MatrixCounter,
    private readonly shape: readonly number[],
    normalize: Normalize | null = 'none',
  ) {
    super();
    this.normalize = checkedNormalize(normalize, owner);
    this.addState('counts', counter.zero(), { distReduceFx: 'sum' });
  }

  override get computeGroupKey(): string {
    return this.counter.key;
  }

  /**
   * @param preds labels or scores, as the task takes them
   * @param target labels
   */
  update(preds: Tensor, target: Tensor): void {
    this.counts = this.counts.add(this.counter.count(preds, target));
  }

  compute(): Tensor {
    return normalized(this.counts.view([...this.shape]), this.normalize);
  }
}

/** How often each target met each prediction, of two classes: `[2, 2]`, rows are targets. */
export class BinaryConfusionMatrix extends CountedMatrix {
  constructor({ normalize, ...options }: BinaryOptions & NormalizeOption = {}) {
    super('BinaryConfusionMatrix', binaryCounter('BinaryConfusionMatrix', options), [2, 2], normalize);
  }
}

/** How often each target met each prediction: `[numClasses, numClasses]`, rows are targets, columns predictions. */
export class MulticlassConfusionMatrix extends CountedMatrix {
  constructor({ normalize, ...options }: MulticlassMatrixOptions) {
    const { numClasses } = options;
    super('MulticlassConfusionMatrix', multiclassMatrixCounter(options), [numClasses, numClasses], normalize);
  }
}

/** One `[2, 2]` matrix for each label: `[numLabels, 2, 2]`. */
export class MultilabelConfusionMatrix extends CountedMatrix {
  constructor({ normalize, ...options }: MultilabelOptions & NormalizeOption) {
    super(
      'MultilabelConfusionMatrix',
      multilabelCounter('MultilabelConfusionMatrix', options),
      [options.numLabels, 2, 2],
      normalize,
    );
  }
}

export interface MulticlassMatrixOptions extends CommonOptions, NormalizeOption {
  readonly numClasses: number;
}

/** Any of the three matrices. */
export type ConfusionMatrix = BinaryConfusionMatrix | MulticlassConfusionMatrix | MultilabelConfusionMatrix;

/**
 * Makes the confusion matrix for a task: `new ConfusionMatrix({ task: 'multiclass', numClasses: 10 })`.
 *
 * @throws MetricError TASK_MISSING, OPTION_INVALID
 */
export const ConfusionMatrix = function ConfusionMatrix({
  normalize,
  ...options
}: TaskOptions & NormalizeOption): ConfusionMatrix {
  return chooseByTask<ConfusionMatrix>('ConfusionMatrix', options, {
    binary: (given) => new BinaryConfusionMatrix({ ...given, normalize }),
    multiclass: ({ numClasses, ignoreIndex, validateArgs }) =>
      new MulticlassConfusionMatrix({ numClasses, ignoreIndex, validateArgs, normalize }),
    multilabel: (given) => new MultilabelConfusionMatrix({ ...given, normalize }),
  });
} as unknown as new (
  options: TaskOptions & NormalizeOption,
) => ConfusionMatrix;

/** The confusion matrix of one batch, by task; rows are targets. */
export function confusionMatrix(
  preds: Tensor,
  target: Tensor,
  { normalize, ...options }: TaskOptions & NormalizeOption,
): Tensor {
  const checked = checkedNormalize(normalize, 'confusionMatrix');
  return chooseByTask('confusionMatrix', options, {
    binary: (given) => matrixOf(binaryCounter('confusionMatrix', given), preds, target, [2, 2], checked),
    multiclass: (given) =>
      matrixOf(multiclassMatrixCounter(given), preds, target, [given.numClasses, given.numClasses], checked),
    multilabel: (given) =>
      matrixOf(multilabelCounter('confusionMatrix', given), preds, target, [given.numLabels, 2, 2], checked),
  });
}

function matrixOf(
  counter: MatrixCounter,
  preds: Tensor,
  target: Tensor,
  shape: number[],
  normalize: Normalize,
): Tensor {
  return normalized(counter.count(preds, target).view(shape), normalize);
}

function multiclassMatrixCounter(options: CommonOptions & { readonly numClasses: number }): MatrixCounter {
  const { numClasses, ignoreIndex = null, validateArgs = true } = options;
  checkCount('numClasses', numClasses, 2, 'MulticlassConfusionMatrix');
  return {
    key: `matrix:${numClasses}:${ignoreIndex}`,
    zero: () => zeros([numClasses * numClasses], { dtype: 'int64' }),
    count(preds, target) {
      const pair = multiclassLabels(preds, target, numClasses, 1, ignoreIndex);
      if (validateArgs && !preds.isFloatingPoint()) countLabels(pair.preds, numClasses, 'preds');
      return countPairs(pair, numClasses);
    },
  };
}

function normalized(matrix: Tensor, normalize: Normalize): Tensor {
  if (normalize === 'none') return matrix;
  const counts = matrix.float();
  const sums =
    normalize === 'true'
      ? counts.sum(-1, true)
      : normalize === 'pred'
        ? counts.sum(-2, true)
        : counts.sum([-2, -1], true);
  return counts.div(sums).nanToNum(0);
}

function checkedNormalize(normalize: Normalize | null | undefined, owner: string): Normalize {
  const value = normalize ?? 'none';
  if (['none', 'true', 'pred', 'all'].includes(value)) return value;
  throw new MetricError(
    'OPTION_INVALID',
    `${owner}: normalize is '${String(value)}'. Use 'none', 'true', 'pred' or 'all'.`,
  );
}
