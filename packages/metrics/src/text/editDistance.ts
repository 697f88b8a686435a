import { type Tensor, tensor } from '@lightning-ts/torch';
import { checkCount } from '../classification/options.js';
import { type Recipe, RecipeMetric, valueOf } from '../recipe.js';
import { checkChoice, type SampleReduction } from '../regression/inputs.js';
import { characters, type Sentences, sentencePairs } from './sentences.js';

/**
 * The fewest insertions, deletions and substitutions that turn one row of tokens into the other (Wagner, Fischer 1974), in
 * memory by the shorter one.
 *
 * @param substitution what a substitution costs; the others cost 1
 */
export function distanceBetween(a: readonly string[], b: readonly string[], substitution = 1): number {
  let first = 0;
  while (first < a.length && first < b.length && a[first] === b[first]) first += 1;
  let endA = a.length;
  let endB = b.length;
  while (endA > first && endB > first && a[endA - 1] === b[endB - 1]) {
    endA -= 1;
    endB -= 1;
  }
  const [longer, shorter] =
    endA >= endB ? [a.slice(first, endA), b.slice(first, endB)] : [b.slice(first, endB), a.slice(first, endA)];
  const width = shorter.length;
  // Numbers compare faster than strings.
  const numbers = new Map<string, number>();
  const ids = Int32Array.from(shorter, (token) => {
    const id = numbers.get(token) ?? numbers.size;
    numbers.set(token, id);
    return id;
  });
  const row = new Float64Array(width + 1);
  for (let j = 0; j <= width; j += 1) row[j] = j;
  for (const [i, token] of longer.entries()) {
    const id = numbers.get(token) ?? -1;
    let diagonal = i;
    let left = i + 1;
    row[0] = left;
    for (let j = 1; j <= width; j += 1) {
      const above = row[j]!;
      const changed = diagonal + (ids[j - 1] === id ? 0 : substitution);
      const shifted = (above < left ? above : left) + 1;
      left = changed < shifted ? changed : shifted;
      row[j] = left;
      diagonal = above;
    }
  }
  return row[width]!;
}

export interface EditDistanceOptions {
  /** What a substitution costs, a whole number of 0 or more; default 1. Insertions and deletions cost 1. */
  readonly substitutionCost?: number;
  /** Default `mean`. */
  readonly reduction?: SampleReduction;
}

const owner = 'EditDistance';

function recipe(options: EditDistanceOptions = {}): Recipe<Tensor, Sentences> {
  const { substitutionCost = 1, reduction = 'mean' } = options;
  checkCount('substitutionCost', substitutionCost, 0, owner);
  checkChoice(owner, 'reduction', reduction, ['mean', 'sum', 'none']);
  return {
    key: `editDistances:${substitutionCost}`,
    higherIsBetter: false,
    states: [{ name: 'distances', zero: null }],
    count(preds, target) {
      const distances = sentencePairs(owner, preds, target).map(([pred, truth]) =>
        distanceBetween(characters(pred), characters(truth), substitutionCost),
      );
      return [tensor(distances, { dtype: 'int32' })];
    },
    value([distances]) {
      if (distances!.numel() === 0) return tensor(0, { dtype: 'int32' });
      if (reduction === 'none') return distances!;
      return reduction === 'sum' ? distances!.sum() : distances!.float().mean();
    },
  };
}

/** How many characters have to be inserted, deleted or changed to get from a prediction to its target. */
export class EditDistance extends RecipeMetric<Tensor, Sentences> {
  constructor(options?: EditDistanceOptions) {
    super(recipe(options));
  }
}

export const editDistance = (preds: Sentences, target: Sentences, options?: EditDistanceOptions): Tensor =>
  valueOf(recipe(options), preds, target);
