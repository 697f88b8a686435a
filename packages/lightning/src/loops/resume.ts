import { getRngState, warn } from '@lightning-ts/torch';
import type { InFlight } from './inFlight.js';
import type { FitPhase } from './progress.js';
import type { FitRun } from './run.js';

/**
 * Where to continue from a checkpoint of Python Lightning, which keeps counters only: it has no random state, no loader
 * positions and no metrics in flight. Which counters are ahead of which tells where it was saved.
 */
export function inferPhase(run: FitRun): InFlight {
  const { batch, epoch, validation } = run.progress;
  const phase = phaseFromCounters(run);
  // A batch whose end hooks were running is done; the loop counts it when it goes on.
  const done = batch.current.completed + (phase === 'batchEnd' ? 1 : 0);
  const isAtEnd = batch.is_last_batch && batch.current.ready === done;
  if (phase === 'epochStart') {
    epoch.current.ready = epoch.current.completed;
    epoch.current.started = epoch.current.completed;
    epoch.current.processed = epoch.current.completed;
  } else if (phase === 'batchDone') run.progress.forgetOpenBatch();
  if (phase !== 'epochStart' && !isAtEnd) {
    warn(
      'RESUME_POSITION',
      `The checkpoint was saved inside epoch ${epoch.current.completed} by another program. The first ${done} batches of the epoch are ` +
        'read and skipped; shuffling and dropout draw other random numbers than they would have.',
    );
  }
  validation.batch.is_last_batch = false;
  return {
    phase,
    rng: { cpu: getRngState() },
    train_loader: {
      done,
      at_end: isAtEnd,
      state: null,
      start_state: null,
      start_rng: null,
      ahead_rng: null,
    },
    validation:
      phase === 'validation' ? { at: 'end', dataloader_idx: 0, cursor: null, results: [], seen_batches: [] } : null,
    seen_batches: [],
    results: [],
    epoch_has_ended: false,
    metrics: {},
    metric_states: {},
    gradients: null,
  };
}

function phaseFromCounters({ module, progress }: FitRun): FitPhase {
  const { batch, epoch } = progress;
  const { current } = epoch;
  // Saved at the end of an epoch: it counts as done.
  if (current.processed > current.completed) {
    epoch.total.completed += 1;
    current.completed += 1;
    return 'epochStart';
  }
  // Older files count the epochs that are done, but not always those that were begun.
  if (current.started === current.processed || current.completed >= current.started) return 'epochStart';
  if (batch.current.processed > batch.current.completed) return 'batchEnd';
  // The counter of the loggers' x-axis goes up after validation, so it lags behind when the file was saved there.
  const stepped = module.automaticOptimization ? progress.globalStep : batch.total.completed;
  return progress.batchesThatStepped < stepped ? 'validation' : 'batchDone';
}
