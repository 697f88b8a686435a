import { Function, type FunctionContext, fromTypedArray, type Tensor, warn, zeros } from '@lightning-ts/torch';
import {
  allGatherObject,
  type BackendName,
  broadcastObject,
  DistributedError,
  destroyProcessGroup,
  FailureChannel,
  type FailureReport,
  gatherObject,
  initProcessGroup,
  PrefixStore,
  type ProcessGroup,
  type Store,
  TCPStore,
} from '@lightning-ts/torch/distributed';
import { LightningError } from '../errors.js';
import { tieToLauncher } from '../launchers/launchedProcess.js';
import { LaunchedRanks, type RankOutput } from '../launchers/launchedRanks.js';
import { ownScript, threadsEach } from '../launchers/launchedScript.js';
import { launchAttempt, launchedBy, launchVariables } from '../launchers/launchVariables.js';
import { rankFailure, reportOf } from '../launchers/rankFailure.js';
import { attemptPrefix } from '../launchers/supervisor.js';
import type { ClusterEnvironment } from './clusterEnvironment.js';
import type { ReduceOp } from './strategy.js';

/** What the processes of a job are, and how they meet. */
export interface JobPlan {
  readonly environment: ClusterEnvironment;
  readonly rank: number;
  readonly worldSize: number;
  readonly localRank: number;
  readonly nodeRank: number;
  /** Processes on each machine. */
  readonly devices: number;
  readonly backend: BackendName;
  /** Milliseconds that a collective may take. */
  readonly timeout: number;
  /** Milliseconds to wait for all processes to come. */
  readonly rendezvousTimeout: number;
  /** Milliseconds without a sign of life after which a process counts as lost. */
  readonly lostAfter: number;
  readonly output: RankOutput;
}

let current: Promise<Job> | null = null;

/**
 * This process's place among others that train together, and what they do with each other. A process joins once: later runs
 * of its script use the same job.
 */
export class Job {
  private constructor(
    private readonly plan: JobPlan,
    readonly group: ProcessGroup,
    private readonly store: Store,
    private readonly channel: FailureChannel,
    private readonly launched: LaunchedRanks | null,
  ) {}

  /**
   * Starts the other processes where that is this one's part, and waits for all of them to come.
   *
   * @throws LightningError RANK_FAILED when one of them ended before, OPTION_CONFLICT when this process is in another job
   *   already, LAUNCH_IMPOSSIBLE; DistributedError when they do not come together
   */
  static async join(plan: JobPlan): Promise<Job> {
    current ??= Job.meet(plan).catch((error: unknown) => {
      current = null;
      throw error;
    });
    const job = await current;
    const { rank, worldSize } = job.plan;
    if (plan.worldSize !== worldSize || plan.rank !== rank) {
      throw new LightningError(
        'OPTION_CONFLICT',
        `This process is rank ${rank} of ${worldSize}, so it cannot be rank ${plan.rank} of ${plan.worldSize} too. Give every Trainer of ` +
          'a script the same devices and numNodes, or one device.',
      );
    }
    const failure = await job.channel.firstFailure();
    if (failure !== null) throw rankFailure(failure);
    return job;
  }

  private static async meet(plan: JobPlan): Promise<Job> {
    const { backend, environment, lostAfter, rank, rendezvousTimeout, timeout, worldSize } = plan;
    tieToLauncher(rank);
    // Before anything is opened: without a script there is nothing to start.
    if (launches(plan)) ownScript();
    const isAgents = process.env.TORCHELASTIC_USE_AGENT_STORE === 'True';
    const isSupervised = launchedBy() === 'supervisor';
    const server = await TCPStore.open({
      host: environment.mainAddress,
      port: environment.mainPort,
      isMaster: rank === 0 && !isAgents && !isSupervised,
      timeout: rendezvousTimeout,
    });
    // One store may see several attempts at the same job; what an earlier one left must not be found.
    const attempt = isAgents
      ? `torchrun ${process.env.TORCHELASTIC_RESTART_COUNT ?? '0'}`
      : attemptPrefix(launchAttempt());
    const store = isAgents || isSupervised ? new PrefixStore(attempt, server) : server;
    const launched = launches(plan) ? startOthers(plan, server.port) : null;
    const channel = new FailureChannel(store);
    try {
      const joining = initProcessGroup({ store, rank, worldSize, backend, timeout, rendezvousTimeout });
      const group = await (launched === null ? joining : Promise.race([joining, failureOf(launched)]));
      await channel.watch({ rank, worldSize, lostAfter });
      const job = new Job(plan, group, store, channel, launched);
      launched?.whenFailed((report) => {
        void job.tell(report);
        void launched.stop(5_000);
      });
      process.once('beforeExit', () => void job.leave());
      return job;
    } catch (error) {
      // The others learn what is wrong at the same time, and say it in their own output.
      await launched?.stop(2_000);
      server.close();
      throw error;
    }
  }

  /** Passes on a signal to the processes that this one started. */
  signal(signal: NodeJS.Signals): void {
    this.launched?.signal(signal);
  }

  // ---- together

  /** One tensor from those of all processes; integers are averaged towards zero. */
  reduce(value: Tensor, op: ReduceOp, group: ProcessGroup = this.group): Tensor {
    const result = value.detach().clone().contiguous();
    group.allReduce(result, { op: op === 'mean' ? 'avg' : op });
    return result;
  }

  /** Whether all, or any, of the processes say yes. */
  decide(decision: boolean, all: boolean): boolean {
    return this.exchange([decision ? 1 : 0], all ? 'min' : 'max')()[0] === 1;
  }

  /** Begins to exchange small whole numbers; the returned function waits for the largest or smallest of each. */
  exchange(numbers: readonly number[], op: 'min' | 'max'): () => number[] {
    // Every training step does this: the shortest ways there and back.
    const given = fromTypedArray(Int32Array.from(numbers));
    const flags = this.group.backend === 'nccl' ? given.to('cuda') : given;
    const work = this.group.allReduce(flags, { op, asyncOp: true });
    return () => {
      work.wait();
      const result = [...(flags.toTypedArray() as Int32Array)];
      flags.dispose();
      return result;
    };
  }

  /** `[...]` of each process to `[worldSize, ...]`; with `syncGrads`, gradients flow back to where each part came from. */
  allGather(value: Tensor, syncGrads: boolean, group: ProcessGroup = this.group): Tensor {
    return syncGrads ? (GatherWithGradient.apply(value, group) as Tensor) : gathered(value.detach(), group);
  }

  broadcast<T>(value: T, src = 0): T {
    return broadcastObject(value, { src });
  }

  /** Every process's value, by rank. */
  allGatherObject<T>(value: T): T[] {
    return allGatherObject(value);
  }

  /** Every process's value by rank on rank 0, null on the others. */
  gatherObject<T>(value: T): T[] | null {
    return gatherObject(value, { dst: 0 });
  }

  async barrier(): Promise<void> {
    await this.group.barrier({ asyncOp: true }).promise;
  }

  // ---- failures

  /**
   * Tells the others that this process failed, unless the error is the consequence of another one's failure.
   *
   * @returns the error to end with: the first cause
   */
  async failWith(error: unknown): Promise<unknown> {
    try {
      return await this.firstError(error);
    } finally {
      // They end by the error they have just been told of, and say so in their own output.
      await this.launched?.stop(2_000);
    }
  }

  private async firstError(error: unknown): Promise<unknown> {
    const noticed = error instanceof DistributedError ? error : null;
    if (noticed !== null && noticed.firstFailure !== null) return rankFailure(noticed.firstFailure, noticed);
    const isEffect = noticed !== null && isConsequence(noticed);
    if (isEffect) {
      const cause = (await this.firstCause()) ?? lostPeer(noticed);
      if (cause !== null) {
        await this.tell(cause);
        return rankFailure(cause, noticed);
      }
    }
    try {
      // What failed a moment earlier elsewhere is likely to be the reason for this.
      const isFirst = await this.channel.reportFailure(this.plan.rank, error);
      const first = isFirst || !isEffect ? null : await this.channel.firstFailure();
      if (first !== null) return rankFailure(first, noticed);
    } catch {
      // The store is gone, and with it everybody that could be told.
    }
    return error;
  }

  /** Why a connection broke: told by the process that failed, or seen by the one that had started it. Soon, or never. */
  private async firstCause(): Promise<FailureReport | null> {
    for (const until = Date.now() + 2_000; Date.now() < until; ) {
      const seen = this.launched?.failure ?? null;
      if (seen !== null) await this.tell(seen);
      const told = await this.channel.firstFailure().catch(() => null);
      if (told !== null || seen !== null) return told ?? seen;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return null;
  }

  private async tell(report: FailureReport): Promise<void> {
    await this.channel.passOn(report).catch(() => false);
  }

  /** The script is at its end. */
  private async leave(): Promise<void> {
    try {
      await this.channel.stop();
      await destroyProcessGroup();
    } catch {
      // Whoever hosts the store has left already.
    }
    if (!(this.store instanceof PrefixStore)) this.store.close();
  }
}

/** Errors that say that another process is gone or late. */
const isConsequence = ({ code }: DistributedError): boolean =>
  code === 'DISTRIBUTED_PEER_LOST' ||
  code === 'DISTRIBUTED_TIMEOUT' ||
  code === 'DISTRIBUTED_ENGINE' ||
  code === 'DISTRIBUTED_STORE';

/** What a broken connection says of the process at its other end, where that is seen to be gone. */
const lostPeer = (noticed: DistributedError): FailureReport | null =>
  noticed.ranks.length === 0
    ? null
    : { ...reportOf(noticed.ranks[0]!, noticed), name: 'ProcessEnded', stack: null, host: '', pid: -1 };

/** Whether this process starts others: it is the first one on its machine, and nobody else does. */
const launches = ({ devices, environment }: JobPlan): boolean =>
  devices > 1 && !environment.createsProcessesExternally && launchedBy() === null;

function startOthers(plan: JobPlan, port: number): LaunchedRanks {
  const { devices, environment, nodeRank, output, worldSize } = plan;
  const threads = process.env.OMP_NUM_THREADS ?? String(threadsEach(devices));
  if (process.env.OMP_NUM_THREADS === undefined && Number(threads) > 1)
    warn(
      'LAUNCH_THREADS',
      `Each of the ${devices} processes computes with ${threads} threads. Set OMP_NUM_THREADS to change it.`,
    );
  const plans = Array.from({ length: devices - 1 }, (_, index) => ({
    rank: nodeRank * devices + index + 1,
    env: {
      [launchVariables.by]: 'script',
      MASTER_ADDR: environment.mainAddress,
      MASTER_PORT: String(port),
      WORLD_SIZE: String(worldSize),
      NODE_RANK: String(nodeRank),
      LOCAL_RANK: String(index + 1),
      RANK: String(nodeRank * devices + index + 1),
      OMP_NUM_THREADS: threads,
    },
  }));
  return new LaunchedRanks(plans, output);
}

const failureOf = (launched: LaunchedRanks): Promise<never> =>
  new Promise((_, reject) => launched.whenFailed((report) => reject(rankFailure(report))));

function gathered(value: Tensor, group: ProcessGroup): Tensor {
  const all = zeros([group.size, ...value.shape], { dtype: value.dtype, device: value.device });
  group.allGatherIntoTensor(all, value.contiguous());
  return all;
}

/** `allGather` whose backward adds up what every process wants of this one's part. */
class GatherWithGradient extends Function {
  static forward(context: FunctionContext, value: Tensor, group: ProcessGroup): Tensor {
    context.extra.group = group;
    return gathered(value, group);
  }

  static backward(context: FunctionContext, gradient: Tensor): (Tensor | null)[] {
    const group = context.extra.group as ProcessGroup;
    const sum = gradient.clone().contiguous();
    group.allReduce(sum);
    return [sum.select(0, group.rank), null];
  }
}
