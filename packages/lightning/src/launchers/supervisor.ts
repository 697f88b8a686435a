import { existsSync } from 'node:fs';
import type { FailureReport } from '@lightning-ts/torch/distributed';
import { FailureChannel, PrefixStore, TCPStore } from '@lightning-ts/torch/distributed';
import { LaunchedRanks, type RankOutput } from './launchedRanks.js';
import { threadsEach } from './launchedScript.js';
import { launchVariables } from './launchVariables.js';
import { rankFailure } from './rankFailure.js';

export interface SupervisionPlan {
  /** Processes to start, all on this machine. */
  readonly processes: number;
  /** How often they are started again after a failure. */
  readonly maxRestarts: number;
  /** How few they may become: as long as there are more, the one that failed is left out of the next attempt. */
  readonly minProcesses: number;
  readonly output: RankOutput;
}

interface SavedCheckpoint {
  readonly path: string;
  readonly fit: number;
}

/** Under which key of the job's store an attempt keeps what is its own. */
export const attemptPrefix = (attempt: number): string => `attempt ${attempt}`;

/**
 * Starts every process of a job and watches over them: when one fails, all are ended and started again, perhaps without that
 * one, and go on from the last checkpoint. This process does nothing else, so that whatever happens to a rank does not happen
 * to it.
 */
export class Supervisor {
  private ranks: LaunchedRanks | null = null;
  private interruptedBy: NodeJS.Signals | null = null;
  private readonly saved: SavedCheckpoint[] = [];
  /** Which of the machine's devices the ranks have. */
  private slots: readonly number[];

  constructor(private readonly plan: SupervisionPlan) {
    this.slots = Array.from({ length: plan.processes }, (_, slot) => slot);
  }

  /** Passes on a signal; after it nothing is started again. */
  signal(signal: NodeJS.Signals): void {
    this.interruptedBy = signal;
    this.ranks?.signal(signal);
  }

  /** Runs the job to its end, and ends this process with it. */
  async run(): Promise<never> {
    const { maxRestarts } = this.plan;
    const store = await TCPStore.open({ host: '127.0.0.1', port: 0, isMaster: true });
    for (let attempt = 0; ; attempt += 1) {
      const failure = await this.runOnce(store, attempt);
      if (failure === null || this.interruptedBy !== null) break;
      const error = rankFailure(failure);
      if (attempt === maxRestarts) {
        console.error(error);
        process.exitCode = 1;
        break;
      }
      process.exitCode = undefined;
      const from = this.lastCheckpoint();
      console.error(
        `${error.message}\nThe job starts again (${attempt + 1} of at most ${maxRestarts})${this.leaveOut(failure.rank)}, ` +
          `${from === null ? 'from the beginning, as there is no checkpoint yet' : `from ${from.path}`}.`,
      );
    }
    store.close();
    process.exit();
  }

  /** Goes on without a rank, where that is allowed. @returns how to say so */
  private leaveOut(rank: number | null): string {
    if (rank === null || this.slots.length <= this.plan.minProcesses) return '';
    this.slots = this.slots.filter((_, each) => each !== rank);
    return `, without rank ${rank}: ${this.slots.length} ${this.slots.length === 1 ? 'process is' : 'processes are'} left`;
  }

  /** @returns what failed first, null when nothing did */
  private async runOnce(store: TCPStore, attempt: number): Promise<FailureReport | null> {
    const { output } = this.plan;
    const processes = this.slots.length;
    const plans = Array.from({ length: processes }, (_, rank) => ({
      rank,
      isShown: rank === 0,
      env: {
        [launchVariables.by]: 'supervisor',
        [launchVariables.attempt]: String(attempt),
        [launchVariables.slots]: this.slots.join(','),
        [launchVariables.resume]: JSON.stringify(this.checkpoints()),
        MASTER_ADDR: '127.0.0.1',
        MASTER_PORT: String(store.port),
        WORLD_SIZE: String(processes),
        RANK: String(rank),
        LOCAL_RANK: String(rank),
        NODE_RANK: '0',
        OMP_NUM_THREADS: process.env.OMP_NUM_THREADS ?? String(threadsEach(processes)),
      },
    }));
    const ranks = new LaunchedRanks(plans, output);
    this.ranks = ranks;
    ranks.onMessage = (message) => {
      if (message.kind === 'checkpoint') this.saved.push({ path: message.path, fit: message.fit });
    };
    const channel = new FailureChannel(new PrefixStore(attemptPrefix(attempt), store));
    let telling = Promise.resolve(false);
    ranks.whenFailed((report) => {
      // What a process could not say of itself: the others see only that a connection broke.
      telling = channel.passOn(report).catch(() => false);
      // They end in order if they can.
      void ranks.stop(5_000);
    });
    await ranks.ended;
    if (ranks.failure === null) return null;
    await telling;
    return (await channel.firstFailure()) ?? ranks.failure;
  }

  /** Of each call of `fit`, so that those which had ended before do not begin anew. */
  private checkpoints(): Record<number, string> {
    const existing = this.saved.filter(({ path }) => existsSync(path));
    return Object.fromEntries(existing.map(({ fit, path }) => [fit, path]));
  }

  /** The newest that is still there: checkpoints are replaced by better ones. */
  private lastCheckpoint(): SavedCheckpoint | null {
    return this.saved.findLast(({ path }) => existsSync(path)) ?? null;
  }
}
