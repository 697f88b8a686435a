import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, test, vi } from 'vitest';
import { BoringModel } from '../testing/boringModel.js';
import { Trainer } from './trainer.js';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const source = (path: string): string =>
  JSON.stringify(pathToFileURL(fileURLToPath(new URL(path, import.meta.url))).href);

const quiet = { logger: false, enableCheckpointing: false, enableProgressBar: false, enableModelSummary: false };

/** A program that trains slowly, and says when it has begun and what `fit` gave. */
function program(step: string, options = ''): string {
  const path = join(mkdtempSync(join(tmpdir(), 'lightning-')), 'train.mts');
  writeFileSync(
    path,
    `import { BoringModel, LambdaCallback, Trainer } from ${source('../index.ts')};
    const calls = [];
    const note = (name) => () => { calls.push(name); };
    const callbacks = new LambdaCallback({
      onException: note('onException'), onTrainEpochEnd: note('onTrainEpochEnd'), onTrainEnd: note('onTrainEnd'),
      onFitEnd: note('onFitEnd'), teardown: note('teardown'),
    });
    class Slow extends BoringModel {
      trainingStep(batch, batchIdx) {
        if (batchIdx === 1) console.log('begun');
        ${step}
        return super.trainingStep(batch, batchIdx);
      }
    }
    const trainer = new Trainer({ maxEpochs: 1, logger: false, enableCheckpointing: false, enableProgressBar: false,
      enableModelSummary: false, limitValBatches: 0, callbacks, ${options} });
    const result = await trainer.fit(new Slow());
    console.log(JSON.stringify({ status: result.status, reason: result.reason, epochs: result.epochs, calls,
      steps: result.globalStep < 64, listeners: process.listenerCount('SIGINT') }));`,
  );
  return path;
}

interface Outcome {
  readonly code: number | null;
  readonly output: string;
  readonly result: Record<string, unknown> | null;
}

/** Runs a program and calls `act` once it has begun to train. */
function runUntilBegun(
  path: string,
  act: (child: ChildProcess) => void,
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=@lightning-ts/source', path], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  let hasBegun = false;
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (hasBegun || !output.includes('begun')) return;
    hasBegun = true;
    act(child);
  });
  return new Promise((resolve) => {
    child.on('close', (code) => {
      const last = output.trim().split('\n').at(-1) ?? '';
      resolve({ code, output, result: last.startsWith('{') ? (JSON.parse(last) as Record<string, unknown>) : null });
    });
  });
}

describe('a signal in the middle of an epoch', () => {
  const spin = 'const end = Date.now() + 60; while (Date.now() < end);';

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends the run in order; fit says so, and the exit code too', async (signal, code) => {
    const outcome = await runUntilBegun(program(spin), (child) => child.kill(signal));
    expect(outcome.result).toEqual({
      status: 'interrupted',
      reason: signal,
      epochs: 0,
      calls: ['onException', 'onTrainEnd', 'onFitEnd', 'teardown'],
      steps: true,
      listeners: 0,
    });
    expect(outcome.code).toBe(code);
  });

  test('a pre-emption signal saves where the run is, and the next start goes on from there', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lightning-'));
    const options = `preemptionSignal: 'SIGUSR2', defaultRootDir: ${JSON.stringify(folder)}`;
    const { code, result } = await runUntilBegun(program(spin, options), (child) => child.kill('SIGUSR2'));
    expect(result).toMatchObject({ status: 'interrupted', reason: 'SIGUSR2' });
    expect(code).toBe(128 + 12);
    expect(readdirSync(folder)).toEqual(['hpc_ckpt_1.ckpt']);
    const resumed = new BoringModel();
    const trainer = new Trainer({ ...quiet, maxEpochs: 1, limitValBatches: 0, defaultRootDir: folder });
    let steps = 0;
    resumed.onTrainBatchEnd = () => {
      steps += 1;
    };
    await trainer.fit(resumed, { ckptPath: 'auto' });
    expect(trainer.ckptPath).toBe(join(folder, 'hpc_ckpt_1.ckpt'));
    expect(steps).toBeGreaterThan(0);
    expect(steps).toBeLessThan(64);
    expect(trainer.globalStep).toBe(64);
  });

  test('in a SLURM job, the job is queued again and continues by itself', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lightning-'));
    writeFileSync(join(folder, 'scontrol'), `#!/bin/sh\necho "$@" >> ${join(folder, 'asked.txt')}\n`, { mode: 0o755 });
    const slurm = {
      PATH: `${folder}:${process.env.PATH}`,
      SLURM_NTASKS: '1',
      SLURM_JOB_NAME: 'train',
      SLURM_JOB_ID: '4711',
    };
    const script = program(spin, `defaultRootDir: ${JSON.stringify(folder)}`);
    const { code, result } = await runUntilBegun(script, (child) => child.kill('SIGUSR1'), slurm);
    expect(result).toMatchObject({ status: 'interrupted', reason: 'SIGUSR1' });
    expect(code).toBe(128 + 10);
    expect(readFileSync(join(folder, 'asked.txt'), 'utf8')).toBe('requeue 4711\n');
    for (const [name, value] of Object.entries(slurm)) vi.stubEnv(name, value);
    const trainer = new Trainer({ ...quiet, maxEpochs: 1, limitValBatches: 0, defaultRootDir: folder });
    await trainer.fit(new BoringModel());
    vi.unstubAllEnvs();
    expect(trainer.ckptPath).toBe(join(folder, 'hpc_ckpt_1.ckpt'));
  });

  test('is an error for those who ask for one', async () => {
    const trainer = new Trainer({ ...quiet, maxEpochs: 1, limitValBatches: 0, onInterrupt: 'throw' });
    const model = new BoringModel();
    model.onTrainBatchEnd = () => {
      trainer.control.signal = 'SIGINT';
    };
    await expect(trainer.fit(model)).rejects.toMatchObject({ code: 'RUN_INTERRUPTED' });
    expect(process.exitCode).toBe(130);
    process.exitCode = undefined;
  });

  test('in an evaluation ends it in order after the batch, with an error, since there is no result', async () => {
    for (const stage of ['validate', 'test', 'predict'] as const) {
      const trainer = new Trainer({ ...quiet, limitValBatches: 5, limitTestBatches: 5, limitPredictBatches: 5 });
      const model = new BoringModel();
      const seen: string[] = [];
      const note = (text: string) => () => void seen.push(text);
      const onBatchEnd = (): void => {
        seen.push('batch');
        if (seen.length === 2) trainer.control.signal = 'SIGTERM';
      };
      Object.assign(model, {
        onValidationBatchEnd: onBatchEnd,
        onTestBatchEnd: onBatchEnd,
        onPredictBatchEnd: onBatchEnd,
        onValidationEnd: note('end'),
        onTestEnd: note('end'),
        onPredictEnd: note('end'),
        teardown: note('teardown'),
      });
      const running = trainer[stage](model);
      await expect(running).rejects.toMatchObject({ code: 'RUN_INTERRUPTED' });
      expect([seen, trainer.state.status, model.training]).toEqual([
        ['batch', 'batch', 'teardown'],
        'interrupted',
        true,
      ]);
      expect(process.exitCode).toBe(143);
      process.exitCode = undefined;
    }
  });

  test('a second Ctrl-C ends the process at once', async () => {
    const forever = 'if (batchIdx === 2) return new Promise((resolve) => setTimeout(resolve, 60000));';
    const outcome = await runUntilBegun(program(forever), (child) => {
      setTimeout(() => child.kill('SIGINT'), 300);
      setTimeout(() => child.kill('SIGINT'), 600);
    });
    expect(outcome.code).toBe(130);
    expect(outcome.result).toBeNull();
    expect(outcome.output).toContain('the run ends after this batch');
  });
});
