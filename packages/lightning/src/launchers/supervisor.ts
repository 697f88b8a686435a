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
  readonly output: RankOutput;
}

interface SavedCheckpoint {
  readonly path: string;
  readonly fit: number;
}

/** Under which key of the job's store an attempt keeps what is its own. */
export const attemptPrefix = (attempt: number): string => `attempt ${attempt}`;

/**
 * Starts every process of a job and watches over them: when one fails, all are ended and started again, and go on from the
 * last checkpoint. This process does nothing else, so that whatever happens to a rank does not happen to it.
 */
export class Supervisor {
  private ranks: LaunchedRanks | null = null;
  private interruptedBy: NodeJS.Signals | null = null;
  private readonly saved: SavedCheckpoint[] = [];

  constructor(private readonly plan: SupervisionPlan) {}

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
        `${error.message}\nThe job starts again (${attempt + 1} of at most ${maxRestarts}), ` +
          `${from === null ? 'from the beginning, as there is no checkpoint yet' : `from ${from.path}`}.`,
      );
    }
    store.close();
    process.exit();
  }

  /** @returns what failed first, null when nothing did */
  private async runOnce(store: TCPStore, attempt: number): Promise<FailureReport | null> {
    const { output, processes } = this.plan;
    const from = this.lastCheckpoint();
    const resume: Record<string, string> =
      attempt === 0 || from === null
        ? {}
        : { [launchVariables.resumePath]: from.path, [launchVariables.resumeFit]: String(from.fit) };
    const plans = Array.from({ length: processes }, (_, rank) => ({
      rank,
      isShown: rank === 0,
      env: {
        [launchVariables.by]: 'supervisor',
        [launchVariables.attempt]: String(attempt),
        ...resume,
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
    // The others learn of it from each other, and end in order if they can.
    ranks.whenFailed(() => ranks.stop(5_000));
    await ranks.ended;
    if (ranks.failure === null) return null;
    const told = await new FailureChannel(new PrefixStore(attemptPrefix(attempt), store)).firstFailure();
    return told ?? ranks.failure;
  }

  /** The newest that is still there: checkpoints are replaced by better ones. */
  private lastCheckpoint(): SavedCheckpoint | null {
    return this.saved.findLast(({ path }) => existsSync(path)) ?? null;
  }
}
