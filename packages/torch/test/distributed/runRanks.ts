import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { TCPStore } from '../../src/distributed/index.js';

/** An error as a rank's process reports it. */
export interface ReportedError {
  name: string;
  code: string | null;
  message: string;
  ranks: number[];
  collective: string | null;
  stack?: string;
  firstFailure: { rank: number | null; name: string; message: string; stack: string | null } | null;
}

export interface RankResult<T> {
  /** What the scenario returned. */
  value: T | null;
  /** What it threw. */
  error: ReportedError | null;
  /** How its process ended, if it did. */
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  pid: number;
  /** Milliseconds from the scenario's start in this process to its result. */
  took: number;
}

export interface RunOptions {
  args?: unknown;
  /** Variables of the environment while the scenario runs. */
  env?: (rank: number) => Record<string, string>;
  /** The scenario joins the job itself; else every rank has joined before it begins. */
  joinsItself?: boolean;
  /** Ranks that will not report: they are killed as soon as all others have. */
  stopped?: number[];
}

/** What a rank's process is told to do. */
export interface Assignment {
  scenario: string;
  rank: number;
  worldSize: number;
  port: number;
  prefix: string;
  joinsItself: boolean;
  args: unknown;
  env: Record<string, string>;
}

const main = fileURLToPath(new URL('rankMain.ts', import.meta.url));

/**
 * Processes that run scenarios as the ranks of a job. They stay for many jobs, since starting one takes a second; one
 * that a scenario ends is started anew.
 */
export class RankProcesses {
  private readonly children: ChildProcess[] = [];
  private output = '';
  private jobs = 0;

  private constructor(private readonly store: TCPStore) {}

  static async start(count: number): Promise<RankProcesses> {
    const made = new RankProcesses(await TCPStore.open({ host: '127.0.0.1', port: 0, isMaster: true }));
    for (let i = 0; i < count; i += 1) made.spawn(i);
    process.once('exit', () => {
      for (const child of made.children) child.kill('SIGKILL');
    });
    return made;
  }

  private spawn(i: number): void {
    const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=@lightning-ts/source', main], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, OMP_NUM_THREADS: '1' },
    });
    const collect = (chunk: Buffer) => {
      this.output += chunk.toString();
    };
    child.stdout!.on('data', collect);
    child.stderr!.on('data', collect);
    this.children[i] = child;
  }

  /**
   * Runs an exported function of scenarios/ (`file.function`) in the first `worldSize` processes, which meet at a store
   * of this process.
   */
  async run<T>(scenario: string, worldSize: number, options: RunOptions = {}): Promise<RankResult<T>[]> {
    const { args = null, env = () => ({}), joinsItself = false, stopped = [] } = options;
    const prefix = `job ${this.jobs++}`;
    this.output = '';
    const results = Array.from({ length: worldSize }, (_, rank) => {
      const assignment = {
        scenario,
        rank,
        worldSize,
        port: this.store.port,
        prefix,
        joinsItself,
        args,
        env: env(rank),
      };
      return this.runRank<T>(rank, assignment);
    });
    await Promise.all(results.filter((_, rank) => !stopped.includes(rank)));
    for (const rank of stopped) this.children[rank]!.kill('SIGKILL');
    const ended = await Promise.all(results);
    ended.forEach(({ exitCode, signal }, rank) => {
      if (exitCode !== null || signal !== null) this.spawn(rank);
    });
    return ended;
  }

  private async runRank<T>(rank: number, assignment: Assignment): Promise<RankResult<T>> {
    const child = this.children[rank]!;
    const result: RankResult<T> = {
      value: null,
      error: null,
      exitCode: null,
      signal: null,
      pid: child.pid ?? -1,
      took: 0,
    };
    child.send(assignment);
    const over = new AbortController();
    const [report] = (await Promise.race([
      once(child, 'message', { signal: over.signal }),
      once(child, 'exit', { signal: over.signal }).then(([exitCode, signal]) => [{ exitCode, signal }]),
    ])) as [object];
    over.abort();
    return { ...result, ...report };
  }

  /** The values of ranks that all did well; throws what one of them reported. */
  async values<T>(scenario: string, worldSize: number, options: RunOptions = {}): Promise<T[]> {
    const results = await this.run<T>(scenario, worldSize, options);
    return results.map(({ value, error, exitCode, signal }, rank) => {
      if (error !== null) throw new Error(`rank ${rank}: ${error.name} ${error.code} ${error.message}\n${this.output}`);
      if (exitCode !== null || signal !== null)
        throw new Error(`rank ${rank} ended with ${exitCode ?? signal}:\n${this.output}`);
      return value as T;
    });
  }

  /** Lets all processes end by themselves, and returns how they did: exit code or signal, and what they printed. */
  async end(): Promise<{ endings: (number | string | null)[]; output: string }> {
    this.output = '';
    const endings = this.children.map(async (child) => {
      const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
      child.send('end');
      const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
      const [exitCode, signal] = await ended;
      clearTimeout(timer);
      return exitCode ?? signal;
    });
    const all = await Promise.all(endings);
    this.store.close();
    return { endings: all, output: this.output };
  }
}
