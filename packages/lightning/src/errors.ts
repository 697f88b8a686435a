/** Every code an error of this package may carry, and when it does. Codes are stable; messages are not. */
export const errorCodes = {
  // options
  OPTION_UNKNOWN: 'An option has a name that nobody reads, or one that older versions had.',
  OPTION_INVALID: 'An option has a value outside what it accepts.',
  OPTION_CONFLICT: 'Two options, or an option and the model, contradict each other.',
  OPTION_UNAVAILABLE: 'An option asks for something that is known but that this version or machine cannot do.',
  // model
  MODEL_INVALID: 'What was given as the model is not a LightningModule.',
  MODEL_MISSING: 'An entry point was called without a model, and no earlier call had one.',
  NOT_ATTACHED: 'A member that needs a running Trainer was used without one.',
  NO_FORWARD: 'forward was called on a module that has none.',
  NO_TRAINING_STEP: 'fit was called with a module that has no trainingStep.',
  NO_EVALUATION_STEP: 'validate, test or predict was called with a module that lacks the step it needs.',
  NO_CONFIGURE_OPTIMIZERS: 'fit was called with a module that has no configureOptimizers.',
  HOOK_REMOVED: 'The module or callback has a hook that older versions called and this one never does.',
  HOOK_INVALID: 'Something other than a function stands where a hook belongs.',
  HOOK_ASYNC: 'A hook that must finish at once returned a promise.',
  HOOK_RETURN: 'A hook returned something that cannot be used where its result is needed.',
  // steps and optimization
  TRAINING_STEP_OUTPUT: 'trainingStep returned something that is neither a loss, { loss }, nor null.',
  LOSS_WITHOUT_GRAD: 'The loss does not depend on any parameter that requires a gradient.',
  LOSS_NOT_SCALAR: 'The loss has more than one element.',
  CLOSURE_NOT_RUN: 'optimizerStep returned without running the closure that computes the loss.',
  OPTIMIZERS_INVALID: 'configureOptimizers returned something that is not one of the accepted forms.',
  OPTIMIZER_COUNT: 'Another number of optimizers was expected.',
  OPTIMIZATION_MODE: 'A call that belongs to manual optimization was made in automatic mode, or the other way round.',
  SCHEDULER_INVALID: 'A learning-rate scheduler entry has a value outside what it accepts.',
  MONITOR_MISSING: 'A callback or scheduler watches a metric that was never logged.',
  // logging
  LOG_NOT_ALLOWED: 'log was called in a hook where nothing can be logged, or with a cadence the hook does not have.',
  LOG_VALUE: 'The logged value is not a number, a boolean, a tensor of one element, or a metric.',
  LOG_OPTIONS: 'log was given options that contradict each other or an earlier call for the same name.',
  LOG_BATCH_SIZE: 'The size of the batch, which weights the epoch mean, cannot be found in the batch.',
  LOG_METRIC: 'The logged metric is not an attribute of the module, or its value is not a single number.',
  // data
  LOADER_MISSING: 'A stage has no data to run on.',
  LOADER_INVALID: 'What was given as a loader cannot be iterated.',
  LOADER_EMPTY: 'A loader yields no batches.',
  LOADER_LENGTH: 'A limit or interval needs the number of batches, and the loader does not know it or is too short.',
  LOADER_STATE: 'A saved loader position does not fit the loader.',
  // hyperparameters
  HPARAMS_INVALID: 'saveHyperparameters was given something other than an object of options.',
  // checkpoints
  CHECKPOINT_NOT_FOUND: 'No checkpoint is at the given path, or none was written yet.',
  CHECKPOINT_INVALID: 'The file is not a checkpoint of a LightningModule, or does not fit the model and the Trainer.',
  CHECKPOINT_DAMAGED: 'The file of a checkpoint is cut or was changed.',
  CHECKPOINT_TEMPLATE: 'The pattern for checkpoint file names cannot be read.',
  CHECKPOINT_NAME_KEY: 'The pattern for checkpoint file names uses a value that was not logged.',
  CALLBACK_STATE_KEY: 'Two callbacks with state share one state key.',
  EXPORT_INPUT: 'A model was to be exported without an example of its inputs.',
  // loggers
  LOGGER_VALUE: 'A logger was given a value it cannot store.',
  // profilers
  PROFILER_ACTION: 'A profiler was told to start an action that is running, or to stop one that is not.',
  // several processes
  ENVIRONMENT_INVALID:
    'The environment variables by which processes find each other are missing or contradict the options.',
  LAUNCH_IMPOSSIBLE: 'Other processes were to be started, but this one does not run a script that they could run.',
  BATCH_MISSING: 'A training loader gave null for a batch in one of several processes.',
  RANK_FAILED: 'Another process of the job failed, and the job with it. The cause is its error.',
  // cross-validation
  FOLDS_INVALID: 'The samples cannot be split into folds as asked, or the folds do not fit the dataset.',
  FOLD_FAILED: 'A fold of crossValidate failed, and the run with it. The cause is its error.',
  STATISTICS_INPUT: 'A statistical test was given scores that it cannot compare.',
  // running
  RUN_ACTIVE: 'An entry point was called while the Trainer was already running.',
  RUN_INTERRUPTED: 'A signal ended the run.',
  TEARDOWN_FAILED: 'Something failed while the run was being torn down.',
} as const satisfies Record<string, string>;

/** One of the keys of {@link errorCodes}. */
export type LightningErrorCode = keyof typeof errorCodes;

/** An error of this package: what was expected, what came, and what to do, under a stable code. */
export class LightningError extends Error {
  readonly code: LightningErrorCode;

  constructor(code: LightningErrorCode, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.name = 'LightningError';
    this.code = code;
  }
}
