import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const source = (path: string): string =>
  JSON.stringify(pathToFileURL(fileURLToPath(new URL(path, import.meta.url))).href);

/** A program that trains slowly, and says when it has begun and what `fit` gave. */
function program(step: string): string {
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
      enableModelSummary: false, limitValBatches: 0, callbacks });
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
function runUntilBegun(path: string, act: (child: ChildProcess) => void): Promise<Outcome> {
  const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=@lightning-ts/source', path], {
    cwd: root,
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
