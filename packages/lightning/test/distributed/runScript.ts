import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';
import { bundledScript } from './bundledScript.js';
import type { TrainScript } from './scripts/train.js';
import type { Outcome, TrainTask } from './scripts/trainTask.js';

/** How the first process of a job ended. */
export interface ScriptResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What came of each task. */
  readonly outcomes: Outcome[];
}

export interface ScriptOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Called once, when this was printed. */
  readonly when?: { readonly printed: string; readonly act: (child: ChildProcess) => void };
  /** What runs the script: `ip netns exec host` for example. */
  readonly command?: readonly string[];
}

let bundled: Promise<string> | null = null;
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Runs scripts/train.ts as a user would; its processes are its own business. */
export async function runScript(script: TrainScript, options: ScriptOptions = {}): Promise<ScriptResult> {
  const { command = [], env = {}, when } = options;
  bundled ??= bundledScript('train');
  const own = [process.execPath, '--enable-source-maps', await bundled, JSON.stringify(script)];
  const [program, ...rest] = [...command, ...own];
  const child = spawn(program!, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...withoutRanks(process.env), OMP_NUM_THREADS: '1', ...env },
  });
  running.add(child);
  // Nothing may outlive its test.
  const timer = setTimeout(() => child.kill('SIGKILL'), 150_000);
  let stdout = '';
  let stderr = '';
  let hasActed = false;
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (when === undefined || hasActed || !stdout.includes(when.printed)) return;
    hasActed = true;
    when.act(child);
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      running.delete(child);
      const outcomes = stdout
        .split('\n')
        .filter((line) => line.startsWith('result '))
        .map((line) => JSON.parse(line.slice('result '.length)) as Outcome);
      resolve({ code, signal, stdout, stderr, outcomes });
    });
  });
}

const places = ['RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'NODE_RANK', 'MASTER_ADDR', 'MASTER_PORT', 'PL_GLOBAL_SEED'];

const withoutRanks = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !places.includes(name)));

/** What came of each task of a script that ended well. @throws Error with everything it printed otherwise */
export function outcomesOf(result: ScriptResult): Outcome[] {
  if (result.code === 0) return result.outcomes;
  throw new Error(`The script ended with ${result.code ?? result.signal}:\n${result.stdout}\n${result.stderr}`);
}

/**
 * Trains in two processes or more, in a folder of their own below `folder`, with something that goes wrong perhaps. However it
 * ends, none of its processes may be left.
 */
export async function runJob(
  folder: string,
  given: Partial<TrainTask> | readonly Partial<TrainTask>[],
  options: ScriptOptions = {},
): Promise<ScriptResult> {
  const own = mkdtempSync(join(folder, 'job-'));
  const tasks = [given].flat().map((task, index) => ({
    batchSize: 4,
    checkpoints: join(own, String(index)),
    ...task,
    trainer: { devices: 2, ...task.trainer },
  }));
  const result = await runScript({ tasks, pids: `${own}.pids` }, options);
  expect(await leftOver(`${own}.pids`)).toEqual([]);
  return result;
}

/** Which of the processes that wrote their ids into a file still run, once they had time to end. */
export async function leftOver(pids: string): Promise<number[]> {
  const all = readFileSync(pids, 'utf8').trim().split('\n').map(Number);
  for (const until = Date.now() + 10_000; all.some(isAlive) && Date.now() < until; )
    await new Promise((settle) => setTimeout(settle, 50));
  return all.filter(isAlive);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A port of this machine that nobody holds. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}
