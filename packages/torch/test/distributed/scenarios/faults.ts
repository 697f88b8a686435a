import { setTimeout as pause } from 'node:timers/promises';
import * as dist from '../../../src/distributed/index.js';
import * as torch from '../../../src/index.js';
import * as nn from '../../../src/nn/index.js';
import type { Rank } from '../rankMain.js';

/** The last rank is killed while the others wait for it, in a blocking call, a promise, or a backward pass. */
export async function killed(where: 'blocking' | 'promise' | 'backward' | 'objects', { rank, worldSize }: Rank) {
  const group = dist.defaultGroup();
  const model = new nn.Linear(2, 2);
  const wrapper = new dist.DistributedDataParallel(model);
  const step = () =>
    wrapper
      .forward(torch.ones([1, 2]))
      .sum()
      .backward();
  step();
  if (rank === worldSize - 1) process.kill(process.pid, 'SIGKILL');
  if (where === 'blocking') group.allReduce(torch.ones([3]));
  else if (where === 'promise') await group.allReduce(torch.ones([3]), { asyncOp: true }).promise;
  else if (where === 'objects') await dist.allGatherObject({ rank }, { asyncOp: true });
  else step();
}

/** A rank that does not come in time. */
export async function late(call: 'allReduce' | 'recv' | 'promise', { rank }: Rank): Promise<void> {
  const group = dist.defaultGroup();
  if (rank === 1) {
    await pause(1_500);
    return;
  }
  if (call === 'allReduce') group.allReduce(torch.ones([1]), { timeout: 300 });
  else if (call === 'recv') group.recv(torch.ones([1]), { src: 1, timeout: 300 });
  else await group.barrier({ asyncOp: true, timeout: 300 }).promise;
}

export async function lateForBarrier(_: unknown, { rank, worldSize }: Rank): Promise<number> {
  const group = dist.defaultGroup();
  await group.monitoredBarrier();
  if (rank !== 1 && rank !== worldSize - 1) await group.monitoredBarrier({ timeout: 400 });
  else await pause(800);
  return rank;
}

/** Ranks that give different things. */
export function different(kind: 'shape' | 'debug shape' | 'debug call', { rank }: Rank): void {
  const group = dist.defaultGroup();
  if (kind === 'debug call' && rank === 2) group.broadcast(torch.ones([4]), { src: 0 });
  else group.allReduce(torch.ones([kind === 'debug call' || rank !== 1 ? 4 : 40_000]));
}

/** The one that sees the difference ends, as programs do whose error nobody catches. */
export function differentShape(_: unknown, rank: Rank): void {
  try {
    different('shape', rank);
  } catch (error) {
    const { code } = error as dist.DistributedError;
    if (code === 'DISTRIBUTED_MISMATCH') process.exit(5);
    throw error;
  }
}

/** After a failure the group is broken, on all ranks and for all calls. */
export async function broken(_: unknown, { rank }: Rank): Promise<string[]> {
  const group = dist.defaultGroup();
  const codes: string[] = [];
  const attempt = async (call: () => unknown) => {
    try {
      await call();
      codes.push('fine');
    } catch (error) {
      codes.push((error as dist.DistributedError).code);
    }
  };
  const waiting = rank === 0 ? group.irecv(torch.ones([1]), { src: 2 }) : null;
  if (rank === 2) await pause(600);
  // Rank 0 gives up first; nobody has sent to it, and rank 1 waits for rank 0 only.
  await attempt(() => group.allReduce(torch.ones([1]), rank === 0 ? { timeout: 200 } : {}));
  if (waiting !== null) await attempt(() => waiting.promise);
  await attempt(() => group.allReduce(torch.ones([1])));
  return codes;
}

/** A failure that one rank tells the others, who wait without being able to see it. */
export async function reported(where: 'blocking' | 'promise' | 'backward', { rank, worldSize, store }: Rank) {
  const channel = new dist.FailureChannel(store);
  await channel.watch({ rank, worldSize, interval: 50 });
  try {
    if (rank === 1) {
      await pause(300);
      await channel.reportFailure(rank, new RangeError('the data ran out'));
      const again = await channel.reportFailure(rank, new Error('a consequence'));
      // Alive, and silent for longer than the others are willing to wait.
      await pause(1_500);
      return again;
    }
    const group = dist.defaultGroup();
    if (where === 'blocking') group.allReduce(torch.ones([1]));
    else if (where === 'promise') await group.barrier({ asyncOp: true }).promise;
    else {
      const model = new nn.Linear(2, 2);
      new dist.DistributedDataParallel(model);
    }
  } finally {
    await channel.stop();
  }
}

/** A rank that is stopped, as behind a network that is gone: connected, and silent. */
export async function silent(_: unknown, { rank, worldSize, store }: Rank): Promise<void> {
  const channel = new dist.FailureChannel(store);
  await channel.watch({ rank, worldSize, interval: 50, lostAfter: 1_000 });
  dist.defaultGroup().barrier();
  if (rank === 1) process.kill(process.pid, 'SIGSTOP');
  dist.defaultGroup().allReduce(torch.ones([1]));
}

/** Ends while a collective is under way. */
export function leaves(_: unknown, { rank }: Rank): void {
  dist.defaultGroup().allReduce(torch.ones([1]), { asyncOp: true });
  if (rank === 0) process.exit(7);
}

/** Joins by options that the test gives. */
export async function joins(options: dist.InitProcessGroupOptions[], { rank }: Rank): Promise<unknown> {
  const group = await dist.initProcessGroup({ timeout: 10_000, ...options[rank] });
  const sum = torch.tensor([group.rank + 1]);
  group.allReduce(sum);
  const found = [group.rank, group.size, sum.item()];
  await dist.destroyProcessGroup();
  return [...found, dist.isInitialized()];
}

/** Joins, leaves and joins again. */
export async function rejoins(_: unknown, { rank, worldSize, store }: Rank): Promise<number[]> {
  const sums: number[] = [];
  for (let time = 0; time < 3; time += 1) {
    const group = await dist.initProcessGroup({ store, rank, worldSize });
    const sum = torch.tensor([time + rank]);
    group.allReduce(sum);
    sums.push(sum.item() as number);
    await dist.destroyProcessGroup();
  }
  return sums;
}
