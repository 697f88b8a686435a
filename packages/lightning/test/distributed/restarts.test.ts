import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { outcomesOf, runJob } from './runScript.js';
import type { Fault } from './scripts/faults.js';
import type { TrainTask } from './scripts/trainTask.js';

const folder = mkdtempSync(join(tmpdir(), 'lightning-restarts-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const patience = 180_000;

const kill = (at: Fault['at'], rank: number, attempt: number): Fault => ({ rank, at, kind: 'kill', attempt });

describe('a job that may start again', () => {
  const task: Partial<TrainTask> = { dropout: 0.2, seed: 3, trainer: { maxEpochs: 3 } };

  it('goes on after a kill in any phase, and ends as if nothing had happened', { timeout: patience }, async () => {
    const phases = ['start', 'step', 'collective', 'checkpoint', 'validation', 'secondEpoch'] as const;
    // The first one writes the checkpoints.
    const faults = phases.map((at, attempt) => kill(at, at === 'checkpoint' ? 0 : 1, attempt));
    // Another training before it, by another Trainer, must not begin anew each time, nor go on from the checkpoints of this one.
    const before: Partial<TrainTask> = { seed: 4, trainer: { maxEpochs: 1 } };
    const strategy = { maxRestarts: phases.length };
    const [straight, failing] = await Promise.all([
      runJob(folder, [before, task]),
      runJob(folder, [
        { ...before, strategy },
        { ...task, faults, strategy },
      ]),
    ]);
    const [expected, outcomes] = [straight, failing].map((result) => outcomesOf(result).map(({ weights }) => weights));
    expect(outcomes!.slice(-2)).toEqual(expected);
    for (const [attempt] of phases.entries())
      expect(failing.stderr).toContain(`starts again (${attempt + 1} of at most ${phases.length})`);
    expect(failing.stderr).toContain('from the beginning, as there is no checkpoint yet');
    expect(failing.stderr).toMatch(/from .*step=\d+\.ckpt/);
  });

  it('leaves out a process that failed, down to the fewest allowed', { timeout: patience }, async () => {
    const faults = [kill('collective', 1, 0), kill('secondEpoch', 0, 1)];
    const result = await runJob(folder, {
      ...task,
      batchSize: 2,
      faults,
      strategy: { maxRestarts: 2, minProcesses: 2 },
      trainer: { devices: 3, maxEpochs: 2 },
    });
    const [outcome] = outcomesOf(result);
    expect(outcome!.worldSize).toBe(2);
    // Eight steps an epoch with three processes, twelve with two: it went on after the second step of the first.
    expect(outcome!.steps).toBe(24 - 1);
    expect(result.stderr).toContain('starts again (1 of at most 2), without rank 1: 2 processes are left, from');
    expect(result.stderr).toContain('starts again (2 of at most 2), from');
  });

  it('ends with the first cause when it fails more often', { timeout: patience }, async () => {
    const result = await runJob(folder, {
      faults: [{ rank: 1, at: 'step', kind: 'throw' }],
      strategy: { maxRestarts: 1 },
    });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('starts again (1 of at most 1)');
    expect(result.stderr).toContain('RANK_FAILED: Rank 1');
    expect(result.stderr).toContain('rank 1 ran out of luck at step');
  });
});
