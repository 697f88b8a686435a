import { nllLoss, type Tensor, TorchError, tensor, zeros } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { countOf } from '../regression/inputs.js';

export interface PerplexityOptions {
  /** Targets of this value are left out, such as -100 or that of a padding token. */
  readonly ignoreIndex?: number | null;
}

const owner = 'Perplexity';
/** The engine's number for a sum. */
const sumReduction = 2;
/** No label has this number. */
const never = -(2 ** 31);

function checkInputs(preds: Tensor, target: Tensor): void {
  const [batch, length] = preds.shape;
  const [otherBatch, otherLength] = target.shape;
  if (preds.dim() !== 3 || target.dim() !== 2 || batch !== otherBatch || length !== otherLength) {
    throw new MetricError(
      'SHAPE_MISMATCH',
      `${owner} takes preds [batch, length, vocabulary] and target [batch, length]; there came [${preds.shape}] and [${target.shape}].`,
    );
  }
  if (!preds.isFloatingPoint() || target.dtype !== 'int64') {
    throw new MetricError(
      'DTYPE_INVALID',
      `${owner} takes floating-point preds and int64 target; there came ${preds.dtype} and ${target.dtype}.`,
    );
  }
}

function recipe({ ignoreIndex = null }: PerplexityOptions = {}): Recipe<Tensor> {
  return {
    key: `perplexity:${ignoreIndex}`,
    higherIsBetter: false,
    states: [
      { name: 'loss', zero: () => zeros([]) },
      { name: 'count', zero: () => tensor(0, { dtype: 'int64' }) },
    ],
    count(preds, target) {
      checkInputs(preds, target);
      const logits = preds.reshape([-1, preds.size(2)]);
      const labels = target.flatten();
      try {
        const loss = nllLoss(logits.float().logSoftmax(1), labels, null, sumReduction, ignoreIndex ?? never);
        return [loss, ignoreIndex === null ? countOf(labels.numel()) : labels.ne(ignoreIndex).sum()];
      } catch (error) {
        if (!(error instanceof TorchError)) throw error;
        throw new MetricError(
          'LABEL_OUT_OF_RANGE',
          `${owner}: target has labels from ${labels.min().item()} to ${labels.max().item()}, but the vocabulary has ${preds.size(2)}. Check it, or leave a label out with ignoreIndex.`,
        );
      }
    },
    value: ([loss, count]) => loss!.div(count!).exp(),
  };
}

/** How many tokens a language model hesitates between: e to the mean cross entropy. `update(logits [batch, length, vocabulary], target [batch, length])`. */
export class Perplexity extends RecipeMetric<Tensor> {
  constructor(options?: PerplexityOptions) {
    super(recipe(options));
  }
}

export const perplexity = (preds: Tensor, target: Tensor, options?: PerplexityOptions): Tensor =>
  valueOf(recipe(options), preds, target);
