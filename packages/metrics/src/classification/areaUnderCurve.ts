import { arange, stack, type Tensor, trapz, warn } from '@lightning-ts/torch';
import type { Recipe } from '../recipe.js';
import {
  checkCurveAverage,
  type MulticlassCurveOptions,
  type MultilabelCurveOptions,
  multiclassCurve,
  multilabelCurve,
} from './curveOptions.js';
import type { Average } from './options.js';
import type { RankedScores } from './rankedScores.js';

export interface MulticlassAreaOptions extends MulticlassCurveOptions {
  /** `macro` (default), `weighted` by how often each class is the target, or `none`. */
  readonly average?: Exclude<Average, 'micro'>;
}
export interface MultilabelAreaOptions extends MultilabelCurveOptions {
  /** Default `macro`. */
  readonly average?: Average;
}

/** The area under the points (x, y), by trapezoids: 0-d. */
export const trapezoids = (x: Tensor, y: Tensor): Tensor => trapz(y, x);

/** The recipes of an area for many classes and for labels; `name` is in the messages of errors. */
export const areaRecipes = (name: string, areaOf: (ranked: RankedScores) => Tensor) => ({
  multiclass(options: MulticlassAreaOptions): Recipe<Tensor> {
    const { average = 'macro' } = options;
    const owner = `Multiclass${name}`;
    checkCurveAverage(owner, average, ['macro', 'weighted', 'none']);
    const value = (ranked: RankedScores[]) => averageAreas(owner, ranked, ranked.map(areaOf), average);
    return multiclassCurve(owner, options, value, true);
  },
  multilabel(options: MultilabelAreaOptions): Recipe<Tensor> {
    const { average = 'macro' } = options;
    const owner = `Multilabel${name}`;
    checkCurveAverage(owner, average, ['micro', 'macro', 'weighted', 'none']);
    const isPooled = average === 'micro';
    const value = (ranked: RankedScores[]) =>
      isPooled ? areaOf(ranked[0]!) : averageAreas(owner, ranked, ranked.map(areaOf), average);
    return multilabelCurve(owner, options, value, true, isPooled);
  },
});

/** One value from those of each class: NaN, of classes that never occurred, is left out with a warning. */
function averageAreas(owner: string, ranked: RankedScores[], areas: Tensor[], average: Average): Tensor {
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
  const whole = maxFpr === null || maxFpr === 1 ? ranked.rocArea() : null;
  if (whole !== null) return whole;
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
