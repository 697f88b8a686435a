import { setTimeout as pause } from 'node:timers/promises';
import { type GroupHandle, native } from '../native.js';
import { type BackendName, requireBackend } from './backends.js';
import { DistributedError, setPeerKnowledge } from './distributedError.js';
import { currentJob, type Job, jobOrNull, setJob } from './job.js';
import { allGatherObject } from './objectCollectives.js';
import { gonePeers, ownPeer } from './peers.js';
import { ProcessGroup } from './processGroup.js';
import { findMeetingPoint, meet } from './rendezvous.js';
import { PrefixStore, type Store, textOf } from './store.js';

export interface InitProcessGroupOptions {
  /** Default `'gloo'`. */
  backend?: BackendName;
  /**
   * Where to meet: `env://` (default) reads MASTER_ADDR, MASTER_PORT, RANK and WORLD_SIZE; `tcp://host:port` and
   * `file:///path` need `rank` and `worldSize`.
   */
  initMethod?: string;
  /** A store to meet at, instead of `initMethod`; it stays open afterwards. */
  store?: Store;
  /** Which process this is, from 0. */
  rank?: number;
  worldSize?: number;
  /** How long a collective may take, in milliseconds; default 30 minutes. */
  timeout?: number;
  /** How long to wait for all ranks to come, in milliseconds; default 5 minutes, or `timeout` when that is shorter. */
  rendezvousTimeout?: number;
  /**
   * The network interface for gloo (`eth0`); default: GLOO_SOCKET_IFNAME, else the one that leads to the store's host.
   */
  networkInterface?: string;
  /**
   * Compare the calls of all ranks before each collective, at the price of one small exchange. Default: whether
   * TORCH_DISTRIBUTED_DEBUG is DETAIL.
   */
  debug?: boolean;
}

/** How often this process has met others at a store that outlives the meeting: the next time counts as another job. */
const meetings = new WeakMap<object, number>();
const agentsStore = {};

const name = 'default';

/**
 * Joins the other processes of the job, and resolves with the group of all of them. The event loop goes on meanwhile.
 *
 * @throws DistributedError `DISTRIBUTED_ARGUMENT`, `DISTRIBUTED_ADDRESS_IN_USE`, `DISTRIBUTED_TIMEOUT` (the store cannot
 * be reached), `DISTRIBUTED_RENDEZVOUS` (ranks missing, twice, or of different opinion), `DISTRIBUTED_BACKEND`.
 */
export async function initProcessGroup(options: InitProcessGroupOptions = {}): Promise<ProcessGroup> {
  if (jobOrNull() !== null)
    throw new DistributedError(
      'DISTRIBUTED_ARGUMENT',
      'this process has joined a job already; await destroyProcessGroup() before it joins another one',
    );
  const { backend = 'gloo', timeout = 30 * 60_000 } = options;
  requireBackend(backend);
  const { rendezvousTimeout = Math.min(timeout, 5 * 60_000) } = options;
  for (const [option, value] of Object.entries({ timeout, rendezvousTimeout }))
    if (!(value > 0) || !Number.isFinite(value))
      throw new DistributedError('DISTRIBUTED_ARGUMENT', `${option} must be a time in milliseconds, got ${value}`);

  const meetingPoint = await findMeetingPoint({ ...options, timeout: rendezvousTimeout });
  const lasting = options.store ?? (meetingPoint.isAgents ? agentsStore : {});
  const generation = meetings.get(lasting) ?? 0;
  meetings.set(lasting, generation + 1);
  const { rank, worldSize, store } = meetingPoint;
  try {
    // Two jobs that meet at one address by mistake must not mix.
    const prefix = `lightning-ts/${process.env.TORCHELASTIC_RUN_ID ?? ''}/${generation}`;
    const meeting = new PrefixStore(`${prefix}/meeting`, store);
    // Whatever listens there answers soon if it is a store at all.
    meeting.timeout = Math.min(rendezvousTimeout, 15_000);
    await meet(meeting, {
      rank,
      worldSize,
      terms: { backend },
      hostsStore: rank === 0 && meetingPoint.ownsStore,
      timeout: rendezvousTimeout,
    });
    meeting.close();
    const networkInterface = options.networkInterface ?? process.env.GLOO_SOCKET_IFNAME ?? '';
    const groupStore = new PrefixStore(`${prefix}/${name}`, store);
    const handle = await connect(groupStore, {
      backend,
      name,
      rank,
      size: worldSize,
      timeout,
      networkInterface,
      host: meetingPoint.host,
      connectTimeout: rendezvousTimeout,
    });
    const group = new ProcessGroup(handle, {
      name,
      ranks: Array.from({ length: worldSize }, (_, i) => i),
      rank,
      backend,
      store: groupStore,
      timeout,
      debug: false,
    });
    const own = ownPeer();
    const job: Job = {
      group,
      groups: [group],
      meetingPoint,
      networkInterface,
      rendezvousTimeout,
      peers: [],
      own,
      made: 0,
    };
    setJob(job);
    // A large job's errors do without: nobody should wait for thousands of small files to be read.
    if (backend === 'gloo' && worldSize <= 256) job.peers = await allGatherObject(own, { group, asyncOp: true });
    group.debug = options.debug ?? process.env.TORCH_DISTRIBUTED_DEBUG === 'DETAIL';
    return group;
  } catch (error) {
    setJob(null);
    if (meetingPoint.ownsStore) store.close();
    throw error;
  }
}

interface ConnectOptions {
  backend: BackendName;
  name: string;
  rank: number;
  size: number;
  timeout: number;
  networkInterface: string;
  host: string;
  connectTimeout: number;
}

/** Connects the members. Given up when it takes long: one of them may have ended meanwhile. */
async function connect(store: Store, options: ConnectOptions): Promise<GroupHandle> {
  const { backend, name, rank, size, timeout, networkInterface, host, connectTimeout } = options;
  const late = new AbortController();
  const connected = native.groupCreate(store.ref, backend, name, rank, size, timeout, networkInterface, host);
  try {
    return await Promise.race([
      connected,
      pause(connectTimeout, undefined, { signal: late.signal }).then(() => {
        throw new DistributedError(
          'DISTRIBUTED_TIMEOUT',
          `the ${size} processes of group '${name}' were not connected within ${connectTimeout} ms. Did one of them end meanwhile, or does a firewall keep them apart? GLOO_SOCKET_IFNAME chooses the network`,
          { rank, collective: 'connect', group: name },
        );
      }),
    ]);
  } catch (error) {
    connected.catch(() => {}); // the error above is the one to see
    throw error;
  } finally {
    late.abort();
  }
}

export interface NewGroupOptions {
  /** Default: the job's. */
  timeout?: number;
  /** Default: the job's. */
  backend?: BackendName;
}

/**
 * A group of some ranks of the job, in this order. Every process of the job must call it, also those that are not in
 * the group, in the same order as all others; those get a group they cannot use (`isMember` is false).
 */
export async function newGroup(ranks: readonly number[], options: NewGroupOptions = {}): Promise<ProcessGroup> {
  const job = currentJob();
  const { group: world, meetingPoint, networkInterface, groups } = job;
  const { timeout = world.timeout, backend = world.backend } = options;
  requireBackend(backend);
  if (ranks.length === 0 || ranks.some((rank) => !world.ranks.includes(rank)) || new Set(ranks).size !== ranks.length)
    throw new DistributedError(
      'DISTRIBUTED_ARGUMENT',
      `a group is made of different ranks from 0 to ${world.size - 1}, got [${ranks.join(', ')}]`,
    );
  const groupName = `group ${++job.made}`;
  const store = new PrefixStore(groupName, world.store);
  const agreed = textOf(await store.compareSet('ranks', '', ranks.join(', ')));
  if (agreed !== ranks.join(', '))
    throw new DistributedError(
      'DISTRIBUTED_MISMATCH',
      `newGroup: rank ${world.rank} asks for the ranks [${ranks.join(', ')}], another rank for [${agreed}]. All ranks must make the same groups in the same order`,
      { rank: world.rank, collective: 'newGroup', group: groupName },
    );
  const rank = ranks.indexOf(world.rank);
  const handle =
    rank < 0
      ? null
      : await connect(store, {
          backend,
          name: groupName,
          rank,
          size: ranks.length,
          timeout,
          networkInterface,
          host: meetingPoint.host,
          connectTimeout: job.rendezvousTimeout,
        });
  const group = new ProcessGroup(handle, {
    name: groupName,
    ranks: [...ranks],
    rank,
    backend,
    store,
    timeout,
    debug: world.debug,
  });
  groups.push(group);
  return group;
}

export interface DestroyOptions {
  /**
   * How long the process that hosts the store stays for others that still use it, in milliseconds; default 5,000. It
   * leaves earlier when all have called this.
   */
  graceMs?: number;
}

/**
 * Leaves the job, or closes one group of it. After a failure, connections that a collective still waits on are left to
 * the end of the process, so that this never waits.
 */
export async function destroyProcessGroup(group?: ProcessGroup, options: DestroyOptions = {}): Promise<void> {
  const current = currentJob();
  if (group !== undefined && group !== current.group) {
    group.close();
    group.store.close();
    current.groups = current.groups.filter((each) => each !== group);
    return;
  }
  setJob(null);
  const { meetingPoint, groups } = current;
  const clean = groups.map((each) => each.close()).every((closed) => closed);
  native.resumeCollectives();
  try {
    if (clean && meetingPoint.ownsStore) await leave(current, options.graceMs ?? 5_000);
  } catch {
    // The host is gone already; so is what it was asked for.
  }
  for (const each of groups) each.store.close();
  if (meetingPoint.ownsStore) meetingPoint.store.close();
}

async function leave({ group, meetingPoint }: Job, graceMs: number): Promise<void> {
  const { store, rank, size } = group;
  let left = await store.add('left');
  if (rank !== 0) return;
  // A file stays; a server ends with this process.
  const until = Date.now() + graceMs;
  while (meetingPoint.host !== '' && left < size && Date.now() < until) {
    await pause(10);
    left = await store.add('left', 0);
  }
}

setPeerKnowledge({
  globalRank: (groupName, rank) =>
    jobOrNull()
      ?.groups.find((group) => group.name === groupName)
      ?.globalRankOf(rank) ?? rank,
  gone: (groupName, patience) => {
    const job = jobOrNull();
    if (job === null) return [];
    const ranks = job.groups.find((group) => group.name === groupName)?.ranks ?? [];
    return gonePeers(ranks, job.peers, job.own, patience);
  },
});
