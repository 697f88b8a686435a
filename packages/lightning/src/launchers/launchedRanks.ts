import { type ChildProcess, spawn } from 'node:child_process';
import { constants, hostname } from 'node:os';
import type { FailureReport } from '@lightning-ts/torch/distributed';
import type { LaunchMessage } from './launchedProcess.js';
import { ownScript } from './launchedScript.js';

/**
 * What is shown of what the other processes print: nothing (`'rankZero'`; what the one that failed printed last comes with its
 * error), or everything, each line with its rank (`'prefixed'`).
 */
export type RankOutput = 'rankZero' | 'prefixed';

/** One process to start. */
export interface RankPlan {
  readonly rank: number;
  readonly env: Readonly<Record<string, string>>;
  /** Show what it prints as it is. */
  readonly isShown?: boolean;
}

interface LaunchedRank {
  readonly rank: number;
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
  hasEnded: boolean;
}

/** How much of a process's output is kept for its error. */
const keptOutput = 4_000;

/**
 * Processes that run the user's own script, as children of this one: they end when this one ends, and what they die of is
 * known here.
 */
export class LaunchedRanks {
  private readonly ranks: LaunchedRank[] = [];
  private first: FailureReport | null = null;
  private readonly listeners: ((report: FailureReport) => void)[] = [];
  private isStopping = false;
  private readonly passedOn = new Set<NodeJS.Signals>();
  /** Told by the processes, beside their failures. */
  onMessage: (message: LaunchMessage) => void = () => {};

  /** @throws LightningError LAUNCH_IMPOSSIBLE */
  constructor(plans: readonly RankPlan[], output: RankOutput) {
    const { args, command } = ownScript();
    for (const plan of plans) this.ranks.push(this.start(command, args, plan, output));
    if (plans.length > 0) process.once('exit', this.killAll);
  }

  /** What went wrong first; null while nothing did. */
  get failure(): FailureReport | null {
    return this.first;
  }

  /** Settles when every process has ended. */
  get ended(): Promise<void> {
    return Promise.all(this.ranks.map(({ exited }) => exited)).then(() => {});
  }

  /** Calls `tell` once when a process has failed. */
  whenFailed(tell: (report: FailureReport) => void): void {
    if (this.first === null) this.listeners.push(tell);
    else tell(this.first);
  }

  /** Passes on a signal that this process got. */
  signal(signal: NodeJS.Signals): void {
    this.passedOn.add(signal);
    for (const { child, hasEnded } of this.ranks) if (!hasEnded) child.kill(signal);
  }

  /** Gives the processes a moment to end by themselves, and kills those that are still there. Resolves when all have ended. */
  stop(graceMs: number): Promise<void> {
    if (!this.isStopping) {
      this.isStopping = true;
      const timer = setTimeout(this.killAll, graceMs);
      void this.ended.then(() => clearTimeout(timer));
    }
    return this.ended;
  }

  private readonly killAll = (): void => {
    this.isStopping = true;
    for (const { child, hasEnded } of this.ranks) if (!hasEnded) child.kill('SIGKILL');
  };

  private start(command: string, args: readonly string[], plan: RankPlan, output: RankOutput): LaunchedRank {
    const { rank } = plan;
    // In a session of its own: a Ctrl-C reaches it once, by way of this process.
    const child = spawn(command, args, {
      detached: true,
      env: { ...process.env, ...plan.env },
      stdio: ['ignore', plan.isShown ? 'inherit' : 'pipe', plan.isShown ? 'inherit' : 'pipe', 'ipc'],
    });
    let last = '';
    const show = output === 'prefixed' ? linePrinter(rank) : null;
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.setEncoding('utf8').on('data', (text: string) => {
        last = (last + text).slice(-keptOutput);
        show?.(stream, text);
      });
    }
    let told: FailureReport | null = null;
    child.on('message', (message: LaunchMessage) => {
      if (message.kind !== 'failure') this.onMessage(message);
      else told ??= message.report;
    });
    const launched: LaunchedRank = {
      rank,
      child,
      hasEnded: false,
      exited: new Promise((settle) => {
        child.on('error', (error) => {
          this.fail(describeExit(rank, child, `could not be started: ${error.message}`, ''));
          launched.hasEnded = true;
          settle();
        });
        child.on('exit', (code, signal) => {
          launched.hasEnded = true;
          if (code === 0 || this.isStopping) return settle();
          process.exitCode ??= code ?? 1;
          // It ended in order, as it was asked to.
          if ([...this.passedOn].some((asked) => code === 128 + constants.signals[asked])) return settle();
          const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
          const tell = (): void => {
            clearTimeout(timer);
            this.fail(told ?? describeExit(rank, child, how, last));
            settle();
          };
          // What it said last may still be on its way; but processes of its own may hold its output open.
          const timer = setTimeout(tell, 500);
          child.once('close', tell);
        });
      }),
    };
    return launched;
  }

  private fail(report: FailureReport): void {
    if (this.first !== null) return;
    this.first = report;
    for (const tell of this.listeners.splice(0)) tell(report);
  }
}

function describeExit(rank: number, child: ChildProcess, how: string, output: string): FailureReport {
  const printed = output.trim() === '' ? '' : ` What it printed last:\n${output.trim()}`;
  return {
    rank,
    name: 'ProcessEnded',
    message: `the process of rank ${rank} ${how}.${printed}`,
    code: null,
    stack: null,
    host: hostname(),
    pid: child.pid ?? -1,
    time: Date.now(),
  };
}

/** Prints whole lines, each with the rank in front. */
function linePrinter(rank: number): (stream: 'stdout' | 'stderr', text: string) => void {
  const rest = { stdout: '', stderr: '' };
  return (stream, text) => {
    const lines = (rest[stream] + text).split('\n');
    rest[stream] = lines.pop()!;
    if (lines.length > 0) process[stream].write(lines.map((line) => `[rank ${rank}] ${line}\n`).join(''));
  };
}
