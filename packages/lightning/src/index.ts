export { Callback } from './callbacks/callback.js';
export type { ModelCheckpointOptions } from './callbacks/checkpointOptions.js';
export type { Duration, DurationParts } from './callbacks/duration.js';
export { EarlyStopping, type EarlyStoppingOptions, StoppingReason } from './callbacks/earlyStopping.js';
export { GradientAccumulationScheduler } from './callbacks/gradientAccumulationScheduler.js';
export { LambdaCallback } from './callbacks/lambdaCallback.js';
export { LearningRateMonitor, type LearningRateMonitorOptions } from './callbacks/learningRateMonitor.js';
export { ModelCheckpoint } from './callbacks/modelCheckpoint.js';
export { ModelSummary, type ModelSummaryOptions } from './callbacks/modelSummary.js';
export { OnExceptionCheckpoint } from './callbacks/onExceptionCheckpoint.js';
export { ProgressBar, type ProgressBarOptions } from './callbacks/progressBar.js';
export { Timer, type TimerOptions } from './callbacks/timer.js';
export { errorCodes, LightningError, type LightningErrorCode } from './errors.js';
export { type HookResult, type ModuleHooks, type Stage, type StepOutputs, stages } from './hooks/trainerHooks.js';
export { CSVLogger, type CSVLoggerOptions } from './loggers/csvLogger.js';
export { type LoggedParams, Logger, type LoggerStatus } from './loggers/logger.js';
export { LightningOptimizer } from './loops/lightningOptimizer.js';
export type { SchedulerConfig } from './loops/schedulers.js';
export { type DatasetChoices, LightningDataModule } from './module/dataModule.js';
export type { SaveHyperparametersOptions } from './module/hparams.js';
export {
  type AnyLightningModule,
  type GradientClipAlgorithm,
  LightningModule,
  type StepOutput,
} from './module/lightningModule.js';
export type { EvaluationLoaders, Loader } from './module/loaderTypes.js';
export type { LoadFromCheckpointOptions } from './module/loadFromCheckpoint.js';
export type { LogDictOptions, LoggedValue, LogOptions, ReduceFx } from './module/log.js';
export type { BackwardOptions } from './module/moduleContext.js';
export type { AnyScheduler, OptimizerOptions, OptimizersConfig, SchedulerOptions } from './module/optimizersConfig.js';
export type { Precision, PrecisionName, PrecisionOption } from './precision/precision.js';
export { seedEverything } from './seedEverything.js';
export { SingleDeviceStrategy } from './strategies/singleDeviceStrategy.js';
export type { ReduceOp, Strategy } from './strategies/strategy.js';
export { type LayerSummary, type ModelDescription, type SummaryOptions, summarize } from './summary/modelSummary.js';
export type { BarView, ProgressLayout } from './terminal/progressLayout.js';
export { BoringModel, RandomDataset } from './testing/boringModel.js';
export { MemoryLogger } from './testing/memoryLogger.js';
export { RecordingCallback, recordModule } from './testing/recordingCallback.js';
export type { CheckpointData } from './trainer/checkpointData.js';
export type { EvaluationOptions, FitOptions, PredictOptions } from './trainer/entryOptions.js';
export type { FitResult } from './trainer/fitResult.js';
export type { AcceleratorName, Amount, TrainerOptions } from './trainer/options.js';
export { Trainer } from './trainer/trainer.js';
