import type { Metric } from '@lightning-ts/metrics';
import { Tensor, warn } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';
import type { EntryState } from '../logging/logEntry.js';
import { metricsOf } from '../logging/loggedMetric.js';
import type { WindowState } from './accumulationWindow.js';
import type { CursorState } from './batchCursor.js';
import { isAccumulating } from './fitDecisions.js';
import { setLoaderEpoch } from './loaderKinds.js';
import { frozenModes, restoreModes } from './modelModes.js';
import type { FitPhase } from './progress.js';
import { captureRng, type RngStates, restoreRng } from './rngStates.js';
import type { FitRun, SavedEvaluationPosition } from './run.js';

/**
 * Everything of a run that the reference's checkpoint has no place for and that decides what comes next. With it, a run that
 * is resumed does bit for bit what the run that was saved did next. Plain data and tensors, as the file keeps them.
 */
export interface InFlight {
  phase: FitPhase;
  rng: RngStates;
  train_loader: CursorState;
  validation: (SavedEvaluationPosition & { results: EntryState[]; seen_batches: number[] }) | null;
  seen_batches: number[];
  /** What `log` gathered in the epoch so far. */
  results: EntryState[];
  epoch_has_ended: boolean;
  /** The values that callbacks decide by. */
  metrics: Record<string, Record<string, Tensor>>;
  /** States of the metric objects that have been updated, by their paths. */
  metric_states: Record<string, { updates: number; states: Record<string, unknown> }>;
  /** Gradients that are not used up yet, by the parameters' names. */
  gradients: Record<string, Tensor> | null;
  /** The weights in an accumulation window that is open. */
  window?: WindowState;
  /** Paths of the submodules in evaluation mode while training. */
  eval_modules?: string[];
  /** Names of the parameters that take no gradient. */
  frozen_parameters?: string[];
}

/** Captures where a run is. Cheap: tensors are shared or copied where they would change. */
export function captureInFlight(run: FitRun): InFlight {
  const { data, metrics, module, progress, results } = run;
  const batchIsDone = progress.phase !== 'batch';
  const gradients = captureGradients(run, batchIsDone);
  return {
    phase: progress.phase,
    rng: captureRng(run.strategy.rootDevice),
    train_loader: data.cursor.state(batchIsDone),
    validation: captureEvaluation(run),
    seen_batches: [...(run.evaluation?.seenBatches ?? [])],
    results: results.stateDict(module),
    epoch_has_ended: results.epochHasEnded,
    metrics: metrics.stateDict(),
    metric_states: captureMetrics(run),
    gradients,
    ...(run.window === null || gradients === null ? {} : { window: run.window.state() }),
    eval_modules: frozenModes(module),
    frozen_parameters: module.namedParameters().flatMap(([name, { requiresGrad }]) => (requiresGrad ? [] : [name])),
  };
}

/**
 * The callbacks' view with one tensor object for each value again. A value has two names, and callbacks tell values apart by
 * their objects, but a file keeps the memory only.
 */
export function withSharedTensors(metrics: InFlight['metrics']): InFlight['metrics'] {
  const byStorage = new Map<number, Tensor>();
  const shared = (value: Tensor): Tensor => {
    const first = byStorage.get(value.storageId());
    if (first !== undefined && first.storageOffset() === value.storageOffset()) return first;
    byStorage.set(value.storageId(), value);
    return value;
  };
  return Object.fromEntries(
    Object.entries(metrics).map(([kind, values]) => [
      kind,
      Object.fromEntries(Object.entries(values).map(([name, value]) => [name, shared(value)])),
    ]),
  );
}

/** Whether the batch, validation or epoch in progress has to be finished even when no other may follow. */
export function isUnfinished({ phase }: InFlight): boolean {
  return phase === 'batchEnd' || phase === 'validation' || phase === 'epochEnd';
}

/** Puts a fresh run where another one was. The random state comes last, since walking through loaders draws from it. */
export async function restoreInFlight(run: FitRun, saved: InFlight): Promise<void> {
  const { data, evaluation, metrics, module, progress, results } = run;
  run.resumeFrom = null;
  progress.phase = saved.phase;
  if (saved.phase === 'batch') progress.forgetOpenBatch();
  const { cursor } = data;
  setLoaderEpoch(cursor.loader, progress.currentEpoch);
  if (saved.phase === 'epochStart') cursor.restoreBetweenEpochs(saved.train_loader);
  else await cursor.restore(saved.train_loader);
  restoreMetrics(run, saved.metric_states);
  if (saved.eval_modules !== undefined) restoreModes(module, saved.eval_modules);
  restoreFrozen(run, saved);
  results.loadStateDict(saved.results, module, saved.metrics.callback);
  results.epochHasEnded = saved.epoch_has_ended;
  metrics.loadStateDict(saved.metrics);
  if (evaluation !== null) {
    evaluation.seenBatches.splice(0, evaluation.seenBatches.length, ...saved.seen_batches.map(Number));
    if (saved.validation !== null) await restoreEvaluation(run, saved, saved.validation);
  }
  if (saved.window !== undefined) run.window?.loadState(saved.window);
  for (const [name, parameter] of module.namedParameters()) {
    const gradient = saved.gradients?.[name];
    if (gradient !== undefined) parameter.grad = gradient.to(parameter.device);
  }
  restoreRng(saved.rng, run.strategy.rootDevice);
}

function captureEvaluation({ evaluation, module }: FitRun): InFlight['validation'] {
  if (evaluation === null || evaluation.position === null) return null;
  const { at, batchIsDone, dataloaderIdx } = evaluation.position;
  const cursor = evaluation.cursors[dataloaderIdx];
  return {
    at,
    dataloader_idx: dataloaderIdx,
    cursor: at === 'batches' && cursor !== undefined ? cursor.state(batchIsDone) : null,
    results: evaluation.results!.stateDict(module),
    seen_batches: [...evaluation.seenBatches],
  };
}

async function restoreEvaluation(
  run: FitRun,
  { metric_states: states, metrics: known, rng }: InFlight,
  saved: NonNullable<InFlight['validation']>,
): Promise<void> {
  const { evaluation, module } = run;
  const settle = (): void => {
    restoreMetrics(run, states);
    evaluation!.results!.loadStateDict(saved.results, module, known.callback);
    restoreRng(rng, run.strategy.rootDevice);
  };
  evaluation!.resumeAt = { ...saved, settle };
  evaluation!.results!.loadStateDict(saved.results, module, known.callback);
  const cursor = evaluation!.cursors[saved.dataloader_idx];
  if (saved.cursor !== null && cursor !== undefined) await cursor.restore(saved.cursor);
}

/** What hooks froze or set free as training went on. Those hooks do not run again. */
function restoreFrozen({ module }: FitRun, { frozen_parameters: names }: InFlight): void {
  if (names === undefined) return;
  const frozen = new Set(names);
  const changed: string[] = [];
  for (const [name, parameter] of module.namedParameters()) {
    if (parameter.requiresGrad !== frozen.has(name)) continue;
    parameter.requiresGrad = !frozen.has(name);
    changed.push(name);
  }
  if (changed.length === 0) return;
  warn(
    'RESUME_FROZEN',
    `Which parameters of ${module.constructor.name} are frozen is now as it was when the checkpoint was saved; that changed ` +
      `${changed.slice(0, 3).join(', ')}${changed.length > 3 ? ` and ${changed.length - 3} more` : ''}. To freeze others from here ` +
      'on, do it in onTrainEpochStart.',
  );
}

function captureMetrics({ module }: FitRun): InFlight['metric_states'] {
  const states: InFlight['metric_states'] = {};
  for (const [path, metric] of metricsOf(module)) {
    if (metric.updateCount > 0)
      states[path] = { updates: metric.updateCount, states: Object.fromEntries(metric.takeStates()) };
  }
  return states;
}

function restoreMetrics({ module }: FitRun, saved: InFlight['metric_states']): void {
  const metrics = new Map(metricsOf(module));
  for (const [path, { states, updates }] of Object.entries(saved)) {
    const metric = metrics.get(path);
    if (metric === undefined) {
      throw new LightningError(
        'CHECKPOINT_INVALID',
        `The checkpoint was saved while the metric '${path}' was gathering values, but ${module.constructor.name} has none there.`,
      );
    }
    const { device } = module;
    const moved = Object.entries(states).map(
      ([name, value]) => [name, value instanceof Tensor ? value.to(device) : value] as const,
    );
    metric.putStates(new Map(moved) as ReturnType<Metric['takeStates']>, updates);
  }
}

/** Gradients matter while an accumulation window is open, and always where the user decides when they are cleared. */
function captureGradients(run: FitRun, batchIsDone: boolean): Record<string, Tensor> | null {
  const { batchIdx, isLast } = run.data.cursor;
  const isOpen = batchIsDone
    ? batchIdx >= 0 && run.progress.phase !== 'epochStart' && isAccumulating(run, batchIdx, isLast)
    : // Those of the batches before the one in progress, which is run again.
      run.window?.isMixed === false && batchIdx % run.settings.accumulateGradBatches !== 0;
  if (run.module.automaticOptimization && !isOpen) return null;
  const gradients: Record<string, Tensor> = {};
  for (const [name, parameter] of run.module.namedParameters()) {
    const { grad } = parameter;
    if (grad !== null) gradients[name] = grad;
  }
  return gradients;
}
