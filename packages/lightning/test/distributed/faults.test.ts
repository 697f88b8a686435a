import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utilities } from '@lightning-ts/lightning';
import { afterAll, describe, expect, it } from 'vitest';
import { freePort, runJob, type ScriptOptions, type ScriptResult } from './runScript.js';
import type { TrainTask } from './scripts/trainTask.js';

const folder = mkdtempSync(join(tmpdir(), 'lightning-faults-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const patience = 180_000;
const run = (task: Partial<TrainTask>, options?: ScriptOptions): Promise<ScriptResult> => runJob(folder, task, options);

describe('a process that dies ends the job, with what it died of', () => {
  it('killed while the others wait for it', { timeout: patience }, async () => {
    let began = 0;
    const act = (): void => {
      began = Date.now();
    };
    const result = await run(
      { faults: [{ rank: 1, at: 'collective', kind: 'kill' }] },
      { when: { printed: 'training', act } },
    );
    expect(result.code).toBe(1);
    // Ten seconds are promised; a machine may have much else to do.
    expect(Date.now() - began).toBeLessThan(40_000);
    expect(result.stderr).toMatch(/RANK_FAILED: Rank 1 .*(was ended by SIGKILL|has ended)/);
    expect(result.stderr).toContain('rank 0 waited for it in');
  });

  it('by an error of its own, whose stack is brought home', { timeout: patience }, async () => {
    const result = await run({ faults: [{ rank: 1, at: 'step', kind: 'throw' }] });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('RANK_FAILED: Rank 1');
    expect(result.stderr).toContain('rank 1 ran out of luck at step');
    expect(result.stderr).toContain('trainTask.ts');
  });

  it('by a step that leaves out what the others wait for', { timeout: patience }, async () => {
    const result = await run({ skips: 1 });
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/RANK_FAILED: Rank 1 .*TRAINING_STEP_OUTPUT: Net.trainingStep returned null/);
  });

  it('by a loader that has no batch where the others have one', { timeout: patience }, async () => {
    const result = await run({ misses: 1 });
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/RANK_FAILED: Rank 1 .*BATCH_MISSING: The training loader gave null/);
  });

  it('before the job had begun', { timeout: patience }, async () => {
    const result = await run({ faults: [{ rank: 1, at: 'start', kind: 'throw' }] });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('rank 1 ran out of luck at start');
  });

  it('as the first one, which leaves no orphans and no port taken', { timeout: patience }, async () => {
    const port = await freePort();
    const env = { MASTER_PORT: String(port) };
    const result = await run({ faults: [{ rank: 0, at: 'step', kind: 'kill' }] }, { env });
    expect(result.signal).toBe('SIGKILL');
    // The next job can meet there.
    const server = createServer().listen(port);
    await new Promise((listening, fail) => server.once('listening', listening).once('error', fail));
    server.close();
  });

  it('models that differ are an error on every rank', { timeout: patience }, async () => {
    const result = await run({ widths: [16, 17], strategy: { output: 'prefixed' } });
    expect(result.code).toBe(1);
    const lines = result.stderr.split('\n').filter((line) => line.includes('is not the same model on all ranks'));
    expect(lines.some((line) => line.startsWith('[rank 1]'))).toBe(true);
    expect(lines.some((line) => !line.startsWith('[rank 1]'))).toBe(true);
  });

  it('a port that another program holds is an error at once', { timeout: patience }, async () => {
    const server = createServer().listen(0);
    await new Promise((listening) => server.once('listening', listening));
    const { port } = server.address() as { port: number };
    const result = await run({}, { env: { MASTER_PORT: String(port) } });
    server.close();
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('DISTRIBUTED_ADDRESS_IN_USE');
    expect(result.stderr).toContain(`port ${port} of this machine is taken`);
  });
});

describe('Ctrl-C', () => {
  const trainer = { maxEpochs: 1000 };

  it.each([
    ['', {}],
    [', and nothing starts again', { maxRestarts: 1 }],
  ])('once ends all processes in order%s', { timeout: patience }, async (_, strategy) => {
    const result = await run(
      { sleep: 10, strategy, trainer },
      { when: { printed: 'training', act: (child) => child.kill('SIGINT') } },
    );
    expect(result.outcomes).toMatchObject([{ status: 'interrupted', worldSize: 2 }]);
    expect(result.code).toBe(130);
    expect(result.stderr).not.toMatch(/RANK_FAILED|starts again/);
  });

  it('twice ends them at once', { timeout: patience }, async () => {
    // A step that lasts an hour in one of them, so that nothing ends in order.
    const result = await run(
      { sleep: 400, trainer },
      {
        when: {
          printed: 'training',
          act: (child) => {
            child.kill('SIGINT');
            setTimeout(() => child.kill('SIGINT'), 100);
          },
        },
      },
    );
    expect(result.code).toBe(130);
    expect(result.outcomes).toEqual([]);
  });
});

/** A file system of a few kilobytes; null where one may not be made. */
function smallDisk(path: string, kilobytes: number): (() => void) | null {
  mkdirSync(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    return null;
  }
  return () => execFileSync('umount', ['-l', path]);
}

it('a full disk ends all processes, and leaves the checkpoints before it as they were', {
  timeout: patience,
}, async ({ skip }) => {
  const disk = join(folder, 'disk');
  // A checkpoint is about 20 KB.
  const unmount = smallDisk(disk, 64);
  if (unmount === null) return skip('mounting a file system needs more rights than this process has');
  try {
    const result = await run({ checkpoints: disk, strategy: { output: 'prefixed' } });
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/^SerializeError: DISK_FULL/m);
    expect(result.stderr).toMatch(/^\[rank 1\] LightningError: RANK_FAILED: Rank 0 .*DISK_FULL/m);
    const files = readdirSync(disk).filter((name) => name.endsWith('.ckpt'));
    expect(files).toContain('step=2.ckpt');
    for (const file of files) {
      const read = await utilities.inspectCheckpoint(join(disk, file));
      expect(read.globalStep).toBe(Number(/\d+/.exec(file)![0]));
    }
  } finally {
    unmount();
  }
});
