/**
 * Counters of a run, exactly as checkpoints keep them (Python's names), and the place in the loop where the run is.
 *
 * ready: about to start, before the start hook; started: after it; processed: the work is done, before the end hook;
 * completed: after it. `total` counts over the whole run, `current` starts again with each epoch; evaluations count `total` anew
 * with each training epoch and `current` with each evaluation, and manual steps are never counted anew.
 */
export interface Counts {
  ready: number;
  started?: number;
  processed?: number;
  completed: number;
}

/** Counters over the whole run and since the last reset. */
export interface TotalAndCurrent<Kind extends Counts = Counts> {
  total: Kind;
  current: Kind;
}

type Phases2 = { ready: number; completed: number };
type Phases3 = Phases2 & { started: number };
type Phases4 = Phases3 & { processed: number };

const two = (): TotalAndCurrent<Phases2> => ({
  total: { ready: 0, completed: 0 },
  current: { ready: 0, completed: 0 },
});
const three = (): TotalAndCurrent<Phases3> => ({
  total: { ready: 0, started: 0, completed: 0 },
  current: { ready: 0, started: 0, completed: 0 },
});
const four = (): TotalAndCurrent<Phases4> => ({
  total: { ready: 0, started: 0, processed: 0, completed: 0 },
  current: { ready: 0, started: 0, processed: 0, completed: 0 },
});

/** Counts one more of a phase, in total and since the last reset. */
export function count(progress: TotalAndCurrent, phase: keyof Counts): void {
  const { current, total } = progress;
  switch (phase) {
    case 'ready':
      total.ready += 1;
      current.ready += 1;
      break;
    case 'started':
      total.started! += 1;
      current.started! += 1;
      break;
    case 'processed':
      total.processed! += 1;
      current.processed! += 1;
      break;
    case 'completed':
      total.completed += 1;
      current.completed += 1;
  }
}

function clear(counts: Counts): void {
  for (const phase of Object.keys(counts) as (keyof Counts)[]) counts[phase] = 0;
}

/**
 * Where in `fit` the run is. A checkpoint keeps it, and a resumed run enters the loop there.
 *
 * - `epochStart`: between epochs, or in the hooks that open one
 * - `batch`: inside a batch that is not done yet; it is run again
 * - `batchEnd`: the update is done; step metrics and validation are still to come
 * - `validation`: inside the validation that follows a batch
 * - `batchDone`: everything about the batch is done, the next is to come
 * - `epochEnd`: all batches are done; epoch metrics are still to come
 */
export type FitPhase = 'epochStart' | 'batch' | 'batchEnd' | 'validation' | 'batchDone' | 'epochEnd';

/** The progress of one evaluation loop. */
export class EvaluationProgress {
  readonly batch = Object.assign(four(), { is_last_batch: false });

  /** Another evaluation begins. */
  begin(): void {
    clear(this.batch.current);
  }

  stateDict(): Record<string, unknown> {
    return { state_dict: {}, batch_progress: structuredClone(this.batch) };
  }

  /** Takes the counters of such an entry; those of the batches in progress start anew. */
  loadStateDict(state: Readonly<Record<string, unknown>>): void {
    assign(this.batch, state.batch_progress);
    clear(this.batch.current);
  }

  /**
   * Settles the batch that was in progress when the counters were saved: one whose work was done is counted as completed, any
   * other is forgotten, since it is run again.
   *
   * @returns whether it was done
   */
  closeSaved(): boolean {
    const isDone = this.batch.total.processed > this.batch.total.completed;
    for (const counts of [this.batch.total, this.batch.current]) {
      if (isDone) counts.completed += 1;
      counts.ready = counts.completed;
      counts.started = counts.completed;
      counts.processed = counts.completed;
    }
    return isDone;
  }
}

/** The progress of `fit`: one explicit state, from which everything else follows. */
export class FitProgress {
  phase: FitPhase = 'epochStart';
  readonly epoch = four();
  readonly batch = Object.assign(four(), { is_last_batch: false });
  readonly scheduler = two();
  readonly optimizerStep = two();
  readonly zeroGrad = three();
  readonly manualStep = two();
  /** Steps of each optimizer in manual optimization. */
  readonly stepsByOptimizer: number[] = [];
  readonly validation = new EvaluationProgress();
  /** Batches after which an optimizer stepped: the x-axis of the loggers. */
  batchesThatStepped = 0;

  constructor(private readonly isManual: boolean) {}

  /** Optimizer steps done. In manual optimization every optimizer's steps count. */
  get globalStep(): number {
    return (this.isManual ? this.manualStep : this.optimizerStep).total.completed;
  }

  /** Whole epochs done. */
  get currentEpoch(): number {
    return this.epoch.current.completed;
  }

  startEpoch(): void {
    clear(this.batch.current);
    clear(this.scheduler.current);
    clear(this.optimizerStep.current);
    clear(this.zeroGrad.current);
    clear(this.validation.batch.total);
    this.batch.is_last_batch = false;
    // A resumed run that was saved in the hooks that open an epoch has counted it already.
    if (this.epoch.current.ready === this.epoch.current.completed) count(this.epoch, 'ready');
  }

  /** Takes back what was counted of a batch that was not done: it is run again. */
  forgetOpenBatch(): void {
    for (const { current, total } of [this.batch, this.optimizerStep, this.zeroGrad] as TotalAndCurrent[]) {
      for (const counts of [total, current]) {
        counts.ready = counts.completed;
        if (counts.started !== undefined) counts.started = counts.completed;
        if (counts.processed !== undefined) counts.processed = counts.completed;
      }
    }
  }

  /** The `fit_loop` entry of a checkpoint: a flat record with dotted keys. */
  stateDict(): Record<string, unknown> {
    const validation = this.validation.stateDict();
    return structuredClone({
      state_dict: {},
      'epoch_loop.state_dict': { _batches_that_stepped: this.batchesThatStepped },
      'epoch_loop.batch_progress': this.batch,
      'epoch_loop.scheduler_progress': this.scheduler,
      'epoch_loop.automatic_optimization.state_dict': {},
      'epoch_loop.automatic_optimization.optim_progress': {
        optimizer: { step: this.optimizerStep, zero_grad: this.zeroGrad },
      },
      // The reference keeps an empty record here, and reads nothing from it.
      'epoch_loop.manual_optimization.state_dict': this.isManual ? { optimizer_steps: this.stepsByOptimizer } : {},
      'epoch_loop.manual_optimization.optim_step_progress': this.manualStep,
      'epoch_loop.val_loop.state_dict': validation.state_dict,
      'epoch_loop.val_loop.batch_progress': validation.batch_progress,
      epoch_progress: this.epoch,
    });
  }

  /** Takes the counters of a `fit_loop` entry. Unknown keys are left alone, missing ones keep their value. */
  loadStateDict(state: Readonly<Record<string, unknown>>): void {
    const stepped = record(state['epoch_loop.state_dict'])._batches_that_stepped;
    if (typeof stepped === 'number') this.batchesThatStepped = stepped;
    assign(this.batch, state['epoch_loop.batch_progress']);
    assign(this.scheduler, state['epoch_loop.scheduler_progress']);
    const optimizer = record(record(state['epoch_loop.automatic_optimization.optim_progress']).optimizer);
    assign(this.optimizerStep, optimizer.step);
    assign(this.zeroGrad, optimizer.zero_grad);
    const steps = record(state['epoch_loop.manual_optimization.state_dict']).optimizer_steps;
    if (Array.isArray(steps)) this.stepsByOptimizer.splice(0, this.stepsByOptimizer.length, ...steps.map(Number));
    assign(this.manualStep, state['epoch_loop.manual_optimization.optim_step_progress']);
    assign(this.validation.batch, state['epoch_loop.val_loop.batch_progress']);
    assign(this.epoch, state.epoch_progress);
  }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function assign(target: TotalAndCurrent & { is_last_batch?: boolean }, source: unknown): void {
  const given = record(source);
  for (const part of ['total', 'current'] as const) {
    const counts = record(given[part]);
    for (const phase of Object.keys(target[part]) as (keyof Counts)[]) {
      const value = counts[phase];
      if (typeof value === 'number') target[part][phase] = value;
    }
  }
  if (target.is_last_batch !== undefined && typeof given.is_last_batch === 'boolean')
    target.is_last_batch = given.is_last_batch;
}
