import { arange, type Tensor } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { RecipeMetric, valueOf } from '../recipe.js';
import { binaryMatrix, type MulticlassMatrixOptions, multiclassMatrix } from './confusionMatrix.js';
import type { BinaryOptions, TaskOptions } from './options.js';
import { taskFunction, taskMetric } from './taskMetric.js';

interface KappaWeights {
  /** How much a confusion counts: all alike ('none', default), by the distance of the classes, or by its square. */
  readonly weights?: 'none' | 'linear' | 'quadratic' | null;
}

function kappaOf(owner: string, weights: KappaWeights['weights']): (matrix: Tensor) => Tensor {
  const kind = weights ?? 'none';
  if (!['none', 'linear', 'quadratic'].includes(kind))
    throw new MetricError('OPTION_INVALID', `${owner}: weights is '${kind}'. Use 'none', 'linear' or 'quadratic'.`);
  return (matrix) => {
    const counts = matrix.float();
    const classes = arange(counts.size(0), { dtype: 'float32', device: counts.device });
    const distance = classes.sub(classes.unsqueeze(1)).abs();
    const cost = kind === 'none' ? distance.ne(0).float() : kind === 'linear' ? distance : distance.square();
    const byPrediction = counts.sum(0, true);
    const expected = counts.sum(1, true).matmul(byPrediction).div(byPrediction.sum());
    return cost.mul(counts).sum().div(cost.mul(expected).sum()).rsub(1);
  };
}

const binary = ({ weights, ...options }: BinaryOptions & KappaWeights = {}) =>
  binaryMatrix('BinaryCohenKappa', options, kappaOf('BinaryCohenKappa', weights), true);
const multiclass = ({ weights, ...options }: MulticlassMatrixOptions & KappaWeights) =>
  multiclassMatrix('MulticlassCohenKappa', options, kappaOf('MulticlassCohenKappa', weights), true);

/** Agreement beyond what chance would give (Cohen 1960): 1 is perfect, 0 is chance. Of two classes. */
export class BinaryCohenKappa extends RecipeMetric<Tensor> {
  constructor(options: BinaryOptions & KappaWeights = {}) {
    super(binary(options));
  }
}

/** Agreement beyond what chance would give (Cohen 1960): 1 is perfect, 0 is chance. Of many classes. */
export class MulticlassCohenKappa extends RecipeMetric<Tensor> {
  constructor(options: MulticlassMatrixOptions & KappaWeights) {
    super(multiclass(options));
  }
}

/** Agreement beyond what chance would give (Cohen 1960): 1 is perfect, 0 is chance. Makes the metric for a task. */
export const CohenKappa = taskMetric<BinaryCohenKappa, MulticlassCohenKappa, never, TaskOptions & KappaWeights>(
  'CohenKappa',
  { binary: BinaryCohenKappa, multiclass: MulticlassCohenKappa },
);
export type CohenKappa = BinaryCohenKappa | MulticlassCohenKappa;

export const binaryCohenKappa = (preds: Tensor, target: Tensor, options?: BinaryOptions & KappaWeights): Tensor =>
  valueOf(binary(options), preds, target);
export const multiclassCohenKappa = (
  preds: Tensor,
  target: Tensor,
  options: MulticlassMatrixOptions & KappaWeights,
): Tensor => valueOf(multiclass(options), preds, target);
/** The value of one batch, by task. */
export const cohenKappa = taskFunction<Tensor, TaskOptions & KappaWeights>('cohenKappa', {
  binary: binaryCohenKappa,
  multiclass: multiclassCohenKappa,
});
