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
export * from './classification/accuracy.js';
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
export * from './classification/exactMatch.js';
export * from './classification/fBeta.js';
export * from './classification/hammingDistance.js';
export * from './classification/hingeLoss.js';
export * from './classification/jaccardIndex.js';
export * from './classification/matthewsCorrCoef.js';
export type {
  Average,
  BinaryOptions,
  MulticlassOptions,
  MultilabelOptions,
  Task,
  TaskOptions,
} from './classification/options.js';
export * from './classification/precision.js';
export * from './classification/precisionRecallCurve.js';
export type { Curve, CurveOptions, Thresholds } from './classification/rankedScores.js';
export * from './classification/recall.js';
export * from './classification/roc.js';
export * from './classification/specificity.js';
export { MetricError, type MetricErrorCode, metricErrorCodes } from './errors.js';
export { Metric, type MetricStates, type StateOptions } from './metric.js';
export { MetricCollection, type MetricCollectionOptions } from './metricCollection.js';
export type { Reduction, StateValue } from './metricState.js';
