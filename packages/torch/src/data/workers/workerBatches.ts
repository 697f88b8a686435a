import { TorchError } from '../../errors.js';
import type { Generator } from '../../random.js';
import type { Tensor } from '../../tensor.js';
import { end } from '../batchMarks.js';
import { type BatchSource, warnBeyondLength } from '../batchSource.js';
import { datasetName } from '../checks.js';
import type { Dataset, IterableDataset, Stateful } from '../dataset.js';
import type { KeySource } from '../keySource.js';
import { listed, SampleError } from '../sampleError.js';
import { type StreamState, streamStates } from '../sampleStream.js';
import type { BadSample, Outcome } from './messages.js';
import { fromParcel } from './parcel.js';
import type { WorkerPool } from './workerPool.js';

/** How the loader's own parts stood at some moment. */
export interface Moment {
  source: Record<string, unknown>;
  /** States of the loader's own generators; the samplers have drawn ahead since. */
  generators: Tensor[];
  sampler: Record<string, unknown> | null;
}

export interface WorkerBatchesSettings {
  dataset: Dataset | IterableDataset;
  /** Null for an IterableDataset, whose workers know for themselves what comes next. */
  keys: KeySource | null;
  baseSeed: bigint;
  prefetchFactor: number;
  inOrder: boolean;
  /** Milliseconds; Infinity for any time. */
  timeout: number;
  /** Keeps the threads after the epoch. */
  persistent: boolean;
  generators: readonly Generator[];
  sampler: Stateful | null;
  /** What the workers' datasets are to start a new epoch from. */
  datasetStates: readonly StreamState['dataset'][] | null;
  /** Told at the end of what a stateful dataset has come to in each worker. */
  keepDatasetStates(states: StreamState['dataset'][]): void;
  onBadSample(bad: BadSample): void;
}

interface Task {
  readonly number: number;
  readonly worker: number;
  readonly keys: number[] | number | null;
  /** How the samplers stood after this task was cut from them. */
  readonly moment: Moment | null;
  outcome: Outcome | null;
  isGiven: boolean;
}

/** One epoch of batches that workers make ahead. */
export class WorkerBatches implements BatchSource {
  ended = false;
  readonly stopsAtOnce = true;
  /** The tasks from the first one that is not given on. */
  private readonly tasks: Task[] = [];
  private readonly arrived: Task[] = [];
  private readonly waitingAt: number[];
  private readonly streams: StreamState[] | null;
  private moment: Moment | null = null;
  private firstMoment: Moment | null = null;
  private lastGenerators: Tensor[] | null = null;
  /** Of the next task. */
  private number: number;
  /** Batches of this epoch that were given before it was resumed, out of order. */
  private readonly givenBefore: Set<number>;
  /** Whose turn it is to get the next task, and to give the next batch. */
  private turn: number;
  private givingTurn: number;
  private noKeysLeft = false;
  private isSuperseded = false;
  private samples = 0;

  constructor(
    private readonly pool: WorkerPool,
    private readonly settings: WorkerBatchesSettings,
    resumeAt: Record<string, unknown> | null,
  ) {
    const { length: numWorkers } = pool.threads;
    this.waitingAt = new Array<number>(numWorkers).fill(0);
    this.number = (resumeAt?.fetched as number | undefined) ?? 0;
    this.givenBefore = new Set(resumeAt?.given_ahead as number[] | undefined);
    this.turn = 0;
    this.givingTurn = 0;
    this.streams = settings.keys === null ? streamStates(resumeAt, numWorkers) : null;
    if (resumeAt === null)
      settings.datasetStates?.forEach((dataset, worker) => {
        if (this.streams?.[worker] !== undefined) this.streams[worker] = { batches: 0, ended: false, dataset };
      });
    if (this.streams !== null) this.givingTurn = this.turn = (resumeAt?.turn as number | undefined) ?? 0;
    this.pool.beginEpoch(settings.baseSeed, (...outcome) => this.receive(...outcome), this.streams);
  }

  next(isBlocking: boolean): unknown {
    if (this.isSuperseded)
      throw new TorchError(
        'DATA_LOADER',
        'another iteration has begun over the same persistent workers, which ends this one; iterate one after the other, or leave out persistentWorkers',
      );
    if (this.ended) return end;
    this.fill();
    this.pool.poll();
    const batch = this.take();
    if (batch !== undefined) return batch;
    return isBlocking ? this.nextBlocking() : this.nextAwaited();
  }

  state(): Record<string, unknown> {
    if (this.streams !== null) return { turn: this.givingTurn, workers: this.streams.map((stream) => ({ ...stream })) };
    const ahead = [...this.tasks.filter(({ isGiven }) => isGiven).map(({ number }) => number), ...this.givenBefore];
    const { source } = this.now()!;
    return ahead.length === 0 ? source : { ...source, given_ahead: ahead };
  }

  /** How the loader's generators and sampler would stand if nothing were loaded ahead. */
  now(): Moment | null {
    if (this.streams !== null) return null;
    this.firstMoment ??= this.takeMoment();
    return this.moment ?? this.firstMoment;
  }

  /** Resolves when the threads are gone, or free for the next epoch. */
  async close(): Promise<void> {
    const wasEnded = this.ended;
    this.ended = true;
    if (wasEnded) return;
    this.settings.keys?.close?.();
    this.rewind();
    this.dropWaiting();
    await this.release('end');
  }

  /** Resolves when the threads are gone after a failure. */
  async settled(): Promise<void> {
    if (this.pool.failure !== null) await this.pool.end();
  }

  /** Another epoch has taken over the threads. */
  supersede(): void {
    if (this.ended) return;
    this.isSuperseded = true;
    this.dropWaiting();
    this.pool.interrupt();
  }

  // --- asking --------------------------------------------------------------------------------------------------------

  private fill(): void {
    const { pool, settings } = this;
    this.firstMoment ??= this.streams === null ? this.takeMoment() : null;
    const limit = settings.prefetchFactor * pool.threads.length;
    while (this.tasks.length - this.givenAhead < limit && this.issue());
  }

  private get givenAhead(): number {
    return this.settings.inOrder ? 0 : this.tasks.filter(({ isGiven }) => isGiven).length;
  }

  private issue(): boolean {
    if (this.noKeysLeft) return false;
    const { keys: source } = this.settings;
    let keys: number[] | number | null = null;
    if (source !== null) {
      keys = source.next();
      // A sampler whose length is certain is asked no more than that, and draws what it would draw at the end.
      const isLast = keys === null || this.number + 1 === source.total;
      if (keys !== null && isLast) source.finish();
      this.noKeysLeft = isLast;
      if (keys === null) return false;
    }
    const number = this.number++;
    const moment = source === null ? null : this.takeMoment();
    const isGiven = this.givenBefore.delete(number);
    const worker = this.nextWorker(number);
    if (worker === null) return false;
    this.tasks.push({ number, worker, keys, moment, outcome: null, isGiven });
    if (isGiven) return true;
    this.waitingAt[worker]! += 1;
    this.pool.request(worker, number, keys);
    return true;
  }

  /** Round and round, so that a run repeats exactly; the least busy one when batches come as they are completed. */
  private nextWorker(number: number): number | null {
    const { length } = this.pool.threads;
    const { streams } = this;
    if (!this.settings.inOrder) {
      const free = this.waitingAt.map((_, worker) => worker).filter((worker) => !streams?.[worker]?.ended);
      if (free.length === 0) return null;
      return free.reduce((best, worker) => (this.waitingAt[worker]! < this.waitingAt[best]! ? worker : best));
    }
    if (this.streams === null) return number % length;
    for (let step = 0; step < length; step++) {
      const worker = (this.turn + step) % length;
      if (this.streams[worker]!.ended) continue;
      this.turn = (worker + 1) % length;
      return worker;
    }
    return null;
  }

  private takeMoment(): Moment {
    const { keys, generators, sampler } = this.settings;
    const states = generators.map((generator) => generator.getState());
    this.lastGenerators = states;
    return {
      source: { ...keys!.state(), fetched: this.number },
      generators: states,
      sampler: sampler?.stateDict() ?? null,
    };
  }

  // --- getting -------------------------------------------------------------------------------------------------------

  private receive(worker: number, number: number, outcome: Outcome, bad: BadSample[]): void {
    const task = this.tasks.find((candidate) => candidate.number === number);
    if (task === undefined) {
      this.pool.drop(worker, outcome);
      return;
    }
    task.outcome = outcome;
    this.arrived.push(task);
    for (const sample of bad) this.settings.onBadSample(sample);
  }

  /** A batch, `end`, or undefined when one has to wait. */
  private take(): unknown {
    for (;;) {
      if (this.pool.failure !== null) return this.fail(this.pool.failure);
      const task = this.settings.inOrder ? this.tasks.find(({ isGiven }) => !isGiven) : this.arrived[0];
      if (task === undefined && this.tasks.every(({ isGiven }) => isGiven)) {
        this.finish();
        return end;
      }
      if (task?.outcome == null) {
        this.checkDeaths();
        return undefined;
      }
      const batch = this.give(task, task.outcome);
      this.fill();
      if (batch === undefined) continue;
      const { keys } = this.settings;
      if (keys?.total != null && this.noKeysLeft && this.tasks.length === 0) this.finish();
      return batch;
    }
  }

  /** Undefined when the task brought no batch. */
  private give(task: Task, outcome: Outcome): unknown {
    const { worker } = task;
    const { passage } = this.pool.threads[worker]!;
    this.waitingAt[worker]! -= 1;
    this.arrived.splice(this.arrived.indexOf(task), 1);
    if (outcome.kind === 'failed') return this.fail(this.errorOf(task, outcome));
    const types = this.pool.typesOf(worker);
    const batch = outcome.kind === 'batch' ? fromParcel(outcome.parcel, passage, types) : undefined;
    if (this.streams !== null) {
      const { batches, ended, dataset, samples } = outcome.stream!;
      const state = dataset === null ? null : (fromParcel(dataset, passage, types) as StreamState['dataset']);
      this.streams[worker] = { batches, ended: ended || outcome.kind === 'ended', dataset: state };
      this.samples += samples;
      warnBeyondLength(this.settings.dataset as IterableDataset, this.samples);
      this.givingTurn = (worker + 1) % this.pool.threads.length;
    }
    task.isGiven = true;
    while (this.tasks[0]?.isGiven) this.moment = this.tasks.shift()!.moment;
    return batch;
  }

  private nextBlocking(): unknown {
    const { timeout } = this.settings;
    const until = performance.now() + timeout;
    for (;;) {
      if (!this.pool.waitBlocking(until - performance.now())) return this.fail(this.timeoutError(), 0);
      const batch = this.take();
      if (batch !== undefined) return batch;
    }
  }

  private async nextAwaited(): Promise<unknown> {
    const { timeout } = this.settings;
    const until = performance.now() + timeout;
    for (;;) {
      const hasArrival = await this.pool.wait(until - performance.now());
      if (this.isSuperseded) return this.next(false);
      if (this.ended) return end;
      const batch = this.take();
      if (batch !== undefined) return batch;
      if (!hasArrival) return this.fail(this.timeoutError(), 0);
    }
  }

  // --- ending --------------------------------------------------------------------------------------------------------

  /** The last batch has been given. */
  private finish(): void {
    this.ended = true;
    void this.release('park');
  }

  private async release(how: 'park' | 'end'): Promise<void> {
    const { pool } = this;
    if (this.streams?.some(({ dataset }) => dataset !== null))
      this.settings.keepDatasetStates(this.streams.map(({ dataset }) => dataset));
    if (this.settings.persistent && pool.failure === null) pool.voidEpoch();
    else if (how === 'park') pool.park();
    else await pool.end();
  }

  /** Nothing comes after an error: the loop is left by it, and nobody would stop the threads. */
  private fail(error: Error, grace?: number): never {
    this.ended = true;
    this.dropWaiting();
    this.pool.failure ??= error;
    void this.pool.end(grace);
    throw error;
  }

  private checkDeaths(): void {
    for (const [worker, { death }] of this.pool.threads.entries()) {
      if (death === null || this.waitingAt[worker] === 0) continue;
      const task = this.tasks.find(
        (candidate) => candidate.worker === worker && !candidate.isGiven && !candidate.outcome,
      );
      this.fail(
        new TorchError(
          'DATA_WORKER',
          `worker ${worker} of ${datasetName(this.settings.dataset)} ended ${death}. It was to make ${describeTask(task)}`,
        ),
      );
    }
  }

  private timeoutError(): TorchError {
    const task = this.tasks.find(({ isGiven, outcome }) => !isGiven && outcome === null);
    const worker = task === undefined ? '' : ` from worker ${task.worker}, which has ${describeTask(task)} to make`;
    return new TorchError(
      'DATA_WORKER',
      `no batch of ${datasetName(this.settings.dataset)} came within ${this.settings.timeout / 1000} s${worker}. Make getItem faster, or raise timeout`,
    );
  }

  private errorOf(
    { worker, keys }: Task,
    { error, index, dataset }: Extract<Outcome, { kind: 'failed' }>,
  ): SampleError {
    const indices = typeof keys === 'number' ? [keys] : keys;
    return new SampleError({ index, indices, dataset, workerId: worker, report: error });
  }

  /** Batches that are here and that nobody will have. */
  private dropWaiting(): void {
    for (const { worker, outcome, isGiven } of this.tasks)
      if (!isGiven && outcome !== null) this.pool.drop(worker, outcome);
    this.tasks.length = 0;
    this.arrived.length = 0;
  }

  /**
   * Puts the loader's generators and sampler back to where a loader without workers would have left them, unless
   * somebody else has drawn from a generator since.
   */
  private rewind(): void {
    if (this.streams !== null || this.firstMoment === null) return;
    const { generators, sampler } = this.settings;
    const { generators: states, sampler: samplerState } = this.now()!;
    generators.forEach((generator, i) => {
      if (generator.getState().equal(this.lastGenerators![i]!)) generator.setState(states[i]!);
    });
    if (samplerState !== null) sampler?.loadStateDict(samplerState);
  }
}

function describeTask(task: Task | undefined): string {
  if (task === undefined) return 'the next batch';
  const { keys, number } = task;
  if (typeof keys === 'number') return `sample ${keys}`;
  return keys === null ? 'the next batch of its stream' : `batch ${number} (samples ${listed(keys)})`;
}
