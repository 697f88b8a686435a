export { BackboneFinetuning, type BackboneFinetuningOptions } from './callbacks/backboneFinetuning.js';
export { BaseFinetuning } from './callbacks/baseFinetuning.js';
export {
  BasePredictionWriter,
  type PredictionWriterOptions,
  type WriteInterval,
} from './callbacks/basePredictionWriter.js';
export { Callback } from './callbacks/callback.js';
export type { ModelCheckpointOptions } from './callbacks/checkpointOptions.js';
export { DeviceStatsMonitor, type DeviceStatsMonitorOptions } from './callbacks/deviceStatsMonitor.js';
export type { Duration, DurationParts } from './callbacks/duration.js';
export { EarlyStopping, type EarlyStoppingOptions, StoppingReason } from './callbacks/earlyStopping.js';
export { EMAWeightAveraging, type EMAWeightAveragingOptions } from './callbacks/emaWeightAveraging.js';
export type { Modules } from './callbacks/frozenModules.js';
export {
  GradientAccumulationScheduler,
  type GradientAccumulationSchedulerOptions,
} from './callbacks/gradientAccumulationScheduler.js';
export { LambdaCallback } from './callbacks/lambdaCallback.js';
export { LearningRateMonitor, type LearningRateMonitorOptions } from './callbacks/learningRateMonitor.js';
export { ModelCheckpoint } from './callbacks/modelCheckpoint.js';
export { ModelSummary, type ModelSummaryOptions } from './callbacks/modelSummary.js';
export { OnExceptionCheckpoint } from './callbacks/onExceptionCheckpoint.js';
export { ProgressBar, type ProgressBarOptions } from './callbacks/progressBar.js';
export { RichModelSummary, type RichModelSummaryOptions } from './callbacks/richModelSummary.js';
export { RichProgressBar, type RichProgressBarOptions } from './callbacks/richProgressBar.js';
export { Timer, type TimerOptions } from './callbacks/timer.js';
export { TQDMProgressBar, type TQDMProgressBarOptions } from './callbacks/tqdmProgressBar.js';
export { type UpdateMoment, WeightAveraging, type WeightAveragingOptions } from './callbacks/weightAveraging.js';
export { AsyncCheckpointIO } from './checkpoint/asyncCheckpointIo.js';
export { type CheckpointIO, type DuplicateKind, TorchCheckpointIO } from './checkpoint/checkpointIo.js';
export {
  type CrossValidationOptions,
  crossValidate,
  type FoldLoaderOptions,
} from './crossValidation/crossValidate.js';
export {
  type CompareOptions,
  type Comparison,
  CrossValidationResult,
  type FoldResult,
  type MetricSummary,
} from './crossValidation/crossValidationResult.js';
export type { Fold, SampleLabels, Samples } from './crossValidation/fold.js';
export { GroupKFold, type GroupKFoldOptions } from './crossValidation/groupKFold.js';
export { KFold } from './crossValidation/kFold.js';
export {
  type Alternative,
  correctedPairedTTest,
  type FoldSizes,
  type PairedTestOptions,
  pairedTTest,
  type ScoreSummary,
  summarizeScores,
  type TTestResult,
  type WilcoxonResult,
  wilcoxonSignedRank,
} from './crossValidation/pairedTests.js';
export {
  RepeatedKFold,
  type RepeatedKFoldOptions,
  RepeatedStratifiedKFold,
} from './crossValidation/repeatedKFold.js';
export type { KFoldOptions } from './crossValidation/splitterOptions.js';
export { StratifiedGroupKFold } from './crossValidation/stratifiedGroupKFold.js';
export { StratifiedKFold } from './crossValidation/stratifiedKFold.js';
export { TimeSeriesSplit, type TimeSeriesSplitOptions } from './crossValidation/timeSeriesSplit.js';
export { errorCodes, LightningError, type LightningErrorCode } from './errors.js';
export type { ExampleInput } from './exampleInputs.js';
export { gradNorm } from './gradNorm.js';
export { type HookResult, type ModuleHooks, type Stage, type StepOutputs, stages } from './hooks/trainerHooks.js';
export type { RankOutput } from './launchers/launchedRanks.js';
export { CSVLogger, type CSVLoggerOptions } from './loggers/csvLogger.js';
export { DummyLogger } from './loggers/dummyLogger.js';
export { type LoggedParams, Logger, type LoggerStatus, type RowMoment } from './loggers/logger.js';
export { TensorBoardLogger, type TensorBoardLoggerOptions } from './loggers/tensorBoardLogger.js';
export type { EmbeddingOptions } from './loggers/tensorboard/embeddingFiles.js';
export type { HparamDomains, HparamValue } from './loggers/tensorboard/hparamsSummary.js';
export type { ImageFormat, ImagesFormat } from './loggers/tensorboard/images.js';
export { SummaryWriter, type SummaryWriterOptions } from './loggers/tensorboard/summaryWriter.js';
export type { LoggedName } from './logging/logEntry.js';
export { type BatchesOf, CombinedLoader, type CombinedState } from './loops/combinedLoader.js';
export type { CombinedItem, CombinedMode } from './loops/combinedWalk.js';
export { LightningOptimizer } from './loops/lightningOptimizer.js';
export type { AccumulationDivisor } from './loops/run.js';
export type { SchedulerConfig } from './loops/schedulers.js';
export { type DatasetChoices, type Datasets, LightningDataModule } from './module/dataModule.js';
export type { SaveHyperparametersOptions } from './module/hparams.js';
export {
  type AnyLightningModule,
  type Gathered,
  type GradientClipAlgorithm,
  LightningModule,
  type StepOutput,
} from './module/lightningModule.js';
export type { EvaluationLoaders, Loader, LoadersOf, TrainLoaders } from './module/loaderTypes.js';
export type { LoadFromCheckpointOptions } from './module/loadFromCheckpoint.js';
export type { LogDictOptions, LoggedValue, LogOptions, ReduceFx, XAxis } from './module/log.js';
export type { BackwardOptions, GatherOptions } from './module/moduleContext.js';
export type { AnyScheduler, OptimizerOptions, OptimizersConfig, SchedulerOptions } from './module/optimizersConfig.js';
export type { TorchscriptOptions } from './module/torchscript.js';
export { MixedPrecision, type MixedPrecisionOptions } from './precision/mixedPrecision.js';
export { Precision, type PrecisionName, type PrecisionOption } from './precision/precision.js';
export { DoublePrecision, HalfPrecision } from './precision/truePrecision.js';
export { AdvancedProfiler, type AdvancedProfilerOptions } from './profilers/advancedProfiler.js';
export { PassThroughProfiler } from './profilers/passThroughProfiler.js';
export { Profiler, type ProfilerOptions, type ProfilerSetup } from './profilers/profiler.js';
export { PyTorchProfiler, type PyTorchProfilerOptions } from './profilers/pyTorchProfiler.js';
export { SimpleProfiler, type SimpleProfilerOptions } from './profilers/simpleProfiler.js';
export { rankZeroInfo, rankZeroOnly, rankZeroWarn } from './rankZero.js';
export { seedEverything } from './seedEverything.js';
export { ClusterEnvironment } from './strategies/clusterEnvironment.js';
export { DDPStrategy, type DDPStrategyOptions } from './strategies/ddpStrategy.js';
export { KubeflowEnvironment } from './strategies/environments/kubeflowEnvironment.js';
export { LightningEnvironment } from './strategies/environments/lightningEnvironment.js';
export { LSFEnvironment } from './strategies/environments/lsfEnvironment.js';
export { MPIEnvironment } from './strategies/environments/mpiEnvironment.js';
export { TorchElasticEnvironment } from './strategies/environments/torchElasticEnvironment.js';
export { VariablesEnvironment } from './strategies/environments/variablesEnvironment.js';
export { LayerSync, TorchSyncBatchNorm } from './strategies/layerSync.js';
export { moveToDevice as moveDataToDevice } from './strategies/moveToDevice.js';
export { SingleDeviceStrategy } from './strategies/singleDeviceStrategy.js';
export { SLURMEnvironment, type SLURMEnvironmentOptions } from './strategies/slurmEnvironment.js';
export type { ReduceOp, Strategy, StrategyResources } from './strategies/strategy.js';
export { type RegisterOptions, type StrategyEntry, StrategyRegistry } from './strategies/strategyRegistry.js';
export { type LayerSummary, type ModelDescription, type SummaryOptions, summarize } from './summary/modelSummary.js';
export type { BarView, ProgressLayout } from './terminal/progressLayout.js';
export type { RichProgressBarTheme } from './terminal/richLayout.js';
export { BoringModel, RandomDataset } from './testing/boringModel.js';
export { MemoryLogger } from './testing/memoryLogger.js';
export { RecordingCallback, recordModule } from './testing/recordingCallback.js';
export type { CheckpointData } from './trainer/checkpointData.js';
export type { EvaluationOptions, FitOptions, PredictOptions } from './trainer/entryOptions.js';
export type { FitResult } from './trainer/fitResult.js';
export type { AcceleratorName, Amount, StrategyName, TrainerOptions } from './trainer/options.js';
export type { Prediction } from './trainer/predictionStream.js';
export type { Plugin } from './trainer/resolvePlugins.js';
export { Trainer } from './trainer/trainer.js';
export type { RunCounters } from './trainer/trainerProperties.js';
export * as utilities from './utilities.js';
