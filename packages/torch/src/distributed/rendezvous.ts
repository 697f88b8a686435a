import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DistributedError } from './distributedError.js';
import { FileStore, PrefixStore, type Store, TCPStore, textOf } from './store.js';

/** Where the processes meet, and which of them this one is. */
export interface MeetingPoint {
  store: Store;
  rank: number;
  worldSize: number;
  /** The host of the store, '' when it has none. */
  host: string;
  /** Whether the store was made here, and is to be closed here. */
  ownsStore: boolean;
  /** Whether it is the store of a launcher, which stays when the job has ended. */
  isAgents?: boolean;
}

export interface MeetingOptions {
  initMethod?: string;
  store?: Store;
  rank?: number;
  worldSize?: number;
  timeout: number;
}

const argument = (message: string) => new DistributedError('DISTRIBUTED_ARGUMENT', message);

/** Reads `env://`, `tcp://host:port` or `file:///path`, and opens the store. */
export async function findMeetingPoint(options: MeetingOptions): Promise<MeetingPoint> {
  const { store, timeout } = options;
  if (store !== undefined) {
    if (options.initMethod !== undefined)
      throw argument('initMethod and store are two ways to say the same; give one of them');
    const { rank, worldSize } = place(options, {});
    return { store, rank, worldSize, host: hostOf(store), ownsStore: false };
  }
  const method = options.initMethod ?? 'env://';
  if (method.startsWith('env://')) {
    const { env } = process;
    const { rank, worldSize } = place(options, { rank: 'RANK', worldSize: 'WORLD_SIZE' });
    const host = env.MASTER_ADDR ?? missing('MASTER_ADDR', 'the address of the machine that rank 0 runs on');
    const port = wholeNumber('MASTER_PORT', env.MASTER_PORT ?? missing('MASTER_PORT', 'a free port of that machine'));
    // torchrun keeps a store of its own, which outlives restarts of its workers.
    const isAgents = env.TORCHELASTIC_USE_AGENT_STORE === 'True';
    const opened = await TCPStore.open({ host, port, worldSize, isMaster: rank === 0 && !isAgents, timeout });
    return {
      store: isAgents ? new PrefixStore(`/worker/attempt_${env.TORCHELASTIC_RESTART_COUNT ?? '0'}`, opened) : opened,
      rank,
      worldSize,
      host,
      ownsStore: true,
      isAgents,
    };
  }
  if (method.startsWith('tcp://')) {
    const url = URL.canParse(method) ? new URL(method) : null;
    if (url === null || url.hostname === '' || url.port === '')
      throw argument(`initMethod must be like tcp://10.0.0.1:29500, got '${method}'`);
    const { rank, worldSize } = place(options, {});
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const opened = await TCPStore.open({ host, port: Number(url.port), worldSize, isMaster: rank === 0, timeout });
    return { store: opened, rank, worldSize, host, ownsStore: true };
  }
  if (method.startsWith('file://')) {
    const { rank, worldSize } = place(options, {});
    const path = method.startsWith('file:///') ? fileURLToPath(method) : method.slice('file://'.length);
    return { store: new FileStore(path, { worldSize, timeout }), rank, worldSize, host: '', ownsStore: true };
  }
  throw argument(`initMethod must begin with env://, tcp:// or file://, got '${method}'`);
}

function missing(variable: string, meaning: string): never {
  throw argument(
    `the environment variable ${variable} is not set: ${meaning}. A launcher sets it; without one, set it yourself or give initMethod, rank and worldSize`,
  );
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d+$/.test(text)) throw argument(`${name} must be a whole number, got '${text}'`);
  return Number(text);
}

/** Rank and world size, from the options or the environment. */
function place(
  options: MeetingOptions,
  variables: { rank?: string; worldSize?: string },
): { rank: number; worldSize: number } {
  const read = (given: number | undefined, name: string, variable: string | undefined, meaning: string): number => {
    if (given !== undefined) {
      if (!Number.isInteger(given) || given < 0) throw argument(`${name} must be a whole number, got ${given}`);
      return given;
    }
    if (variable === undefined) throw argument(`${name} is missing: ${meaning}`);
    return wholeNumber(variable, process.env[variable] ?? missing(variable, meaning));
  };
  const rank = read(options.rank, 'rank', variables.rank, 'which process of the job this is, from 0');
  const worldSize = read(options.worldSize, 'worldSize', variables.worldSize, 'how many processes the job has');
  if (worldSize < 1) throw argument(`worldSize must be at least 1, got ${worldSize}`);
  if (rank >= worldSize) throw argument(`rank ${rank} is not below the world size, ${worldSize}; ranks count from 0`);
  return { rank, worldSize };
}

function hostOf(store: Store): string {
  if (store instanceof TCPStore) return store.host;
  return store instanceof PrefixStore ? hostOf(store.store) : '';
}

export interface Arrival {
  rank: number;
  worldSize: number;
  /** What else all processes must agree on. */
  terms: Record<string, string | number>;
  /** Rank 0's process hosts the store and must not leave before the others have read what went wrong. */
  hostsStore: boolean;
  timeout: number;
}

/**
 * Waits until every rank of the job has come, and makes sure that they want the same. What is wrong is told to all.
 *
 * @throws DistributedError `DISTRIBUTED_RENDEZVOUS`: a rank twice, different world sizes or backends, ranks missing.
 */
export async function meet(store: Store, arrival: Arrival): Promise<void> {
  const { rank, worldSize, timeout, terms } = arrival;
  const deadline = Date.now() + timeout;
  const wanted = JSON.stringify({ 'world size': worldSize, ...terms });
  const agreed = textOf(await store.compareSet('terms', '', wanted));
  if (agreed !== wanted) await refuseMeeting(store, arrival, describeDifference(rank, wanted, agreed));
  if ((await store.add(`rank/${rank}`)) > 1)
    await refuseMeeting(
      store,
      arrival,
      `two processes say that they are rank ${rank}, or ${store.describe()} is left over from an earlier run; each rank exists once, and each run needs a new store`,
    );
  let arrived = await store.add('arrived');
  for (let delay = 2; arrived < worldSize; delay = Math.min(2 * delay, 100)) {
    const problem = await store.tryGet('problem');
    if (problem !== null) {
      await store.add('told');
      throw refusal(rank, textOf(problem));
    }
    if (Date.now() > deadline) {
      const absent: number[] = [];
      for (let each = 0; each < worldSize; each += 1) if (!(await store.check([`rank/${each}`]))) absent.push(each);
      await refuseMeeting(
        store,
        arrival,
        `${absent.length === 1 ? 'rank' : 'ranks'} ${absent.join(', ')} of ${worldSize} did not come within ${timeout} ms. Did they start, with the same address?`,
        absent,
      );
    }
    await pause(delay);
    arrived = await store.add('arrived', 0);
  }
}

const refusal = (rank: number, problem: string, ranks: number[] = []) =>
  new DistributedError('DISTRIBUTED_RENDEZVOUS', `the processes of the job did not come together: ${problem}`, {
    rank,
    ranks,
  });

async function refuseMeeting(store: Store, arrival: Arrival, problem: string, ranks: number[] = []): Promise<never> {
  await store.compareSet('problem', '', problem);
  if (arrival.hostsStore) {
    // With this process the store ends; give those who wait at it the time to read.
    const others = (await store.add('arrived', 0)) - 1;
    const until = Date.now() + 2_000;
    while ((await store.add('told', 0)) < others && Date.now() < until) await pause(20);
  }
  throw refusal(arrival.rank, problem, ranks);
}

function describeDifference(rank: number, wanted: string, agreed: string): string {
  const own = JSON.parse(wanted) as Record<string, unknown>;
  const others = JSON.parse(agreed) as Record<string, unknown>;
  const parts = Object.keys({ ...others, ...own })
    .filter((key) => own[key] !== others[key])
    .map((key) => `${key} ${own[key]} instead of ${others[key]}`);
  return `rank ${rank} has ${parts.join(' and ')}, which an earlier rank has`;
}
