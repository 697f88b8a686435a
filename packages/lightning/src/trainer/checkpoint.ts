import { getRngState, version, warn } from '@lightning-ts/torch';
import type { OptimizerState } from '@lightning-ts/torch/optim';
import { OrderedDict } from '@lightning-ts/torch/serialize';
import { formatVersion } from '../checkpoint/formatVersion.js';
import type { ReadCheckpoint } from '../checkpoint/readCheckpoint.js';
import { describe } from '../describe.js';
import { LightningError } from '../errors.js';
import { captureInFlight, type InFlight, withSharedTensors } from '../loops/inFlight.js';
import { FitProgress } from '../loops/progress.js';
import { inferPhase } from '../loops/resume.js';
import type { FitRun } from '../loops/run.js';
import type { LightningDataModule } from '../module/dataModule.js';
import { hparamsOf, isPlainObject, toStored } from '../module/hparams.js';
import type { LightningModule } from '../module/lightningModule.js';
import { loadWeights } from '../module/loadFromCheckpoint.js';
import type { CheckpointData } from './checkpointData.js';
import type { Session } from './session.js';
import type { Trainer } from './trainer.js';

/** What a checkpoint is made of. */
export interface CheckpointSubject {
  readonly trainer: Trainer;
  readonly module: LightningModule;
  readonly dataModule: LightningDataModule | null;
  /** The training run in progress or the last one, null when there was none. */
  readonly fit: FitRun | null;
  /** Whether all processes take part, so that the state of each one is in it. Default: with one process. */
  readonly together?: boolean;
}

/**
 * Gathers a checkpoint, in the reference's order: base keys, callback states, optimizers, schedulers, precision,
 * hyperparameters, the data module's state, then the hooks that may add to it.
 *
 * @param weightsOnly leaves out what only training needs
 */
export async function dumpCheckpoint(subject: CheckpointSubject, weightsOnly: boolean): Promise<CheckpointData> {
  const { dataModule, fit, module, trainer } = subject;
  const progress = fit?.progress ?? new FitProgress(!module.automaticOptimization);
  const checkpoint: CheckpointData = {
    epoch: progress.currentEpoch,
    global_step: progress.globalStep,
    'pytorch-lightning_version': formatVersion,
    state_dict: new OrderedDict(module.stateDict()),
    loops: loopStates(progress, trainer),
  };
  const ours: Record<string, unknown> = { version: version.lightningTs };
  if (!weightsOnly) {
    checkpoint.callbacks = callbackStates(trainer.callbacks);
    checkpoint.optimizer_states = fit === null ? [] : optimizerStates(fit);
    checkpoint.lr_schedulers = fit === null ? [] : fit.schedulers.configs.map(({ scheduler }) => scheduler.stateDict());
    const { precision } = fit ?? {};
    if (precision?.stateKey !== undefined && precision.stateDict !== undefined)
      checkpoint[precision.stateKey] = precision.stateDict();
    if (fit?.data.isLoaded === true) Object.assign(ours, placesOf(fit, subject.together ?? false));
  }
  addHyperparameters(checkpoint, ours, module, dataModule);
  const dataState = dataModule === null ? {} : checkedState(dataModule);
  if (dataModule !== null && Object.keys(dataState).length > 0) checkpoint[dataModule.constructor.name] = dataState;
  checkpoint.lightning_ts = ours;
  if (!weightsOnly)
    for (const callback of trainer.callbacks) await callback.onSaveCheckpoint?.(trainer, module, checkpoint);
  await module.onSaveCheckpoint?.(checkpoint);
  return checkpoint;
}

/** Where this process is, and with several ones each of them. */
function placesOf(fit: FitRun, together: boolean): Record<string, unknown> {
  const own = fit.cutOff ?? captureInFlight(fit);
  const { strategy } = fit;
  if (strategy.worldSize === 1 || !together || strategy.gatherObject === undefined) return { in_flight: own };
  const all = strategy.gatherObject(own);
  return all === null ? { in_flight: own } : { in_flight: all[0], in_flight_of_ranks: all };
}

function loopStates(progress: FitProgress, trainer: Trainer): Record<string, unknown> {
  const { predict, test, validate } = trainer.evaluationProgress;
  const predicted = predict.stateDict();
  const { is_last_batch: _, ...predictProgress } = predicted.batch_progress as Record<string, unknown>;
  return {
    fit_loop: progress.stateDict(),
    validate_loop: validate.stateDict(),
    test_loop: test.stateDict(),
    predict_loop: { ...predicted, batch_progress: predictProgress },
  };
}

function callbackStates(callbacks: Trainer['callbacks']): Record<string, unknown> {
  const states: Record<string, unknown> = {};
  for (const callback of callbacks) {
    const state = checkedState(callback);
    if (Object.keys(state).length > 0) states[callback.stateKey] = state;
  }
  return states;
}

/** @throws LightningError HOOK_RETURN for a stateDict that gives something else than an object */
function checkedState(owner: { stateDict(): Record<string, unknown> }): Record<string, unknown> {
  const state: unknown = owner.stateDict();
  if (isPlainObject(state)) return state;
  throw new LightningError(
    'HOOK_RETURN',
    `${owner.constructor.name}.stateDict returned ${describe(state)}. Return an object of plain data and tensors, {} for nothing.`,
  );
}

function optimizerStates({ optimizers }: FitRun): OptimizerState[] {
  // The reference keeps one empty state for a module that trains without an optimizer.
  return optimizers.length === 0 ? [{} as OptimizerState] : Array.from(optimizers, (handle) => handle.stateDict());
}

function addHyperparameters(
  checkpoint: CheckpointData,
  ours: Record<string, unknown>,
  module: LightningModule,
  dataModule: LightningDataModule | null,
): void {
  const add = (
    owner: object,
    prefix: 'hparams_name' | 'datamodule_hparams_name',
    key: 'hyper_parameters' | 'datamodule_hyper_parameters',
    namesKey: string,
  ) => {
    const { dropped, names, stored } = toStored(hparamsOf(owner).values);
    for (const name of dropped) {
      warn(
        'HPARAMS_NOT_STORED',
        `The hyperparameter '${name}' of ${owner.constructor.name} cannot be stored in a checkpoint, which holds plain data and tensors. ` +
          `Leave it out with saveHyperparameters(options, { ignore: ['${name}'] }), and give it to loadFromCheckpoint.`,
      );
    }
    if (Object.keys(stored).length === 0) return;
    checkpoint[prefix] = 'kwargs';
    checkpoint[key] = stored;
    ours[namesKey] = names;
  };
  add(module, 'hparams_name', 'hyper_parameters', 'hparams_names');
  if (dataModule !== null)
    add(dataModule, 'datamodule_hparams_name', 'datamodule_hyper_parameters', 'datamodule_hparams_names');
}

/**
 * Puts the weights and the data module's state back, and the callbacks' states: in training always, in evaluation when this
 * Trainer has not trained. After a fit its callbacks know more than any checkpoint of that fit, such as the best one that is
 * tested then.
 */
export async function restoreModule(session: Session, checkpoint: ReadCheckpoint, path: string): Promise<void> {
  const { callbacks, dataModule, module, stage } = session;
  await module.onLoadCheckpoint?.(checkpoint as never);
  loadWeights(module, checkpoint, path, module.strictLoading);
  const dataState = dataModule === null ? undefined : checkpoint[dataModule.constructor.name];
  if (dataModule !== null && isPlainObject(dataState)) dataModule.loadStateDict(dataState);
  if (stage !== 'fit') {
    if (session.trainer.fitRun !== null) return;
    const loops = isPlainObject(checkpoint.loops) ? checkpoint.loops : {};
    const progress = loops[`${stage}_loop`];
    if (isPlainObject(progress)) session.trainer.evaluationProgress[stage].loadStateDict(progress);
  }
  for (const callback of callbacks) await callback.onLoadCheckpoint?.(session.trainer, module, checkpoint as never);
  const states = isPlainObject(checkpoint.callbacks) ? checkpoint.callbacks : {};
  const unused = new Set(Object.keys(states));
  for (const callback of callbacks) {
    // Files from before 1.5 know a callback by its class.
    const key = [callback.stateKey, callback.constructor.name].find((name) => isPlainObject(states[name]));
    if (key === undefined) continue;
    unused.delete(key);
    callback.loadStateDict(states[key] as Record<string, unknown>);
  }
  if (unused.size > 0) {
    warn(
      'CALLBACK_STATE_UNUSED',
      `The checkpoint has states of callbacks that this Trainer does not have: ${[...unused].join(', ')}.`,
    );
  }
}

/** Where this process goes on; null for a file that does not say. */
function placeIn(ours: Record<string, unknown>, { strategy }: FitRun, path: string): InFlight | null {
  if (!isPlainObject(ours.in_flight)) return null;
  const saved = Array.isArray(ours.in_flight_of_ranks)
    ? (ours.in_flight_of_ranks as InFlight[])
    : [ours.in_flight as unknown as InFlight];
  const { globalRank, worldSize } = strategy;
  if (saved.length === worldSize) return saved[globalRank]!;
  const first = saved[0]!;
  const isBetween = first.phase === 'epochStart';
  // Together they have used as many batches of the epoch as before, each as many as its share is now.
  const used = first.train_loader.done * saved.length;
  if (!isBetween && !first.train_loader.at_end) {
    warn(
      'RESUME_WORLD_SIZE',
      `'${path}' was saved inside an epoch by ${saved.length} ${saved.length === 1 ? 'process' : 'processes'}, and there are ${worldSize} now. ` +
        (used % worldSize === 0
          ? 'Each skips what was used, and random numbers differ from what they would have been.'
          : 'Some samples of this epoch are used twice, and random numbers differ from what they would have been.'),
    );
  }
  const loader = {
    ...first.train_loader,
    done: Math.floor(used / worldSize),
    state: null,
    start_state: null,
    ahead_rng: null,
  };
  return globalRank === 0
    ? { ...first, train_loader: isBetween ? first.train_loader : loader }
    : { ...first, train_loader: loader, rng: { cpu: getRngState() }, results: [], metric_states: {}, gradients: null };
}

/** Where older files keep the state of the gradient scaler. */
const olderScalerKeys = ['native_amp_scaling_state', 'MixedPrecisionPlugin', 'NativeMixedPrecisionPlugin'];

/**
 * Puts optimizers, schedulers and counters back, and tells the run where to go on.
 *
 * @throws LightningError CHECKPOINT_INVALID for a file without them, or one that does not fit
 */
export function restoreFit(run: FitRun, checkpoint: ReadCheckpoint, path: string): void {
  const { optimizers, precision, progress, schedulers, settings } = run;
  const { lr_schedulers, optimizer_states } = checkpoint;
  if (!Array.isArray(optimizer_states) || !Array.isArray(lr_schedulers)) {
    throw new LightningError(
      'CHECKPOINT_INVALID',
      `'${path}' has weights but no optimizer states, so training cannot continue from it. Load its weights with ` +
        'loadFromCheckpoint and start a new run, or use a checkpoint saved without weightsOnly.',
    );
  }
  const saved = optimizer_states.filter((state) => !isPlainObject(state) || Object.keys(state).length > 0);
  if (saved.length !== optimizers.length || lr_schedulers.length !== schedulers.configs.length) {
    throw new LightningError(
      'CHECKPOINT_INVALID',
      `'${path}' has ${saved.length} optimizers and ${lr_schedulers.length} schedulers, but configureOptimizers returned ` +
        `${optimizers.length} and ${schedulers.configs.length}. Configure them as they were.`,
    );
  }
  for (const [index, handle] of optimizers.entries()) handle.loadStateDict(saved[index] as OptimizerState);
  for (const [index, { scheduler }] of schedulers.configs.entries()) scheduler.loadStateDict(lr_schedulers[index]);
  if (precision.stateKey !== undefined) {
    const key = [precision.stateKey, ...olderScalerKeys].find((name) => isPlainObject(checkpoint[name]));
    if (key !== undefined) precision.loadStateDict?.(checkpoint[key] as Record<string, unknown>);
  }
  const loops = isPlainObject(checkpoint.loops) ? checkpoint.loops : {};
  if (isPlainObject(loops.fit_loop)) progress.loadStateDict(loops.fit_loop);
  const ours = isPlainObject(checkpoint.lightning_ts) ? checkpoint.lightning_ts : {};
  run.resumeFrom = placeIn(ours, run, path) ?? inferPhase(run);
  // Callbacks look at them when training starts.
  run.resumeFrom.metrics = withSharedTensors(run.resumeFrom.metrics);
  run.metrics.loadStateDict(run.resumeFrom.metrics);
  if (progress.currentEpoch > settings.maxEpochs) {
    throw new LightningError(
      'OPTION_CONFLICT',
      `'${path}' was saved in epoch ${progress.currentEpoch}, but maxEpochs is ${settings.maxEpochs}. Raise maxEpochs to train on.`,
    );
  }
}
