import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { SideResult } from './measure.js';

export type SideName = 'ours' | 'raw-ts' | 'python-torch' | 'python-lightning';

/** One program to measure, always in a process of its own. */
export interface Side {
  name: SideName;
  command: string;
  args: string[];
}

export interface BenchOptions {
  /** Print one JSON line in place of the table. */
  json: boolean;
  /** Threads for the engine, the same on every side. */
  threads: number;
  /** How often every side runs; the median counts. */
  rounds: number;
  /** Measured steps, where the bench has steps. */
  steps: number;
}

/** The folder of the checkout; the compiled benches lie in .cache/bench below it. */
export const root = process.cwd();
const compiled = path.join(root, '.cache', 'bench');
export const dataFolder = path.join(root, '.cache', 'bench-data');

export function readOptions(defaults: { rounds: number; steps?: number }, args = process.argv.slice(2)): BenchOptions {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: 'boolean', default: false },
      threads: { type: 'string', default: '1' },
      rounds: { type: 'string', default: String(defaults.rounds) },
      steps: { type: 'string', default: String(defaults.steps ?? 1) },
    },
  });
  const whole = (name: 'threads' | 'rounds' | 'steps'): number => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < 1)
      throw new Error(`--${name} must be a whole number from 1 up, got "${values[name]}"`);
    return value;
  };
  return { json: values.json, threads: whole('threads'), rounds: whole('rounds'), steps: whole('steps') };
}

/** A program of ours, compiled, under plain Node. */
export function nodeSide(name: SideName, program: string, nodeArgs: string[] = []): Side {
  return { name, command: process.execPath, args: [...nodeArgs, path.join(compiled, 'sides', `${program}.js`)] };
}

/** A Python program; undefined when no interpreter here can import `module`. */
export function pythonSide(name: SideName, script: string, args: string[], modules: string[]): Side | undefined {
  const python = findPython(modules);
  return python === undefined
    ? undefined
    : { name, command: python, args: [path.join(root, 'bench', 'python', script), ...args] };
}

const pythons = new Map<string, string | undefined>();

/** The first interpreter that has torch and one of `modules`; BENCH_PYTHON goes before the usual ones. */
function findPython(modules: string[]): string | undefined {
  const key = modules.join();
  if (!pythons.has(key)) {
    const program = `import importlib.util as u, sys; sys.exit(0 if u.find_spec('torch') and any(u.find_spec(m) for m in ${JSON.stringify(modules)}) else 1)`;
    const candidates = [process.env.BENCH_PYTHON, 'python3', '/usr/bin/python3'].filter((name) => name !== undefined);
    pythons.set(
      key,
      candidates.find((python) => spawnSync(python, ['-c', program], { stdio: 'ignore' }).status === 0),
    );
  }
  return pythons.get(key);
}

/** Runs one side once; its last line is the result. `wallSeconds` is the life of the whole process. */
export function runSide(side: Side, env: Record<string, string>): SideResult & { wallSeconds: number } {
  const started = performance.now();
  const child = spawnSync(side.command, side.args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  });
  const wallSeconds = (performance.now() - started) / 1000;
  const line = (child.stdout ?? '').trim().split('\n').at(-1) ?? '';
  if (child.status !== 0 || !line.startsWith('{')) {
    throw new Error(
      `${side.name} failed (status ${child.status}, signal ${child.signal})\n${child.stdout ?? ''}${child.stderr ?? ''}`,
    );
  }
  return { ...(JSON.parse(line) as SideResult), wallSeconds };
}

export interface SideSummary {
  seconds: number;
  /** Each round's figure, in order: ratios are taken within a round, because the machine's speed drifts between them. */
  secondsByRound: number[];
  peakRssMb: number;
  losses: number[];
  extra: Record<string, number>;
}

export interface Measurement {
  bench: string;
  options: BenchOptions;
  sides: Partial<Record<SideName, SideSummary>>;
}

/**
 * Runs every side `rounds` times, in turn and with the order rotated, so that a slow minute of the machine hits all
 * alike, and takes the median of each.
 */
export function measure(
  bench: string,
  sides: (Side | undefined)[],
  options: BenchOptions,
  {
    env = {},
    seconds = (result: SideResult & { wallSeconds: number }) => result.seconds,
  }: { env?: Record<string, string>; seconds?: (result: SideResult & { wallSeconds: number }) => number } = {},
): Measurement {
  const present = sides.filter((side) => side !== undefined);
  const threads = String(options.threads);
  const fullEnv = {
    OMP_NUM_THREADS: threads,
    MKL_NUM_THREADS: threads,
    OPENBLAS_NUM_THREADS: threads,
    BENCH_THREADS: threads,
    ...env,
  };
  const results = new Map<SideName, (SideResult & { wallSeconds: number })[]>(present.map(({ name }) => [name, []]));
  for (let round = 0; round < options.rounds; round += 1) {
    for (let turn = 0; turn < present.length; turn += 1) {
      const side = present[(round + turn) % present.length]!;
      progress(`${bench}: round ${round + 1} of ${options.rounds}, ${side.name}`);
      results.get(side.name)!.push(runSide(side, fullEnv));
    }
  }
  const summaries: Measurement['sides'] = {};
  for (const [name, runs] of results) {
    summaries[name] = {
      seconds: median(runs.map(seconds)),
      secondsByRound: runs.map(seconds),
      peakRssMb: median(runs.map(({ peakRssMb }) => peakRssMb)),
      losses: runs[0]?.losses ?? [],
      extra: medians(runs.map(({ extra }) => extra ?? {})),
    };
  }
  return { bench, options, sides: summaries };
}

function progress(text: string): void {
  process.stderr.write(`[bench] ${text}\n`);
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function medians(records: Record<string, number>[]): Record<string, number> {
  const names = Object.keys(records[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(records.map((record) => record[name] ?? Number.NaN))]));
}

/** Whether `inputFile` of the compiled benches is there; the bench command compiles them. */
export function requireCompiled(): void {
  if (!existsSync(path.join(compiled, 'sides')))
    throw new Error('The benches are not compiled. Start them with: npm run bench');
}
