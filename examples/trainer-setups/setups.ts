import {
  CSVLogger,
  EarlyStopping,
  GradientAccumulationScheduler,
  LearningRateMonitor,
  ModelCheckpoint,
  ModelSummary,
  RichProgressBar,
  TensorBoardLogger,
  Timer,
  type TrainerOptions,
} from '@lightning-ts/lightning';

/** Trainer options by what they are for: `new Trainer(setups.standard())`. Each call makes new callbacks and loggers. */
export const setups = {
  /** Checkpoints of the best three, early stopping, learning rates in the log, a progress bar. */
  standard: (): TrainerOptions => ({
    maxEpochs: 100,
    accelerator: 'auto',
    devices: 'auto',
    strategy: 'auto',
    callbacks: [
      new ModelCheckpoint({
        dirpath: 'checkpoints/',
        filename: '{epoch}-{val/acc:.3f}',
        monitor: 'val/acc',
        mode: 'max',
        saveTopK: 3,
        saveLast: true,
      }),
      new EarlyStopping({ monitor: 'val/loss', patience: 10, mode: 'min', verbose: true }),
      new LearningRateMonitor({ loggingInterval: 'step' }),
      new RichProgressBar(),
    ],
    logger: new TensorBoardLogger('logs', { name: 'resnet50-baseline' }),
    deterministic: true,
    gradientClipVal: 1.0,
    accumulateGradBatches: 1,
    valCheckInterval: { fraction: 1 },
    logEveryNSteps: 50,
  }),

  /** One batch of everything, without files: finds mistakes in seconds. */
  debugging: (): TrainerOptions => ({ fastDevRun: true }),

  /** Can the model learn ten batches by heart? */
  overfitting: (): TrainerOptions => ({ overfitBatches: 10, maxEpochs: 50, enableCheckpointing: false }),

  /** Gradients of four batches for one step. */
  gradientAccumulation: (): TrainerOptions => ({ accumulateGradBatches: 4 }),

  /** More batches for one step as training goes on. */
  growingAccumulation: (): TrainerOptions => ({ callbacks: [new GradientAccumulationScheduler({ 0: 1, 4: 2, 8: 4 })] }),

  /** Gradient clipping by norm. */
  gradientClipping: (): TrainerOptions => ({ gradientClipVal: 0.5, gradientClipAlgorithm: 'norm' }),

  /** Forward in bfloat16 where that is safe, weights in float32. */
  mixedPrecision: (): TrainerOptions => ({ precision: 'bf16-mixed' }),

  /** All in float64. */
  doublePrecision: (): TrainerOptions => ({ precision: '64-true' }),

  /** Validation every 500 batches rather than at the end of an epoch, on a tenth of its data. */
  longEpochs: (): TrainerOptions => ({ valCheckInterval: 500, limitValBatches: '10%' }),

  /** Ends after eight hours, with a checkpoint of every half. */
  limitedTime: (): TrainerOptions => ({
    maxTime: { hours: 8 },
    callbacks: [new ModelCheckpoint({ trainTimeInterval: { minutes: 30 }, saveLast: true })],
  }),

  /** Ends after a number of optimizer steps, whatever the epochs. */
  limitedSteps: (): TrainerOptions => ({ maxSteps: 10_000, callbacks: [new Timer({ interval: 'epoch' })] }),

  /** Nothing beside training: for measuring speed. */
  barebones: (): TrainerOptions => ({ barebones: true, maxEpochs: 1 }),

  /** Where the time goes. */
  profiling: (): TrainerOptions => ({ profiler: 'simple', maxSteps: 100 }),

  /** A quiet run for a batch system: no bar, a deeper summary, logs as CSV. */
  quiet: (): TrainerOptions => ({
    enableProgressBar: false,
    callbacks: [new ModelSummary({ maxDepth: 2 })],
    logger: new CSVLogger('logs'),
  }),
} satisfies Record<string, () => TrainerOptions>;

/** For several GPUs. On a machine without them, the Trainer says so when it is made. */
export const multiGpuSetups = {
  /** A copy of the model on each of four GPUs. */
  ddp: (): Record<string, unknown> => ({
    accelerator: 'gpu',
    devices: 4,
    strategy: 'ddp',
    precision: '16-mixed',
    syncBatchnorm: true, // Important for multi-GPU with batch norm
  }),
};
