import { cat, type Tensor, tensor } from '@lightning-ts/torch';
import { Metric } from '../metric.js';
import {
  type BoxFormat,
  boxIou,
  checkBoxFormat,
  checkImages,
  corners,
  type Detections,
  type GroundTruth,
  generalizedBoxIou,
} from './boxes.js';

export interface IntersectionOverUnionOptions {
  /** Default `xyxy`. */
  readonly boxFormat?: BoxFormat;
  /** Pairs below it are left out; default null, none. */
  readonly iouThreshold?: number | null;
  /** Whether the values of each class are given too. Default false. */
  readonly classMetrics?: boolean;
  /** Whether only boxes of one label are compared. Default true. */
  readonly respectLabels?: boolean;
}

export interface BoxIouOptions {
  /** Pairs below it become `replacementVal`; default null, none. */
  readonly iouThreshold?: number | null;
  /** Default 0. */
  readonly replacementVal?: number;
  /** Whether the mean over pairs (i, i) is given in place of the table [N, M]. Default true. */
  readonly aggregate?: boolean;
}

type Overlap = (a: Tensor, b: Tensor) => Tensor;
type Boxes = Omit<Detections, 'scores'>;

abstract class BoxOverlap extends Metric {
  declare protected overlaps: Tensor[];
  declare protected labels: Tensor[];
  declare protected seen: Tensor[];
  private readonly options: Required<IntersectionOverUnionOptions>;

  constructor(
    private readonly name: string,
    private readonly overlap: Overlap,
    options: IntersectionOverUnionOptions,
  ) {
    super();
    const { boxFormat = 'xyxy', iouThreshold = null, classMetrics = false, respectLabels = true } = options;
    checkBoxFormat(new.target.name, boxFormat);
    this.options = { boxFormat, iouThreshold, classMetrics, respectLabels };
    // Pair by pair: the overlaps that count, and the label of their target. Then the labels of all targets.
    this.addState('overlaps', [], { distReduceFx: 'cat' });
    this.addState('labels', [], { distReduceFx: 'cat' });
    this.addState('seen', [], { distReduceFx: 'cat' });
  }

  override get higherIsBetter(): boolean {
    return true;
  }

  /** Takes the boxes of some images in. @throws MetricError SHAPE_MISMATCH, DTYPE_INVALID */
  update(preds: readonly Boxes[], target: readonly GroundTruth[]): void {
    const { boxFormat, iouThreshold, respectLabels } = this.options;
    checkImages(this.constructor.name, preds, target, false);
    for (const [i, pred] of preds.entries()) {
      const truth = target[i]!;
      const truthLabels = truth.labels.long();
      this.seen = [...this.seen, truthLabels];
      if (pred.labels.numel() === 0 || truthLabels.numel() === 0) continue;
      const table = this.overlap(corners(pred.boxes, boxFormat), corners(truth.boxes, boxFormat));
      const tests = [
        ...(iouThreshold === null ? [] : [table.ge(iouThreshold)]),
        ...(respectLabels ? [pred.labels.unsqueeze(1).eq(truthLabels)] : []),
      ];
      const counts = tests.reduce((all, one) => all.logicalAnd(one), table.isnan().logicalNot());
      this.overlaps = [...this.overlaps, table.maskedSelect(counts)];
      this.labels = [...this.labels, truthLabels.expand([pred.labels.numel(), -1]).maskedSelect(counts)];
    }
  }

  /** The mean over all pairs, and with `classMetrics` that of each class; NaN where there is no pair. */
  compute(): Record<string, Tensor> {
    const overlaps = this.overlaps.length === 0 ? tensor([], { dtype: 'float32' }) : cat(this.overlaps);
    const values: Record<string, Tensor> = { [this.name]: overlaps.mean() };
    if (!this.options.classMetrics || this.seen.length === 0) return values;
    const labels = this.labels.length === 0 ? tensor([], { dtype: 'int64' }) : cat(this.labels);
    for (const label of [...new Set(cat(this.seen).tolist() as number[])].sort((a, b) => a - b))
      values[`${this.name}/cl_${label}`] = overlaps.maskedSelect(labels.eq(label)).mean();
    return values;
  }
}

/** The mean overlap of predicted and true boxes, by pairs: `{ iou }`, and `iou/cl_<label>` with `classMetrics`. */
export class IntersectionOverUnion extends BoxOverlap {
  constructor(options: IntersectionOverUnionOptions = {}) {
    super('iou', boxIou, options);
  }
}

/** The mean generalized overlap of predicted and true boxes, by pairs: `{ giou }`, and `giou/cl_<label>` with `classMetrics`. */
export class GeneralizedIntersectionOverUnion extends BoxOverlap {
  constructor(options: IntersectionOverUnionOptions = {}) {
    super('giou', generalizedBoxIou, options);
  }
}

function overlapOf(overlap: Overlap, preds: Tensor, target: Tensor, options: BoxIouOptions): Tensor {
  const { iouThreshold = null, replacementVal = 0, aggregate = true } = options;
  const table = overlap(preds, target);
  const kept = iouThreshold === null ? table : table.maskedFill(table.lt(iouThreshold), replacementVal);
  if (!aggregate) return kept;
  return kept.numel() === 0 ? kept.newZeros([]) : kept.diag().mean();
}

/** @param preds [N, 4] corners @param target [M, 4] corners */
export const intersectionOverUnion = (preds: Tensor, target: Tensor, options: BoxIouOptions = {}): Tensor =>
  overlapOf(boxIou, preds, target, options);
/** @param preds [N, 4] corners @param target [M, 4] corners */
export const generalizedIntersectionOverUnion = (preds: Tensor, target: Tensor, options: BoxIouOptions = {}): Tensor =>
  overlapOf(generalizedBoxIou, preds, target, options);
