import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { NetworkHosts } from './networkHosts.js';
import { freePort, leftOver, outcomesOf, runScript, type ScriptOptions, type ScriptResult } from './runScript.js';
import type { TrainTask } from './scripts/trainTask.js';

const folder = mkdtempSync(join(tmpdir(), 'lightning-hosts-'));
const hosts = NetworkHosts.make();
afterAll(() => {
  hosts?.remove();
  rmSync(folder, { recursive: true, force: true });
});
const patience = 180_000;
const noHosts = 'network namespaces need root and iproute2';

/** Starts the script by hand on both hosts, which may be given different tasks. */
async function runOnBoth(
  on: NetworkHosts,
  tasks: readonly [TrainTask, TrainTask],
  options: ScriptOptions = {},
): Promise<ScriptResult[]> {
  const env = { MASTER_ADDR: on.address(0), MASTER_PORT: '29500', ...options.env };
  return Promise.all(
    ([0, 1] as const).map((host) =>
      runScript(
        { tasks: [tasks[host]], pids: join(folder, 'pids') },
        { ...(host === 0 ? options : {}), env: { ...env, NODE_RANK: String(host) }, command: on.command(host) },
      ),
    ),
  );
}

describe('two hosts', () => {
  it('with two processes each train one model', { timeout: patience }, async ({ skip }) => {
    if (hosts === null) return skip(noHosts);
    const task: TrainTask = { batchSize: 3, trainer: { devices: 2, numNodes: 2, maxEpochs: 1 } };
    const [first, second] = await runOnBoth(hosts, [task, task]);
    const [outcome] = outcomesOf(first!);
    expect([outcome!.worldSize, outcome!.steps]).toEqual([4, 4]);
    expect([second!.code, second!.outcomes, second!.stderr]).toEqual([0, [], '']);
  });

  it('that lose the network between them both end, saying what they waited for', { timeout: patience }, async ({
    skip,
  }) => {
    if (hosts === null) return skip(noHosts);
    const task: TrainTask = {
      batchSize: 4,
      sleep: 5,
      strategy: { lostAfter: 3_000 },
      trainer: { devices: 1, numNodes: 2, maxEpochs: 100_000 },
    };
    let cutAt = 0;
    const act = (): void => {
      cutAt = Date.now();
      hosts.cut();
    };
    const results = await runOnBoth(hosts, [task, task], { when: { printed: 'training', act } });
    // Generous: what is promised is `lostAfter` and little more, on a machine that has time for it.
    expect(Date.now() - cutAt).toBeLessThan(45_000);
    const silences = [/Rank 1 failed.*no sign of life for 3 s/, /Rank 0 failed.*the store has not answered for 3 s/];
    results.forEach((result, host) => {
      expect(result.code).toBe(1);
      expect(result.stderr).toContain('RANK_FAILED');
      expect(result.stderr).toMatch(silences[host]!);
      expect(result.stderr).toMatch(/its network is gone|the network is gone/);
      expect(result.stderr).toMatch(new RegExp(`rank ${host} waited for it in \\w+ of group 'default'`));
    });
    expect(await leftOver(join(folder, 'pids'))).toEqual([]);
  });
});

it('processes that want different world sizes are all refused', { timeout: patience }, async () => {
  const common = { MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) };
  const results = await Promise.all(
    [2, 3].map((numNodes, node) =>
      runScript(
        { tasks: [{ batchSize: 4, trainer: { devices: 1, numNodes } }] },
        { env: { ...common, NODE_RANK: String(node) } },
      ),
    ),
  );
  for (const { code, stderr } of results) {
    expect(code).toBe(1);
    expect(stderr).toMatch(/DISTRIBUTED_RENDEZVOUS.*world size [23] instead of [23]/s);
  }
});
