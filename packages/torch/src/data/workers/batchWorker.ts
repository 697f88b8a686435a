import type { MessagePort } from 'node:worker_threads';
import { enterWorker, Passage } from '../../handover.js';
import { BatchFetcher, Voided } from '../batchFetcher.js';
import { end, skipped } from '../batchMarks.js';
import { datasetName } from '../checks.js';
import { defaultCollate, defaultConvert } from '../collate.js';
import { type Dataset, IterableDataset } from '../dataset.js';
import { pinBatch } from '../pinBatch.js';
import { reportError } from '../sampleError.js';
import { freshStream, SampleStream, type StreamState } from '../sampleStream.js';
import { batchSeed, seedThread } from '../seeding.js';
import { Subset } from '../subset.js';
import { TensorDataset } from '../tensorDataset.js';
import { type Unpacked, Unresolved, unpack } from '../travel/unpack.js';
import {
  arrivals,
  type BadSample,
  currentEpoch,
  type Outcome,
  type Reply,
  type Request,
  type StreamReport,
} from './messages.js';
import { dropParcel, toParcel } from './parcel.js';
import { setWorkerInfo } from './workerInfo.js';

type OpenRequest = Extract<Request, { type: 'open' }>;
type Collate = (samples: never) => unknown;

/** What a worker has of the loader it works for. */
class Job {
  readonly dataset: Dataset | IterableDataset;
  readonly types: ReadonlyMap<unknown, number>;
  readonly initialize: ((workerId: number) => unknown) | null;
  /** Null when the dataset makes batches itself. */
  readonly collate: Collate | null;
  /** Whether a batch is new and nobody else's. */
  readonly ownsBatches: boolean;

  constructor(
    private readonly unpacked: Unpacked,
    { rules }: OpenRequest,
  ) {
    this.dataset = unpacked.get('dataset') as Dataset | IterableDataset;
    this.types = unpacked.functions;
    this.initialize = unpacked.get('workerInitFn') as Job['initialize'];
    const collateFn = unpacked.get('collateFn') as Collate | null;
    const makesBatches = !(this.dataset instanceof IterableDataset) && this.dataset.getBatch !== undefined;
    const isMade = collateFn === null && makesBatches && rules.collates;
    this.ownsBatches = collateFn === null && rules.collates && (!isMade || makesNewBatches(this.dataset));
    const collate = collateFn ?? (rules.collates ? defaultCollate : defaultConvert);
    this.collate = isMade ? null : collate;
  }

  dispose(): void {
    this.unpacked.dispose();
  }
}

/** Whether a dataset is known to keep no tensor of the batches it makes. */
function makesNewBatches(dataset: unknown): boolean {
  return dataset instanceof TensorDataset || (dataset instanceof Subset && makesNewBatches(dataset.dataset));
}

/** One worker's thread: answers the requests of a loader in the order in which they come, and then waits for another. */
export class BatchWorker {
  private readonly passage: Passage;
  private readonly waiting: Request[] = [];
  private isBusy = false;
  private open: OpenRequest | null = null;
  private job: Job | null = null;
  private isInitialized = false;
  private baseSeed = 0n;
  private epoch = 0;
  private fetcher: BatchFetcher | null = null;
  private stream: SampleStream | null = null;
  /** What went wrong at the start of the epoch; the first batch tells. */
  private failure: unknown = null;
  private bad: BadSample[] = [];

  constructor(
    private readonly port: MessagePort,
    passage: number,
  ) {
    this.passage = Passage.at(passage);
    enterWorker(this.passage);
    port.on('message', (request: Request) => {
      this.waiting.push(request);
      void this.work();
    });
  }

  /** Tells of an error that nobody caught, and ends. */
  crash(error: unknown): void {
    this.reply({ type: 'crashed', error: reportError(error) });
    process.exit(1);
  }

  reply(reply: Reply): void {
    this.port.postMessage(reply);
    if (this.open === null) return;
    Atomics.add(this.open.signal, arrivals, 1);
    Atomics.notify(this.open.signal, arrivals);
  }

  private async work(): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    for (let request = this.waiting.shift(); request !== undefined; request = this.waiting.shift()) {
      const done = this.handle(request);
      if (done instanceof Promise) await done;
    }
    this.isBusy = false;
  }

  private handle(request: Request): void | Promise<void> {
    switch (request.type) {
      case 'open':
        return this.take(request);
      case 'epoch':
        return this.begin(request.epoch, request.baseSeed, request.resumeAt);
      case 'batch':
        return this.answer(request.epoch, request.number, request.keys);
      case 'close':
        return this.letGo();
      case 'end':
        this.closeStream();
        process.exit(0);
    }
  }

  private async take(request: OpenRequest): Promise<void> {
    this.open = request;
    this.isInitialized = false;
    try {
      const unpacked = await unpack(request.packed, this.passage);
      if (unpacked instanceof Unresolved) {
        this.reply({ type: 'unresolved', nodes: unpacked.nodes });
        await this.nextOpening();
        return;
      }
      this.job = new Job(unpacked, request);
      this.reply({ type: 'opened' });
    } catch (error) {
      this.reply({ type: 'openFailed', error: reportError(error) });
    }
  }

  /** Requests that are here already wait until the dataset is. */
  private async nextOpening(): Promise<void> {
    for (;;) {
      const at = this.waiting.findIndex(({ type }) => type === 'open' || type === 'end' || type === 'close');
      const [request] = at < 0 ? [] : this.waiting.splice(at, 1);
      if (request !== undefined) return this.handle(request);
      await new Promise((resolve) => this.port.once('message', resolve));
    }
  }

  private async begin(epoch: number, baseSeed: bigint, resumeAt: StreamState | null): Promise<void> {
    this.closeStream();
    const { job, open } = this;
    if (job === null || open === null) return;
    const { workerId, numWorkers, pinMemory, skipsBadSamples, batchSize, dropLast } = open.rules;
    const seed = BigInt.asUintN(64, baseSeed + BigInt(workerId));
    this.epoch = epoch;
    this.baseSeed = baseSeed;
    this.failure = null;
    this.fetcher = null;
    setWorkerInfo(Object.freeze({ id: workerId, numWorkers, seed, dataset: job.dataset }));
    const pinned = (collate: Collate): Collate => (pinMemory ? (samples) => pinBatch(collate(samples)) : collate);
    const onBadSample = skipsBadSamples
      ? (error: unknown, index: number | null) =>
          void this.bad.push({ index, dataset: datasetName(job.dataset), error: reportError(error) })
      : null;
    try {
      seedThread(seed);
      if (!this.isInitialized) await job.initialize?.(workerId);
      this.isInitialized = true;
      const { dataset, collate } = job;
      if (dataset instanceof IterableDataset) {
        const rules = { batchSize, dropLast, collate: pinned(collate!), onBadSample };
        this.stream = new SampleStream(dataset, rules, seed, resumeAt ?? freshStream());
      } else {
        const isVoid = () => Atomics.load(open.signal, currentEpoch) !== epoch;
        const rules = { collate: collate === null ? null : pinned(collate), onBadSample, oneByOne: true, isVoid };
        this.fetcher = new BatchFetcher(dataset, rules);
      }
    } catch (error) {
      this.failure = error;
    }
  }

  private async answer(epoch: number, number: number, keys: number[] | number | null): Promise<void> {
    const { job, open } = this;
    if (job === null || open === null || Atomics.load(open.signal, currentEpoch) !== epoch || epoch !== this.epoch)
      return;
    this.bad = [];
    let outcome: Outcome;
    try {
      outcome = await this.outcome(job, number, keys);
    } catch (error) {
      if (error instanceof Voided) return;
      const { fetcher, stream } = this;
      const index = fetcher?.at ?? null;
      outcome = { kind: 'failed', error: reportError(error), index, dataset: datasetName(job.dataset) };
      if (stream !== null) this.closeStream();
    }
    const { bad } = this;
    try {
      this.reply({ type: 'batch', epoch, number, outcome, bad });
    } catch (error) {
      // Something that no message can carry.
      if (outcome.kind === 'batch') dropParcel(outcome.parcel, this.passage);
      const dataset = datasetName(job.dataset);
      this.reply({
        type: 'batch',
        epoch,
        number,
        outcome: { kind: 'failed', error: reportError(error), index: null, dataset },
        bad,
      });
    }
  }

  private async outcome(job: Job, number: number, keys: number[] | number | null): Promise<Outcome> {
    if (this.failure !== null) throw this.failure;
    const { stream, fetcher, passage } = this;
    const before = stream?.taken ?? 0;
    let made: unknown;
    if (stream !== null) made = stream.next();
    else {
      seedThread(batchSeed(this.baseSeed, number));
      made = fetcher!.fetch(keys!);
      if (fetcher!.makesBatches && this.open!.rules.pinMemory)
        made = made instanceof Promise ? made.then(pinBatch) : pinBatch(made);
    }
    const batch = made instanceof Promise ? await made : made;
    const report = stream === null ? null : this.report(stream, job, before);
    if (batch === end) return { kind: 'ended', stream: report };
    if (batch === skipped) return { kind: 'skipped', stream: report };
    return { kind: 'batch', parcel: toParcel(batch, passage, job.types, job.ownsBatches), stream: report };
  }

  private report(stream: SampleStream, job: Job, before: number): StreamReport {
    const { batches, ended, dataset } = stream.state();
    const packed = dataset === null ? null : toParcel(dataset, this.passage, job.types);
    return { batches, ended, dataset: packed, samples: stream.taken - before };
  }

  private closeStream(): void {
    const { stream } = this;
    this.stream = null;
    stream?.close();
  }

  private letGo(): void {
    try {
      this.closeStream();
    } finally {
      setWorkerInfo(null);
      this.job?.dispose();
      this.job = null;
      this.open = null;
      this.fetcher = null;
      this.failure = null;
    }
  }
}
