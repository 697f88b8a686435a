import type { Tensor } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { checkChoice, checkSameShape, type SampleReduction } from './inputs.js';

export interface CosineSimilarityOptions {
  /** Default `sum`. */
  readonly reduction?: SampleReduction;
}

const owner = 'CosineSimilarity';

function recipe({ reduction = 'sum' }: CosineSimilarityOptions = {}): Recipe<Tensor> {
  checkChoice(owner, 'reduction', reduction, ['sum', 'mean', 'none']);
  return {
    key: 'cosines',
    higherIsBetter: true,
    states: [{ name: 'similarity', zero: null }],
    count(preds, target) {
      checkSameShape(owner, preds, target);
      if (preds.dim() !== 2)
        throw new MetricError('SHAPE_MISMATCH', `${owner} takes [batch, features], but preds has [${preds.shape}].`);
      const [x, y] = [preds.float(), target.float()];
      const length = (values: Tensor): Tensor => values.mul(values).sum(-1).sqrt();
      return [
        x
          .mul(y)
          .sum(-1)
          .div(length(x).mul(length(y))),
      ];
    },
    value([similarity]) {
      if (reduction === 'none') return similarity!;
      return reduction === 'sum' ? similarity!.sum() : similarity!.mean();
    },
  };
}

/** The cosine of the angle between each row of predictions and of targets, `[batch, features]`. */
export class CosineSimilarity extends RecipeMetric<Tensor> {
  constructor(options?: CosineSimilarityOptions) {
    super(recipe(options));
  }
}

export const cosineSimilarity = (preds: Tensor, target: Tensor, options?: CosineSimilarityOptions): Tensor =>
  valueOf(recipe(options), preds, target);
