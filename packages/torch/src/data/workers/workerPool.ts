import { TorchError } from '../../errors.js';
import { warn } from '../../warnings.js';
import { rebuildError } from '../sampleError.js';
import type { StreamState } from '../sampleStream.js';
import { Packer, type Packing } from '../travel/pack.js';
import { arrivals, type BadSample, currentEpoch, type Outcome, type Reply, type WorkerRules } from './messages.js';
import { WorkerThread } from './workerThread.js';

export interface PoolSettings {
  numWorkers: number;
  /** What each worker gets a copy of. */
  roots: { dataset: object; collateFn: unknown; workerInitFn: unknown };
  rules: Omit<WorkerRules, 'workerId' | 'numWorkers'>;
}

/** Called with each answer to a request of the epoch under way. */
export type OnOutcome = (worker: number, number: number, outcome: Outcome, bad: BadSample[]) => void;

/** While the event loop stands still, how often a look is taken at whether the workers live. */
const watchMs = 100;
/** A thread that has said nothing for so long did not start; only noticed when the event loop stands still. */
const startMs = 60_000;

/** The workers of one loader. */
export class WorkerPool {
  readonly threads: WorkerThread[];
  /** Why nothing more can come. */
  failure: Error | null = null;
  private readonly signal = new Int32Array(new SharedArrayBuffer(8));
  private readonly settings: PoolSettings;
  private readonly byText = new Set<object>();
  private packing: Packing;
  /** What each thread was sent: the numbers of classes in its batches are those of this packing. */
  private readonly sentPackings: Packing[] = [];
  private epoch = 0;
  /** Replies so far. */
  private received = 0;
  private onOutcome: OnOutcome | null = null;
  private wake: (() => void) | null = null;
  private closing: Promise<void> | null = null;

  /** Throws `DATA_TRAVEL` when the dataset cannot be copied. */
  constructor(settings: PoolSettings) {
    this.settings = settings;
    this.packing = Packer.pack(settings.roots);
    this.threads = Array.from({ length: settings.numWorkers }, () => WorkerThread.obtain());
    this.threads.forEach((thread, worker) => {
      thread.onReply = (reply) => this.receive(worker, reply);
      thread.onDeath = () => this.wake?.();
      this.open(worker);
    });
  }

  /** Voids all requests so far. */
  beginEpoch(baseSeed: bigint, onOutcome: OnOutcome, resumeAt: readonly StreamState[] | null): void {
    this.epoch += 1;
    this.onOutcome = onOutcome;
    Atomics.store(this.signal, currentEpoch, this.epoch);
    this.threads.forEach((thread, worker) => {
      thread.post({ type: 'epoch', epoch: this.epoch, baseSeed, resumeAt: resumeAt?.[worker] ?? null });
    });
  }

  /** Voids all requests of the epoch under way. */
  voidEpoch(): void {
    this.onOutcome = null;
    Atomics.store(this.signal, currentEpoch, -1);
  }

  request(worker: number, number: number, keys: number[] | number | null): void {
    this.threads[worker]!.post({ type: 'batch', epoch: this.epoch, number, keys });
  }

  /** The classes whose instances a worker's batches may hold, by their numbers. */
  typesOf(worker: number): ReadonlyMap<number, object> {
    return this.sentPackings[worker]!.functions;
  }

  /** Handles what has come meanwhile. */
  poll(): void {
    for (const thread of this.threads) while (thread.poll());
  }

  /** Blocks this thread until something came, at most `ms`; false when nothing did. */
  waitBlocking(ms: number): boolean {
    const until = performance.now() + ms;
    const started = performance.now();
    const deaths = this.deaths;
    for (;;) {
      const seen = Atomics.load(this.signal, arrivals);
      const before = this.received;
      this.poll();
      if (this.received !== before || this.failure !== null) return true;
      for (const thread of this.threads) thread.checkAlive();
      if (this.deaths !== deaths) return true;
      const left = until - performance.now();
      if (left <= 0) return false;
      if (this.received === 0 && performance.now() - started > startMs)
        throw new TorchError('DATA_WORKER', `the workers of a loader have not started within ${startMs / 1000} s`);
      Atomics.wait(this.signal, arrivals, seen, Math.min(left, watchMs));
    }
  }

  /** Whether the pool can be used for another epoch. */
  get isUsable(): boolean {
    return this.failure === null && this.closing === null && this.deaths === 0;
  }

  private get deaths(): number {
    return this.threads.filter(({ death }) => death !== null).length;
  }

  /** Resolves when something came, or after `ms`, with whether something did. */
  async wait(ms: number): Promise<boolean> {
    for (const thread of this.threads) thread.ref();
    let timer: NodeJS.Timeout | null = null;
    try {
      return await new Promise<boolean>((resolve) => {
        this.wake = () => resolve(true);
        if (Number.isFinite(ms)) timer = setTimeout(() => resolve(false), ms);
      });
    } finally {
      this.wake = null;
      if (timer !== null) clearTimeout(timer);
      for (const thread of this.threads) thread.unref();
    }
  }

  /** Makes a wait that is under way end. */
  interrupt(): void {
    this.wake?.();
  }

  /** Lets other loaders have the threads: nothing of an epoch may be under way. */
  park(): void {
    this.voidEpoch();
    for (const thread of this.threads) {
      if (thread.death === null) thread.park();
      else void thread.end();
    }
  }

  /**
   * Resolves when no thread is left.
   *
   * @param grace milliseconds for what is being loaded
   */
  end(grace?: number): Promise<void> {
    this.voidEpoch();
    this.closing ??= Promise.all(this.threads.map((thread) => thread.end(grace))).then(() => {});
    return this.closing;
  }

  private open(worker: number): void {
    const { rules, numWorkers } = this.settings;
    const thread = this.threads[worker]!;
    this.sentPackings[worker] = this.packing;
    const packed = this.packing.for(thread.passage);
    thread.post({ type: 'open', signal: this.signal, rules: { ...rules, workerId: worker, numWorkers }, packed });
  }

  private receive(worker: number, reply: Reply): void {
    this.received += 1;
    switch (reply.type) {
      case 'opened':
        break;
      case 'unresolved':
        this.openByText(worker, reply.nodes);
        break;
      case 'openFailed':
        this.failure ??= rebuildFailure(worker, reply.error);
        break;
      case 'batch': {
        const { outcome } = reply;
        if (reply.epoch === this.epoch && this.onOutcome !== null)
          this.onOutcome(worker, reply.number, outcome, reply.bad);
        else this.drop(worker, outcome);
        break;
      }
      case 'warning':
        if (reply.name === 'LightningWarning' && reply.code !== undefined) warn(reply.code, reply.message);
        else process.emitWarning(reply.message, { type: reply.name, ...(reply.code ? { code: reply.code } : {}) });
        break;
      case 'crashed':
        break;
    }
    this.wake?.();
  }

  drop(worker: number, outcome: Outcome): void {
    const { passage } = this.threads[worker]!;
    if (outcome.kind === 'batch') passage.drop(outcome.parcel.ticket, outcome.parcel.count);
    const dataset = outcome.kind === 'failed' ? null : outcome.stream?.dataset;
    if (dataset) passage.drop(dataset.ticket, dataset.count);
  }

  /** Some functions could not be imported from the libraries they belong to: their text goes instead. */
  private openByText(worker: number, nodes: readonly number[]): void {
    const { functions } = this.sentPackings[worker]!;
    const missing = nodes.map((node) => functions.get(node)!).filter((fn) => !this.byText.has(fn));
    try {
      if (missing.length > 0) {
        for (const fn of missing) this.byText.add(fn);
        this.packing = Packer.pack(this.settings.roots, this.byText);
      }
      this.open(worker);
    } catch (error) {
      this.failure ??= error as Error;
    }
  }
}

function rebuildFailure(worker: number, report: Parameters<typeof rebuildError>[0]): TorchError {
  const cause = rebuildError(report);
  if (report.code === 'DATA_TRAVEL') return new TorchError('DATA_TRAVEL', report.message, { cause });
  return new TorchError(
    'DATA_WORKER',
    `worker ${worker} could not make its copy of the dataset: ${report.name}: ${report.message}`,
    { cause },
  );
}
