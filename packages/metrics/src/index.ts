export {
  type AggregationInput,
  type AggregationOptions,
  CatMetric,
  MaxMetric,
  MeanMetric,
  MinMetric,
  type NanStrategy,
  SumMetric,
} from './aggregation.js';
export * from './audio/signalDistortionRatio.js';
export {
  ScaleInvariantSignalDistortionRatio,
  ScaleInvariantSignalNoiseRatio,
  SignalNoiseRatio,
  scaleInvariantSignalDistortionRatio,
  scaleInvariantSignalNoiseRatio,
  signalNoiseRatio,
  type ZeroMeanOptions,
} from './audio/signalRatios.js';
export * from './classification/accuracy.js';
export type { MulticlassAreaOptions, MultilabelAreaOptions } from './classification/areaUnderCurve.js';
export * from './classification/auroc.js';
export * from './classification/averagePrecision.js';
export * from './classification/calibrationError.js';
export { classificationReport, type ReportOptions } from './classification/classificationReport.js';
export * from './classification/cohenKappa.js';
export {
  BinaryConfusionMatrix,
  binaryConfusionMatrix,
  ConfusionMatrix,
  confusionMatrix,
  MulticlassConfusionMatrix,
  type MulticlassMatrixOptions,
  MultilabelConfusionMatrix,
  multiclassConfusionMatrix,
  multilabelConfusionMatrix,
  type Normalize,
} from './classification/confusionMatrix.js';
export * from './classification/dice.js';
export * from './classification/exactMatch.js';
export * from './classification/fBeta.js';
export * from './classification/hammingDistance.js';
export * from './classification/hingeLoss.js';
export * from './classification/jaccardIndex.js';
export * from './classification/matthewsCorrCoef.js';
export type {
  Average,
  BinaryOptions,
  BinaryScoreOptions,
  MulticlassOptions,
  MulticlassScoreOptions,
  MultidimAverage,
  MultilabelOptions,
  MultilabelScoreOptions,
  Task,
  TaskOptions,
  TaskScoreOptions,
} from './classification/options.js';
export * from './classification/precision.js';
export * from './classification/precisionRecallCurve.js';
export type { Curve, CurveOptions, Thresholds } from './classification/rankedScores.js';
export * from './classification/recall.js';
export * from './classification/roc.js';
export * from './classification/specificity.js';
export type { BoxFormat, Detections, GroundTruth } from './detection/boxes.js';
export * from './detection/intersectionOverUnion.js';
export {
  MeanAveragePrecision,
  type MeanAveragePrecisionOptions,
  type MeanAveragePrecisionValue,
} from './detection/meanAveragePrecision.js';
export { MetricError, type MetricErrorCode, metricErrorCodes } from './errors.js';
export {
  type FeatureExtractor,
  FrechetInceptionDistance,
  type FrechetInceptionDistanceOptions,
} from './image/frechetInceptionDistance.js';
export {
  type DataRange,
  PeakSignalNoiseRatio,
  type PeakSignalNoiseRatioOptions,
  peakSignalNoiseRatio,
} from './image/peakSignalNoiseRatio.js';
export * from './image/structuralSimilarity.js';
export * from './image/totalVariation.js';
export { Metric, type MetricStates, type StateOptions } from './metric.js';
export { MetricCollection, type MetricCollectionOptions } from './metricCollection.js';
export type { JoinStates, Reduction, StateValue } from './metricState.js';
export type { MetricSync } from './metricSync.js';
export { ConcordanceCorrCoef, concordanceCorrCoef } from './regression/concordanceCorrCoef.js';
export * from './regression/cosineSimilarity.js';
export * from './regression/explainedVariance.js';
export type { Multioutput, OutputOptions, SampleReduction } from './regression/inputs.js';
export * from './regression/kendallRankCorrCoef.js';
export * from './regression/klDivergence.js';
export * from './regression/logCoshError.js';
export * from './regression/meanAbsoluteError.js';
export * from './regression/meanAbsolutePercentageError.js';
export * from './regression/meanSquaredError.js';
export * from './regression/meanSquaredLogError.js';
export * from './regression/minkowskiDistance.js';
export { PearsonCorrCoef, pearsonCorrCoef } from './regression/pearsonCorrCoef.js';
export { R2Score, type R2ScoreOptions, r2Score } from './regression/r2Score.js';
export * from './regression/relativeSquaredError.js';
export * from './regression/spearmanCorrCoef.js';
export * from './regression/tweedieDevianceScore.js';
export * from './text/bleuScore.js';
export { EditDistance, type EditDistanceOptions, editDistance } from './text/editDistance.js';
export * from './text/errorRates.js';
export * from './text/perplexity.js';
export * from './text/rougeScore.js';
export type { References, Sentences } from './text/sentences.js';
export type { BleuTokenizer } from './text/tokenizers.js';
export { BootStrapper, type BootStrapperOptions } from './wrappers/bootStrapper.js';
export { type ClasswiseOptions, ClasswiseWrapper } from './wrappers/classwiseWrapper.js';
export { type BestValue, MetricTracker } from './wrappers/metricTracker.js';
export { MinMaxMetric, type MinMaxValue } from './wrappers/minMaxMetric.js';
export { type MultioutputOptions, MultioutputWrapper } from './wrappers/multioutputWrapper.js';
export { MultitaskWrapper } from './wrappers/multitaskWrapper.js';
export { Running, RunningMean, RunningSum } from './wrappers/running.js';
export { type AnyMetric, WrapperMetric } from './wrappers/wrapperMetric.js';
