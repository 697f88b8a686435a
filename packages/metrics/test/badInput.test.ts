import { rand, tensor, zeros } from '@lightning-ts/torch';
import { expect, it } from 'vitest';
import {
  type AnyMetric,
  BootStrapper,
  ClasswiseWrapper,
  IntersectionOverUnion,
  MeanAveragePrecision,
  MeanSquaredError,
  MetricTracker,
  MinMaxMetric,
  MulticlassAccuracy,
  MultiScaleStructuralSimilarityIndexMeasure,
  MultitaskWrapper,
  PeakSignalNoiseRatio,
  Running,
  SignalDistortionRatio,
  StructuralSimilarityIndexMeasure,
  signalNoiseRatio,
  structuralSimilarityIndexMeasure,
  TotalVariation,
} from '../src/index.js';

const image = (size: number) => rand([1, 1, size, size]);
const mse = () => new MeanSquaredError() as AnyMetric;
const found = { boxes: zeros([2, 4]), labels: tensor([0, 1]), scores: tensor([0.5, 0.5]) };

it.each<[string, () => unknown, RegExp]>([
  ['a range without width', () => new PeakSignalNoiseRatio({ dataRange: [1, 1] }), /OPTION_INVALID/],
  ['parts without a range', () => new PeakSignalNoiseRatio({ dim: [1] }), /OPTION_INVALID.*dataRange/],
  ['an even window', () => new StructuralSimilarityIndexMeasure({ kernelSize: 4 }), /OPTION_INVALID.*kernelSize/],
  ['a window without width', () => new StructuralSimilarityIndexMeasure({ sigma: 0 }), /OPTION_INVALID.*sigma/],
  ['small images', () => structuralSimilarityIndexMeasure(image(8), image(8)), /SHAPE_MISMATCH.*too small/],
  ['flat lists', () => structuralSimilarityIndexMeasure(zeros([4]), zeros([4])), /SHAPE_MISMATCH/],
  [
    'sigmas that are not as many',
    () => structuralSimilarityIndexMeasure(image(20), image(20), { sigma: [1, 1, 1] }),
    /SHAPE_MISMATCH.*sigma/,
  ],
  [
    'images too small for all scales',
    () => new MultiScaleStructuralSimilarityIndexMeasure().update(image(32), image(32)),
    /SHAPE_MISMATCH.*5 scales/,
  ],
  ['no scale', () => new MultiScaleStructuralSimilarityIndexMeasure({ betas: [] }), /OPTION_INVALID/],
  ['an image without batch', () => new TotalVariation().update(zeros([3, 4])), /SHAPE_MISMATCH/],
  ['signals of different lengths', () => signalNoiseRatio(zeros([4]), zeros([5])), /SHAPE_MISMATCH/],
  ['a filter without length', () => new SignalDistortionRatio({ filterLength: 0 }), /OPTION_INVALID/],
  ['an unknown box format', () => new MeanAveragePrecision({ boxFormat: 'xxyy' as never }), /OPTION_INVALID.*cxcywh/],
  [
    'limits that are not three',
    () => new MeanAveragePrecision({ maxDetectionThresholds: [1, 2] as never }),
    /OPTION_INVALID/,
  ],
  ['thresholds above 1', () => new MeanAveragePrecision({ iouThresholds: [1.5] }), /OPTION_INVALID/],
  [
    'images that are not as many',
    () => new MeanAveragePrecision().update([found], []),
    /SHAPE_MISMATCH.*1 predictions/,
  ],
  [
    'boxes without scores',
    () =>
      new MeanAveragePrecision().update(
        [{ boxes: zeros([1, 4]), labels: tensor([1]) } as never],
        [{ boxes: zeros([1, 4]), labels: tensor([1]) }],
      ),
    /OPTION_INVALID.*scores/,
  ],
  [
    'boxes of five numbers',
    () => new MeanAveragePrecision().update([{ ...found, boxes: zeros([2, 5]) }], [found]),
    /SHAPE_MISMATCH.*\[2,5\]/,
  ],
  [
    'labels that are no whole numbers',
    () => new IntersectionOverUnion().update([{ ...found, labels: tensor([0.5, 1]) }], [found]),
    /DTYPE_INVALID/,
  ],
  ['what is no metric', () => new BootStrapper({} as never), /OPTION_INVALID/],
  ['an unknown way to draw', () => new BootStrapper(mse(), { samplingStrategy: 'uniform' as never }), /OPTION_INVALID/],
  ['no tensor to draw from', () => new BootStrapper(mse()).update('text'), /OPTION_INVALID/],
  ['a window of no updates', () => new Running(mse(), 0), /OPTION_INVALID/],
  ['a tracker before its first step', () => new MetricTracker(mse()).update(zeros([1]), zeros([1])), /NOT_STARTED/],
  ['directions for a single metric', () => new MetricTracker(mse(), [true]), /OPTION_INVALID/],
  ['unknown tasks', () => new MultitaskWrapper({ a: mse() }).update({ b: 1 }, { a: 1 }), /OPTION_INVALID.*b/],
  [
    'labels that are not as many as classes',
    () => {
      const inner = new MulticlassAccuracy({ numClasses: 3, average: 'none' }) as AnyMetric;
      const metric = new ClasswiseWrapper(inner, { labels: ['one'] });
      metric.update(tensor([0]), tensor([0]));
      return metric.compute();
    },
    /SHAPE_MISMATCH/,
  ],
  [
    'extremes of several numbers',
    () => {
      const metric = new MinMaxMetric(new MulticlassAccuracy({ numClasses: 3, average: 'none' }) as AnyMetric);
      metric.update(tensor([0]), tensor([0]));
      return metric.compute();
    },
    /SHAPE_MISMATCH/,
  ],
])('refuses %s', (_, run, message) => {
  expect(run).toThrow(message);
});
