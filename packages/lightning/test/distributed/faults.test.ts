import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { isAlive, runScript, type ScriptResult } from './runScript.js';
import type { TrainTask } from './scripts/train.js';

const folder = mkdtempSync(join(tmpdir(), 'lightning-faults-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let runs = 0;
/** Minutes of dying processes: run with `LIGHTNING_TS_FAULTS=1`. */
const isShort = process.env.LIGHTNING_TS_FAULTS === undefined;

/** Runs a job in which something goes wrong; all its processes must be gone afterwards. */
async function fail(task: Partial<TrainTask>, options: Parameters<typeof runScript>[2] = {}): Promise<ScriptResult> {
  const name = join(folder, String(runs++));
  const result = await runScript(
    'train',
    { batchSize: 4, pids: `${name}.pids`, checkpoints: name, ...task, trainer: { devices: 2, ...task.trainer } },
    options,
  );
  const pids = readFileSync(`${name}.pids`, 'utf8').trim().split('\n').map(Number);
  const until = Date.now() + 10_000;
  while (pids.some(isAlive) && Date.now() < until) await new Promise((settle) => setTimeout(settle, 50));
  expect(pids.filter(isAlive)).toEqual([]);
  return result;
}

describe.skipIf(isShort)('a process that dies ends the job, with what it died of', () => {
  it.each(['start', 'collective', 'checkpoint', 'validation'])('killed at %s', async (at) => {
    const result = await fail({ fault: { rank: 1, at, kind: 'kill' } });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('RANK_FAILED: Rank 1');
    expect(result.stderr).toMatch(/SIGKILL|has ended/);
  });

  it('by an error of its own, whose stack is brought home', async () => {
    const result = await fail({ fault: { rank: 1, at: 'step', kind: 'throw' } });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('RANK_FAILED: Rank 1');
    expect(result.stderr).toContain('rank 1 ran out of luck at step');
    expect(result.stderr).toContain('train.ts');
  });

  it('before the job had begun', async () => {
    const result = await fail({ fault: { rank: 1, at: 'start', kind: 'throw' } });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('rank 1 ran out of luck at start');
  });

  it('as the first one, which leaves no orphans', async () => {
    const result = await fail({ fault: { rank: 0, at: 'step', kind: 'kill' } });
    expect(result.signal).toBe('SIGKILL');
  });
});

it.skipIf(isShort)('models that differ are an error on every rank', async () => {
  const result = await fail({ widths: [16, 17] });
  expect(result.code).toBe(1);
  expect(result.stderr).toContain('is not the same model on all ranks');
});

it.skipIf(isShort)('a port that another program holds is an error at once', async () => {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const result = await fail({}, { env: { MASTER_PORT: String(port) } });
  server.close();
  expect(result.code).toBe(1);
  expect(result.stderr).toContain(`port ${port} of this machine is taken`);
});

it.skipIf(isShort)('a job that fails more often than it may start again ends with the first cause', async () => {
  const result = await fail({ fault: { rank: 1, at: 'step', kind: 'throw' }, strategy: { maxRestarts: 1 } });
  expect(result.code).toBe(1);
  expect(result.stderr).toContain('starts again (1 of at most 1)');
  expect(result.stderr).toContain('rank 1 ran out of luck at step');
});

describe.skipIf(isShort)('Ctrl-C', () => {
  it('once ends all processes in order', async () => {
    let isSent = false;
    const result = await fail(
      { sleep: 30, trainer: { maxEpochs: 20 } },
      {
        onOutput: (output, child) => {
          if (isSent || !output.includes('training')) return;
          isSent = true;
          child.kill('SIGINT');
        },
      },
    );
    expect(result.results[0]).toMatchObject({ status: 'interrupted' });
    expect(result.code).toBe(130);
  });

  it('twice ends them at once', async () => {
    let isSent = false;
    const result = await fail(
      { sleep: 400, trainer: { maxEpochs: 20 } },
      {
        onOutput: (output, child) => {
          if (isSent || !output.includes('training')) return;
          isSent = true;
          child.kill('SIGINT');
          setTimeout(() => child.kill('SIGINT'), 100);
        },
      },
    );
    expect(result.code).toBe(130);
  });
});
