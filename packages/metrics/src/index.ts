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
export { classificationReport, type ReportOptions } from './classification/classificationReport.js';
export * from './classification/confusionMatrix.js';
export * from './classification/fBeta.js';
export * from './classification/hammingDistance.js';
export type {
  Average,
  BinaryOptions,
  MulticlassOptions,
  MultilabelOptions,
  Task,
  TaskOptions,
} from './classification/options.js';
export * from './classification/precision.js';
export * from './classification/recall.js';
export * from './classification/specificity.js';
export { MetricError, type MetricErrorCode, metricErrorCodes } from './errors.js';
export { Metric, type MetricStates, type StateOptions } from './metric.js';
export { MetricCollection, type MetricCollectionOptions } from './metricCollection.js';
export type { Reduction, StateValue } from './metricState.js';
