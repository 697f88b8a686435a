import type { EvaluationRun, FitRun } from '../loops/run.js';
import type { Profiler } from '../profilers/profiler.js';
import type { Session } from './session.js';

type Method = (...args: unknown[]) => unknown;

/** Puts something back as it was. */
type Undo = () => void;

/** Methods of a module that are actions of their own, by their names in reports. */
const moduleActions = {
  configureCallbacks: 'configure_callbacks',
  configureModel: 'configure_model',
  configureOptimizers: 'configure_optimizers',
  configureGradientClipping: 'configure_gradient_clipping',
  prepareData: 'prepare_data',
  optimizerStep: 'optimizer_step',
  optimizerZeroGrad: 'optimizer_zero_grad',
  lrSchedulerStep: 'lr_scheduler_step',
  trainDataloader: 'train_dataloader',
  valDataloader: 'val_dataloader',
  testDataloader: 'test_dataloader',
  predictDataloader: 'predict_dataloader',
  onBeforeBatchTransfer: 'on_before_batch_transfer',
  transferBatchToDevice: 'transfer_batch_to_device',
  onAfterBatchTransfer: 'on_after_batch_transfer',
  onSaveCheckpoint: 'on_save_checkpoint',
  onLoadCheckpoint: 'on_load_checkpoint',
} as const;

/** What reports show as the strategy's, because that is where the reference calls it. */
const stepActions = {
  trainingStep: 'training_step',
  validationStep: 'validation_step',
  testStep: 'test_step',
  predictStep: 'predict_step',
} as const;

const strategyActions = { backward: 'backward', batchToDevice: 'batch_to_device' } as const;

/**
 * Has a profiler measure what everything in a run does beside its hooks, by methods of their own on the objects that take part.
 * Hooks are measured by the hook table. Without a profiler none of this happens, and nothing is slower.
 *
 * @returns puts the objects back
 */
export function profileSession(session: Session, profiler: Profiler): Undo {
  const { callbacks, data, dataModule, module, trainer } = session;
  const { strategy } = trainer;
  const undo: Undo[] = [];
  const measure = (target: object, names: Readonly<Record<string, string>>, prefix: string): void => {
    for (const [name, action] of Object.entries(names))
      undo.push(measureMethod(target, name, `${prefix}${action}`, profiler));
  };
  const strategyName = `[Strategy]${strategy.constructor.name}.`;
  measure(module, moduleActions, `[LightningModule]${module.constructor.name}.`);
  measure(module, stepActions, strategyName);
  measure(strategy, strategyActions, strategyName);
  if (dataModule !== null) measure(dataModule, moduleActions, `[LightningDataModule]${dataModule.constructor.name}.`);
  for (const callback of callbacks) {
    measure(
      callback,
      { onSaveCheckpoint: 'on_save_checkpoint', onLoadCheckpoint: 'on_load_checkpoint' },
      `[Callback]${callback.stateKey}.`,
    );
  }
  measure(trainer, { saveCheckpoint: 'save_checkpoint' }, '');
  undo.push(measureMethod(data, 'load', (kind) => `setup_${String(kind)}_dataloader`, profiler));
  return () => {
    for (const step of undo.reverse()) step();
  };
}

/** Has a profiler measure the batches and epochs of `fit`. The run's objects are its own and go with it. */
export function profileFit(run: FitRun, profiler: Profiler): void {
  const { data, module, optimizers, step } = run;
  measureMethod(step, 'takeBatch', 'run_training_batch', profiler);
  if (!module.automaticOptimization)
    for (const optimizer of optimizers) measureMethod(optimizer, 'step', 'optimizer_step', profiler);
  let epochRuns = false;
  const measureCursor = (): void => {
    const { cursor } = data;
    measureMethod(cursor, 'advance', '[_TrainingEpochLoop].train_dataloader_next', profiler);
    follow(cursor, 'start', () => {
      if (!epochRuns) profiler.start('run_training_epoch');
      epochRuns = true;
    });
  };
  const endEpoch = (): void => {
    if (epochRuns) profiler.stop('run_training_epoch');
    epochRuns = false;
  };
  measureCursor();
  follow(data, 'load', measureCursor);
  // Called when an epoch's batches are done, and when the run ends inside one.
  follow(data, 'close', endEpoch);
  if (run.evaluation !== null) profileEvaluation(run.evaluation, profiler);
}

/** Has a profiler measure how an evaluation gets its batches. */
export function profileEvaluation(run: EvaluationRun, profiler: Profiler): void {
  const action =
    run.stage === 'predict'
      ? '[_PredictionLoop].predict_next'
      : `[_EvaluationLoop].${run.stage === 'validate' ? 'val' : run.stage}_next`;
  let { cursors } = run;
  const measureAll = (): void => {
    for (const cursor of cursors) measureMethod(cursor, 'advance', action, profiler);
  };
  measureAll();
  // Loaders that are asked for again come as a new list.
  Object.defineProperty(run, 'cursors', {
    configurable: true,
    enumerable: true,
    get: () => cursors,
    set: (fresh: typeof cursors) => {
      cursors = fresh;
      measureAll();
    },
  });
}

/** Gives an object a method of its own that is measured. */
function measureMethod(
  target: object,
  name: string,
  action: string | ((...args: unknown[]) => string),
  profiler: Profiler,
): Undo {
  return wrapMethod(target, name, (original, args) => {
    const label = typeof action === 'string' ? action : action(...args);
    return profiler.profile(label, () => original(...args));
  });
}

/** Calls `act` after a method, when what it returned has settled. */
function follow(target: object, name: string, act: () => void): Undo {
  return wrapMethod(target, name, (original, args) => {
    const result = original(...args);
    if (result instanceof Promise) return result.finally(act);
    act();
    return result;
  });
}

function wrapMethod(target: object, name: string, wrapped: (original: Method, args: unknown[]) => unknown): Undo {
  const method = (target as Record<string, unknown>)[name];
  if (typeof method !== 'function') return () => {};
  const own = Object.getOwnPropertyDescriptor(target, name);
  const original = (method as Method).bind(target);
  Object.defineProperty(target, name, {
    configurable: true,
    enumerable: false,
    writable: true,
    value: (...args: unknown[]) => wrapped(original, args),
  });
  return () => {
    if (own === undefined) delete (target as Record<string, unknown>)[name];
    else Object.defineProperty(target, name, own);
  };
}
