import { hostname } from 'node:os';
import { TorchError } from '../errors.js';
import { type MonitorHandle, native } from '../native.js';
import { DistributedError } from './distributedError.js';
import type { FailureReport } from './failureReport.js';
import { PrefixStore, type Store, textOf } from './store.js';

export interface WatchFailuresOptions {
  /** This process's rank; it then gives signs of life, and rank 0 looks at those of the others. Default: neither. */
  rank?: number;
  /** With `rank`: processes in the job. */
  worldSize?: number;
  /** How often to look, in milliseconds; default 250. */
  interval?: number;
  /**
   * A rank without a sign of life for so long counts as lost, and so does the store when it does not answer; in
   * milliseconds, default 10,000. 0 leaves both out.
   */
  lostAfter?: number;
}

const failureKey = 'first';
const lifePrefix = 'life/';

/**
 * How the processes of a job tell each other that one of them failed. The first report is the one that counts: later
 * ones are mostly its consequences.
 *
 * While a process watches, a report interrupts the collectives it waits in, also blocking ones, within a moment: they
 * throw `DISTRIBUTED_ABORTED` with the report as `error.firstFailure`.
 */
export class FailureChannel {
  private readonly store: Store;
  private monitor: { handle: MonitorHandle; store: Store; rank: number } | null = null;

  /** @param store of the job, the same for all processes and launchers that use the channel */
  constructor(store: Store) {
    this.store = new PrefixStore('failure', store);
  }

  /**
   * Tells all who watch that `rank` failed (null: nobody in particular). Resolves with true when it was the first
   * report, false when there was one.
   */
  reportFailure(rank: number | null, error: unknown): Promise<boolean> {
    return this.passOn(describeFailure(rank, error));
  }

  /** The same for what this process knows of the failure of another one, which may be unable to report it. */
  async passOn(failure: FailureReport): Promise<boolean> {
    const report = JSON.stringify(failure);
    return textOf(await this.store.compareSet(failureKey, '', report)) === report;
  }

  /** The first report, or null while there is none. */
  async firstFailure(): Promise<FailureReport | null> {
    const report = await this.store.tryGet(failureKey);
    return report === null ? null : (JSON.parse(textOf(report)) as FailureReport);
  }

  /** Starts to look for reports, on a thread and a connection of its own that work while this thread computes or waits. */
  async watch(options: WatchFailuresOptions = {}): Promise<void> {
    const { rank = -1, worldSize = 0, interval = 250, lostAfter = 10_000 } = options;
    if (this.monitor !== null) return;
    if (rank >= 0 && worldSize <= rank)
      throw new DistributedError(
        'DISTRIBUTED_ARGUMENT',
        `watch: rank ${rank} needs a worldSize above it, got ${worldSize}`,
      );
    const store = await this.store.reconnect();
    // The first sign of life comes before this returns: a process that stops right afterwards must be missed.
    if (rank >= 0 && lostAfter > 0) await store.add(`${lifePrefix}${rank}`, 1);
    const seconds = `${lostAfter / 1000} s`;
    const lost = (who: string): string =>
      JSON.stringify({
        ...describeFailure(null, new DistributedError('DISTRIBUTED_PEER_LOST', who)),
        rank: '%RANK%',
        stack: null,
        host: '',
        pid: -1,
      });
    const handle = native.monitorStart(
      store.ref,
      failureKey,
      lifePrefix,
      rank,
      worldSize,
      interval,
      lostAfter,
      lost(`no sign of life for ${seconds}: its process or machine stopped, or its network is gone`),
      lost(`the store has not answered for ${seconds}: the machine that hosts it stopped, or the network is gone`),
    );
    this.monitor = { handle, store, rank };
  }

  /** Stops looking. Do it before the job ends, or this process's silence is taken for a failure. */
  async stop(): Promise<void> {
    const { monitor } = this;
    if (monitor === null) return;
    this.monitor = null;
    native.monitorStop(monitor.handle);
    if (monitor.rank >= 0) await this.store.add(`${lifePrefix}${monitor.rank}`, -(2 ** 52));
    monitor.store.close();
  }
}

/** An error as it is told to other processes. A `DistributedError` that came from another rank's failure tells that one. */
export function describeFailure(rank: number | null, error: unknown): FailureReport {
  if (error instanceof DistributedError && error.firstFailure !== null) return error.firstFailure;
  const isError = error instanceof Error;
  return {
    rank,
    name: isError ? error.name : 'Error',
    message: isError ? error.message : String(error),
    code: error instanceof TorchError ? error.code : null,
    stack: isError ? (error.stack ?? null) : null,
    host: hostname(),
    pid: process.pid,
    time: Date.now(),
  };
}
