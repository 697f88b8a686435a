import { warn } from '@lightning-ts/torch';
import { PickledObject } from '@lightning-ts/torch/serialize';
import { isPlainObject } from '../describe.js';

/** One change of the format: applied to files of lower versions. */
export interface Migration {
  readonly version: string;
  /** Says what it did, for those who ask; empty when the file had nothing of it. Changes the record in place. */
  readonly apply: (checkpoint: Record<string, unknown>) => string[];
}

type Fields = Record<string, unknown>;

/** All changes in the order they are applied. */
export const migrations: readonly Migration[] = [
  { version: '0.10.0', apply: moveCallbackFields },
  { version: '1.6.0', apply: moveCountersToLoops },
  { version: '1.6.5', apply: addStepCounter },
  { version: '1.9.0', apply: dropSaveOnTrainEpochEnd },
  { version: '2.0.0', apply: dropApexScaler },
  { version: '2.0.0', apply: renameLoopKeys },
];

/** Before 0.10 the states of two callbacks lay about at the top. */
const topLevelFields: readonly (readonly [key: string, callback: string, field: string])[] = [
  ['checkpoint_callback_best_model_score', 'ModelCheckpoint', 'best_model_score'],
  ['checkpoint_callback_best_model_path', 'ModelCheckpoint', 'best_model_path'],
  ['checkpoint_callback_best', 'ModelCheckpoint', 'best_model_score'],
  ['early_stop_callback_wait', 'EarlyStopping', 'wait_count'],
  ['early_stop_callback_patience', 'EarlyStopping', 'patience'],
];

function moveCallbackFields(checkpoint: Fields): string[] {
  const moved: string[] = [];
  for (const [key, callback, field] of topLevelFields) {
    if (!(key in checkpoint)) continue;
    const callbacks = fieldsIn(checkpoint, 'callbacks');
    fieldsIn(callbacks, callback)[field] = checkpoint[key];
    delete checkpoint[key];
    moved.push(`${key} is now callbacks.${callback}.${field}`);
  }
  const early = checkpoint.early_stop_callback_state_dict;
  if (isPlainObject(early)) {
    Object.assign(fieldsIn(fieldsIn(checkpoint, 'callbacks'), 'EarlyStopping'), early);
    delete checkpoint.early_stop_callback_state_dict;
    moved.push('early_stop_callback_state_dict is now callbacks.EarlyStopping');
  }
  return moved;
}

const automaticBefore2 = 'epoch_loop.batch_loop.optimizer_loop.optim_progress';
const manualBefore2 = 'epoch_loop.batch_loop.manual_loop.optim_step_progress';

/** Before 1.6 the file had no loops, or loops that did not know the step and the epoch. */
function moveCountersToLoops(checkpoint: Fields): string[] {
  const steps = Number(checkpoint.global_step ?? 0);
  const epochs = Number(checkpoint.epoch ?? 0);
  const fitLoop = fieldsIn(fieldsIn(checkpoint, 'loops'), 'fit_loop');
  for (const [key, value] of Object.entries(initialFitLoop())) fitLoop[key] ??= value;
  const optimizer = fieldsIn(fieldsIn(fitLoop, automaticBefore2), 'optimizer');
  fieldsIn(fieldsIn(optimizer, 'step'), 'total').completed = steps;
  fieldsIn(fieldsIn(fitLoop, manualBefore2), 'total').completed = steps;
  fieldsIn(fieldsIn(fitLoop, 'epoch_progress'), 'current').completed = epochs;
  return [`loops.fit_loop holds global_step ${steps} and epoch ${epochs}`];
}

/** What 1.6 wrote for a run that has not begun. */
function initialFitLoop(): Fields {
  const two = () => ({ ready: 0, completed: 0 });
  const three = () => ({ ready: 0, started: 0, completed: 0 });
  const four = () => ({ ready: 0, started: 0, processed: 0, completed: 0 });
  const both = (make: () => Fields): Fields => ({ total: make(), current: make() });
  return {
    state_dict: {},
    'epoch_loop.state_dict': {},
    'epoch_loop.batch_progress': { ...both(four), is_last_batch: false },
    'epoch_loop.scheduler_progress': both(two),
    'epoch_loop.batch_loop.state_dict': {},
    'epoch_loop.batch_loop.optimizer_loop.state_dict': {},
    [automaticBefore2]: { optimizer: { step: both(two), zero_grad: both(three) }, optimizer_position: 0 },
    'epoch_loop.batch_loop.manual_loop.state_dict': {},
    [manualBefore2]: both(two),
    'epoch_loop.val_loop.state_dict': {},
    'epoch_loop.val_loop.dataloader_progress': both(two),
    'epoch_loop.val_loop.epoch_loop.state_dict': {},
    'epoch_loop.val_loop.epoch_loop.batch_progress': { ...both(four), is_last_batch: false },
    epoch_progress: both(four),
  };
}

/** 1.6.5 counts the batches after which an optimizer stepped, for the loggers' x-axis. */
function addStepCounter(checkpoint: Fields): string[] {
  const fitLoop = fieldsIn(fieldsIn(checkpoint, 'loops'), 'fit_loop');
  const state = fieldsIn(fitLoop, 'epoch_loop.state_dict');
  if (state._batches_that_stepped !== undefined) return [];
  state._batches_that_stepped = Number(checkpoint.global_step ?? 0);
  return [`loops.fit_loop counts ${state._batches_that_stepped} batches that stepped`];
}

/** Before 1.9 the state key of a ModelCheckpoint named one option more. */
function dropSaveOnTrainEpochEnd(checkpoint: Fields): string[] {
  const { callbacks } = checkpoint;
  if (!isPlainObject(callbacks)) return [];
  const old = Object.keys(callbacks).filter((key) => /^ModelCheckpoint\b.*'save_on_train_epoch_end'/.test(key));
  const renamed = new Map(old.map((key) => [key, key.replace(/, 'save_on_train_epoch_end': (None|True|False)/, '')]));
  const others = Object.keys(callbacks).filter((key) => !renamed.has(key));
  if (new Set([...others, ...renamed.values()]).size < others.length + renamed.size) {
    warn(
      'CHECKPOINT_CALLBACK_KEYS',
      'The file has states of ModelCheckpoints that differ only in save_on_train_epoch_end, which is no part of their keys ' +
        'any more. They are left as they are, and not restored.',
    );
    return [];
  }
  // Rebuilt, so that the order stays.
  checkpoint.callbacks = Object.fromEntries(
    Object.entries(callbacks).map(([key, state]) => [renamed.get(key) ?? key, state]),
  );
  return [...renamed].map(([before, after]) => `callbacks: ${before} is now ${after}`);
}

function dropApexScaler(checkpoint: Fields): string[] {
  if (!('amp_scaling_state' in checkpoint)) return [];
  delete checkpoint.amp_scaling_state;
  warn(
    'CHECKPOINT_APEX',
    'The file has the loss scale of Apex, which nothing uses any more. It was dropped; mixed precision finds its scale anew.',
  );
  return ['amp_scaling_state was dropped'];
}

/** 2.0 took out a level of loops. */
function renameLoopKeys(checkpoint: Fields): string[] {
  const { loops } = checkpoint;
  if (!isPlainObject(loops)) return [];
  const changes: string[] = [];
  const rename = (loop: Fields, name: string, from: string, to: string | null): void => {
    if (!(from in loop)) return;
    if (to !== null) loop[to] ??= loop[from];
    delete loop[from];
    changes.push(to === null ? `loops.${name}: ${from} was dropped` : `loops.${name}: ${from} is now ${to}`);
  };
  const fit = loops.fit_loop;
  if (isPlainObject(fit)) {
    const progress = fit[automaticBefore2];
    if (isPlainObject(progress)) delete progress.optimizer_position;
    for (const [from, to] of fitLoopNames) rename(fit, 'fit_loop', from, to);
  }
  for (const name of ['validate_loop', 'test_loop', 'predict_loop']) {
    const loop = loops[name];
    if (!isPlainObject(loop)) continue;
    for (const [from, to] of evaluationLoopNames) rename(loop, name, from, to);
  }
  return changes;
}

const evaluationLoopNames: readonly (readonly [string, string | null])[] = [
  ['dataloader_progress', null],
  ['epoch_loop.state_dict', null],
  ['epoch_loop.batch_progress', 'batch_progress'],
];

const fitLoopNames: readonly (readonly [string, string | null])[] = [
  ['epoch_loop.batch_loop.state_dict', null],
  ['epoch_loop.batch_loop.optimizer_loop.state_dict', 'epoch_loop.automatic_optimization.state_dict'],
  [automaticBefore2, 'epoch_loop.automatic_optimization.optim_progress'],
  ['epoch_loop.batch_loop.manual_loop.state_dict', 'epoch_loop.manual_optimization.state_dict'],
  [manualBefore2, 'epoch_loop.manual_optimization.optim_step_progress'],
  ...evaluationLoopNames.map(
    ([from, to]) => [`epoch_loop.val_loop.${from}`, to === null ? null : `epoch_loop.val_loop.${to}`] as const,
  ),
];

/** The record at a key, made when it is missing. */
function fieldsIn(owner: Fields, key: string): Fields {
  const present = owner[key];
  if (isPlainObject(present)) return present;
  const made: Fields = {};
  owner[key] = made;
  return made;
}

/** The name of a Python class that stands for itself, as callback keys before 1.5 did. */
export function classNameOf(value: unknown): string | null {
  return value instanceof PickledObject && value.kind === 'global' ? value.name : null;
}
