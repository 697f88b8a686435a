import { arange, stack, type Tensor, trapz, warn } from '@lightning-ts/torch';
import type { Average } from './options.js';
import type { RankedScores } from './rankedScores.js';

/** The area under the points (x, y), by trapezoids: 0-d. */
export const trapezoids = (x: Tensor, y: Tensor): Tensor => trapz(y, x);

/** One value from those of each class: NaN, of classes that never occurred, is left out with a warning. */
export function averageAreas(owner: string, ranked: RankedScores[], areas: Tensor[], average: Average): Tensor {
  const values = stack(areas);
  if (average === 'none') return values;
  const isMissing = values.isnan();
  if (isMissing.any().item())
    warn('METRIC_CLASS_MISSING', `${owner}: some classes never occurred; they are left out of the ${average} average.`);
  const at = isMissing.logicalNot().nonzero().flatten();
  const known = values.indexSelect(0, at);
  if (average === 'macro') return known.mean();
  const support = stack(ranked.map((scores) => scores.positives()))
    .float()
    .indexSelect(0, at);
  return known.mul(support.div(support.sum().clampMin(1))).sum();
}

/** The area under the ROC curve, up to the false positive rate `maxFpr`, which scales it to [0.5, 1] (McClish 1989). */
export function areaUnderRoc(ranked: RankedScores, maxFpr: number | null): Tensor {
  const [fpr, tpr] = ranked.roc();
  if (maxFpr === null || maxFpr === 1 || fpr.sum().item() === 0 || tpr.sum().item() === 0) return trapezoids(fpr, tpr);
  // The points up to maxFpr, and the one on the line between the two around it.
  const stop = fpr.le(maxFpr).sum().item();
  const at = (values: Tensor, index: number) => values.select(0, index);
  const left = at(fpr, stop - 1);
  const weight = left.rsub(maxFpr).div(at(fpr, stop).sub(left));
  const height = at(tpr, stop - 1).lerp(at(tpr, stop), weight);
  const first = arange(stop);
  const x = fpr.indexSelect(0, first);
  const y = tpr.indexSelect(0, first);
  const area = trapezoids(x, y).add(
    height
      .add(at(y, stop - 1))
      .div(2)
      .mul(at(x, stop - 1).rsub(maxFpr)),
  );
  const least = 0.5 * maxFpr ** 2;
  return area
    .sub(least)
    .div(maxFpr - least)
    .add(1)
    .div(2);
}

/** The mean of precision weighted by the steps of recall. */
export function averagePrecisionOf(ranked: RankedScores): Tensor {
  const [precision, recall] = ranked.precisionRecall();
  const steps = recall.size(0) - 1;
  return recall
    .diff()
    .mul(precision.narrow(0, 0, steps))
    .sum()
    .neg();
}
