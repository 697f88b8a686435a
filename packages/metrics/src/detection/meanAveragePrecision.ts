import { cat, type Tensor, tensor, where, zerosLike } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { Metric } from '../metric.js';
import { checkChoice } from '../regression/inputs.js';
import {
  type BoxFormat,
  checkBoxFormat,
  checkImages,
  type Detections,
  extents,
  type GroundTruth,
  matchIou,
} from './boxes.js';
import { type EvaluatedImage, type Evaluation, evaluate, meanPrecision, meanRecall } from './cocoEvaluation.js';

export interface MeanAveragePrecisionOptions {
  /** Default `xyxy`. */
  readonly boxFormat?: BoxFormat;
  /** Overlaps from which a detection is right; default 0.5, 0.55, ... 0.95. */
  readonly iouThresholds?: readonly number[];
  /** Recalls that precision is read at; default 0, 0.01, ... 1. */
  readonly recThresholds?: readonly number[];
  /** How many detections of an image and class count, three limits; default 1, 10 and 100. */
  readonly maxDetectionThresholds?: readonly [number, number, number];
  /** Whether the values of each class are given too. Default false. */
  readonly classMetrics?: boolean;
  /** `macro` (default): the mean over classes; `micro`: all classes as one. */
  readonly average?: 'macro' | 'micro';
}

/**
 * 0-d each, -1 where there is nothing to find: `map`, `map_50`, `map_75`, `map_small`, `map_medium`, `map_large`,
 * `mar_1`, `mar_10`, `mar_100` (by the limits), `mar_small`, `mar_medium`, `mar_large`; `map_per_class` and
 * `mar_100_per_class` [classes], or -1 without `classMetrics`; `classes` int32 [classes], the labels that occur.
 */
export type MeanAveragePrecisionValue = Record<string, Tensor>;

/** Even steps, rounded as the challenge's own evaluation rounds them. */
const steps = (first: number, last: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => i * ((last - first) / (count - 1)) + first);

/**
 * The mean average precision of boxes by the rules of the COCO challenge. Boxes only; masks are not compared.
 *
 * `update(preds, target)`: for each image `{ boxes, scores, labels }`, and `{ boxes, labels, iscrowd?, area? }`.
 */
export class MeanAveragePrecision extends Metric {
  declare protected foundBoxes: Tensor[];
  declare protected foundScores: Tensor[];
  declare protected foundLabels: Tensor[];
  declare protected truthBoxes: Tensor[];
  declare protected truthLabels: Tensor[];
  declare protected truthCrowds: Tensor[];
  declare protected truthAreas: Tensor[];
  private readonly options: Required<MeanAveragePrecisionOptions>;

  /** @throws MetricError OPTION_INVALID */
  constructor(options: MeanAveragePrecisionOptions = {}) {
    super();
    const owner = 'MeanAveragePrecision';
    const {
      boxFormat = 'xyxy',
      iouThresholds = steps(0.5, 0.95, 10),
      recThresholds = steps(0, 1, 101),
      maxDetectionThresholds = [1, 10, 100],
      classMetrics = false,
      average = 'macro',
    } = options;
    checkBoxFormat(owner, boxFormat);
    checkChoice(owner, 'average', average, ['macro', 'micro']);
    checkFractions(owner, 'iouThresholds', iouThresholds);
    checkFractions(owner, 'recThresholds', recThresholds);
    const limits = [...maxDetectionThresholds].sort((a, b) => a - b) as [number, number, number];
    if (limits.length !== 3 || limits.some((limit) => !Number.isInteger(limit) || limit < 1)) {
      throw new MetricError(
        'OPTION_INVALID',
        `${owner}: maxDetectionThresholds is [${maxDetectionThresholds}]. Give three whole numbers above 0.`,
      );
    }
    this.options = { boxFormat, iouThresholds, recThresholds, maxDetectionThresholds: limits, classMetrics, average };
    for (const name of stateNames) this.addState(name, []);
  }

  override get higherIsBetter(): boolean {
    return true;
  }

  /** Takes some images in. @throws MetricError SHAPE_MISMATCH, DTYPE_INVALID, OPTION_INVALID */
  update(preds: readonly Detections[], target: readonly GroundTruth[]): void {
    checkImages('MeanAveragePrecision', preds, target, true);
    const boxesOf = (boxes: Tensor): Tensor =>
      boxes.numel() === 0 ? boxes.float().view([0, 4]) : extents(boxes.float(), this.options.boxFormat);
    this.foundBoxes = [...this.foundBoxes, ...preds.map(({ boxes }) => boxesOf(boxes))];
    this.foundScores = [...this.foundScores, ...preds.map(({ scores }) => scores.flatten())];
    this.foundLabels = [...this.foundLabels, ...preds.map(({ labels }) => labels.long().flatten())];
    this.truthBoxes = [...this.truthBoxes, ...target.map(({ boxes }) => boxesOf(boxes))];
    this.truthLabels = [...this.truthLabels, ...target.map(({ labels }) => labels.long().flatten())];
    this.truthCrowds = [
      ...this.truthCrowds,
      ...target.map(({ labels, iscrowd }) => (iscrowd ?? zerosLike(labels)).ne(0).flatten()),
    ];
    this.truthAreas = [
      ...this.truthAreas,
      ...target.map(({ labels, area }) => (area ?? zerosLike(labels)).double().flatten()),
    ];
  }

  compute(): MeanAveragePrecisionValue {
    const { average, classMetrics, maxDetectionThresholds: limits, iouThresholds } = this.options;
    const classes = this.classes();
    const images = this.images();
    const rules = { ...this.options, maxDetections: limits };
    const evaluation = evaluate(images, classes, rules);
    const whole = average === 'macro' ? evaluation : evaluate(images.map(asOneClass), [0], rules);
    const scalar = (value: number): Tensor => tensor(value, { dtype: 'float32' });
    const precision = (area: 'all' | 'small' | 'medium' | 'large', iou?: number): Tensor => {
      const threshold = iou === undefined ? undefined : iouThresholds.findIndex((one) => Math.abs(one - iou) < 1e-9);
      if (threshold === -1) return scalar(-1);
      return scalar(meanPrecision(whole, { area, limit: 2, ...(threshold === undefined ? {} : { threshold }) }));
    };
    const recall = (area: 'all' | 'small' | 'medium' | 'large', limit = 2): Tensor =>
      scalar(meanRecall(whole, { area, limit }));
    const each = (value: (one: Evaluation) => number): Tensor =>
      classMetrics
        ? tensor(
            evaluation.map((one) => value([one])),
            { dtype: 'float32' },
          )
        : scalar(-1);
    return {
      map: precision('all'),
      map_50: precision('all', 0.5),
      map_75: precision('all', 0.75),
      map_small: precision('small'),
      map_medium: precision('medium'),
      map_large: precision('large'),
      ...Object.fromEntries(limits.map((limit, i) => [`mar_${limit}`, recall('all', i)])),
      mar_small: recall('small'),
      mar_medium: recall('medium'),
      mar_large: recall('large'),
      map_per_class: each((one) => meanPrecision(one, { area: 'all', limit: 2 })),
      [`mar_${limits[2]}_per_class`]: each((one) => meanRecall(one, { area: 'all', limit: 2 })),
      classes: tensor(classes, { dtype: 'int32' }),
    };
  }

  private classes(): number[] {
    const labels = [...this.foundLabels, ...this.truthLabels];
    const seen = labels.length === 0 ? [] : (cat(labels).tolist() as number[]);
    return [...new Set(seen)].sort((a, b) => a - b);
  }

  /** All images as numbers; the overlaps of all pairs of boxes of an image come from one operation each. */
  private images(): EvaluatedImage[] {
    return this.foundBoxes.map((found, i) => {
      const boxes = found.double();
      const truth = this.truthBoxes[i]!.double();
      const crowds = this.truthCrowds[i]!;
      const areaOf = (all: Tensor): Tensor => all.select(1, 2).mul(all.select(1, 3));
      const given = this.truthAreas[i]!;
      return {
        labels: this.foundLabels[i]!.tolist() as number[],
        scores: this.foundScores[i]!.tolist() as number[],
        areas: areaOf(boxes).tolist() as number[],
        truthLabels: this.truthLabels[i]!.tolist() as number[],
        truthAreas: where(given.gt(0), given, areaOf(truth)).tolist() as number[],
        crowds: crowds.long().tolist() as number[],
        overlaps: matchIou(boxes, truth, crowds).flatten().tolist() as number[],
      };
    });
  }
}

const stateNames = [
  'foundBoxes',
  'foundScores',
  'foundLabels',
  'truthBoxes',
  'truthLabels',
  'truthCrowds',
  'truthAreas',
] as const;

const asOneClass = (image: EvaluatedImage): EvaluatedImage => ({
  ...image,
  labels: new Float64Array(image.labels.length),
  truthLabels: new Float64Array(image.truthLabels.length),
});

function checkFractions(owner: string, name: string, values: readonly number[]): void {
  if (values.length > 0 && values.every((value) => value >= 0 && value <= 1)) return;
  throw new MetricError('OPTION_INVALID', `${owner}: ${name} is [${values}]. Give one or more numbers from 0 to 1.`);
}
