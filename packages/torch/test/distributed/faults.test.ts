import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RankProcesses } from './runRanks.js';

let processes: RankProcesses;
beforeAll(async () => {
  processes = await RankProcesses.start(4);
});
// After all that went wrong in them, the processes end by themselves.
afterAll(async () => {
  expect(await processes.end()).toEqual({ endings: [0, 0, 0, 0], output: '' });
}, 30_000);

/** Holds a port of this machine. */
async function takenPort(): Promise<{ port: number; server: Server }> {
  const server = createServer();
  server.listen(0);
  await once(server, 'listening');
  return { port: (server.address() as { port: number }).port, server };
}

async function freePort(): Promise<number> {
  const { port, server } = await takenPort();
  server.close();
  return port;
}

describe('a rank that is killed with SIGKILL', () => {
  it.each(['blocking', 'promise', 'backward', 'objects'])(
    'ends the others, who wait for it (%s), with an error that names it',
    async (where) => {
      const results = await processes.run('faults.killed', 3, { args: where });
      const last = results[2]!;
      expect(last.signal).toBe('SIGKILL');
      for (const { error, took } of results.slice(0, 2)) {
        expect(error).toMatchObject({ name: 'DistributedError', code: 'DISTRIBUTED_PEER_LOST', ranks: [2] });
        expect(error!.message).toContain(`rank 2 (pid ${last.pid}`);
        expect(took).toBeLessThan(10_000);
      }
    },
  );
});

describe('a rank that does not take part', () => {
  it.each(['allReduce', 'recv', 'promise'])('is waited for no longer than the call allows (%s)', async (call) => {
    const [waiting, absent] = await processes.run('faults.late', 2, { args: call });
    expect(waiting!.error).toMatchObject({ code: 'DISTRIBUTED_TIMEOUT' });
    expect(waiting!.error!.collective).toBe(call === 'promise' ? 'barrier' : call);
    expect(absent!.error).toBe(null);
  });

  it('is named by a monitored barrier, together with all others that are missing', async () => {
    const results = await processes.run<number>('faults.lateForBarrier', 4);
    for (const rank of [0, 2])
      expect(results[rank]!.error).toMatchObject({ code: 'DISTRIBUTED_TIMEOUT', ranks: [1, 3] });
    for (const rank of [1, 3]) expect(results[rank]!.value).toBe(rank);
  });
});

it('a call that fails breaks the group on all ranks at once, and what else was under way', async () => {
  const results = await processes.run<string[]>('faults.broken', 3);
  const [first, ...others] = results.map(({ value }) => value);
  expect(first).toEqual(['DISTRIBUTED_TIMEOUT', 'DISTRIBUTED_TIMEOUT', 'DISTRIBUTED_TIMEOUT']);
  for (const codes of others) expect(codes).toEqual(['DISTRIBUTED_PEER_LOST', 'DISTRIBUTED_PEER_LOST']);
  for (const { took } of results) expect(took).toBeLessThan(5_000);
});

describe('ranks that do not agree', () => {
  it('on a shape get an error, not a crash', async () => {
    const results = await processes.run('faults.differentShape', 2);
    const [other] = results.filter(({ exitCode }) => exitCode !== 5);
    expect(results.filter(({ exitCode }) => exitCode === 5)).toHaveLength(1);
    expect(other!.error).toMatchObject({ code: 'DISTRIBUTED_PEER_LOST' });
  });

  it.each([
    ['debug shape', 1, 'rank 1: call 1: allReduce, sum of float32[40000]'],
    ['debug call', 2, 'rank 2: call 1: broadcast, float32[4] from rank 0'],
  ])('are compared before each call in debug mode (%s)', async (args, rank, line) => {
    const env = () => ({ TORCH_DISTRIBUTED_DEBUG: 'DETAIL' });
    for (const { error } of await processes.run('faults.different', 3, { args, env })) {
      expect(error).toMatchObject({ code: 'DISTRIBUTED_MISMATCH', ranks: [rank] });
      expect(error!.message).toContain(line);
    }
  });
});

describe('a failure that a rank reports', () => {
  it.each(['blocking', 'promise', 'backward'])(
    'interrupts what the others wait in (%s), and they know the first cause',
    async (where) => {
      const [waiting, failing] = await processes.run<boolean>('faults.reported', 2, { args: where });
      expect(failing!.value).toBe(false); // the second report came too late to be the first
      expect(waiting!.error).toMatchObject({
        code: 'DISTRIBUTED_ABORTED',
        ranks: [1],
        firstFailure: { rank: 1, name: 'RangeError', message: 'the data ran out' },
      });
      expect(waiting!.error!.firstFailure!.stack).toContain('faults.ts');
      expect(waiting!.took).toBeLessThan(1_500);
    },
  );

  it('may be its silence', async () => {
    const [watching, stopped] = await processes.run('faults.silent', 2, { stopped: [1] });
    expect(watching!.error).toMatchObject({ code: 'DISTRIBUTED_ABORTED', ranks: [1] });
    expect(watching!.error!.message).toContain('no sign of life for 1 s');
    expect(watching!.took).toBeLessThan(6_000);
    expect(stopped!.signal).toBe('SIGKILL'); // by the test: a stopped process cannot end
  });
});

it('a process can end while a collective is under way, at once and with its own exit code', async () => {
  const [first, second] = await processes.run('faults.leaves', 2);
  expect(first!.exitCode).toBe(7);
  expect(second!.error).toBe(null);
});

describe('joining a job', () => {
  it('by a store, again and again', async () => {
    expect(await processes.values('faults.rejoins', 2, { joinsItself: true })).toEqual([
      [1, 3, 5],
      [1, 3, 5],
    ]);
  });

  it('by environment variables, an address or a file', async () => {
    const port = await freePort();
    const variables = (rank: number) => ({
      MASTER_ADDR: '127.0.0.1',
      MASTER_PORT: String(port),
      RANK: String(rank),
      WORLD_SIZE: '2',
    });
    const folder = mkdtempSync(path.join(tmpdir(), 'meeting-'));
    const file = path.join(folder, 'store');
    const address = `tcp://127.0.0.1:${await freePort()}`;
    const run = (options: (rank: number) => object, env?: (rank: number) => Record<string, string>) =>
      processes.values('faults.joins', 2, { joinsItself: true, args: [options(0), options(1)], ...(env && { env }) });
    const joined = [
      [0, 2, 3, false],
      [1, 2, 3, false],
    ];
    expect(await run(() => ({}), variables)).toEqual(joined);
    expect(await run((rank) => ({ initMethod: address, rank, worldSize: 2 }))).toEqual(joined);
    expect(await run((rank) => ({ initMethod: `file://${file}`, rank, worldSize: 2 }))).toEqual(joined);
    expect(existsSync(file)).toBe(false); // the last one removes it
    rmSync(folder, { recursive: true });
  });

  it('at a port that another program holds is an error on every rank, at once', async () => {
    const { port, server } = await takenPort();
    const options = [0, 1].map((rank) => ({
      initMethod: `tcp://127.0.0.1:${port}`,
      rank,
      worldSize: 2,
      rendezvousTimeout: 2_000,
    }));
    const [host, client] = await processes.run('faults.joins', 2, { joinsItself: true, args: options });
    server.close();
    expect(host!.error).toMatchObject({ code: 'DISTRIBUTED_ADDRESS_IN_USE' });
    expect(host!.error!.message).toContain(String(port));
    expect(['DISTRIBUTED_TIMEOUT', 'DISTRIBUTED_STORE']).toContain(client!.error!.code);
    for (const { took } of [host!, client!]) expect(took).toBeLessThan(8_000);
  });

  it.each([
    [
      'different world sizes',
      [
        { rank: 0, worldSize: 2 },
        { rank: 1, worldSize: 3 },
      ],
      /world size [23] instead of [23]/,
    ],
    [
      'one rank twice',
      [
        { rank: 0, worldSize: 3 },
        { rank: 1, worldSize: 3 },
        { rank: 1, worldSize: 3 },
      ],
      /rank 1/,
    ],
    [
      'a rank missing',
      [
        { rank: 0, worldSize: 3 },
        { rank: 1, worldSize: 3 },
      ],
      /rank 2 of 3 did not come within 3000 ms/,
    ],
  ])('with %s is an error on every rank', async (_, places, message) => {
    const port = await freePort();
    const options = places.map((place) => ({
      ...place,
      initMethod: `tcp://127.0.0.1:${port}`,
      rendezvousTimeout: 3_000,
    }));
    const results = await processes.run('faults.joins', places.length, { joinsItself: true, args: options });
    for (const { error } of results) {
      expect(error?.code).toBe('DISTRIBUTED_RENDEZVOUS');
      expect(error?.message).toMatch(message);
    }
  });
});
