import { readFileSync } from 'node:fs';

/** What every side prints as its last line, as JSON. */
export interface SideResult {
  /** Seconds a step (mlp, cnn, memory) or seconds for the whole start (startup). */
  seconds: number;
  /** Losses of the first steps and the last one, as exact float32 values. */
  losses?: number[];
  peakRssMb: number;
  /** Extra numbers of one bench, printed as they are. */
  extra?: Record<string, number>;
}

/** What a side is asked to do, read from the environment that the harness sets. */
export interface SideTask {
  manifest: string;
  warmUp: number;
  steps: number;
  threads: number;
}

export function readTask(env = process.env): SideTask {
  const manifest = env.BENCH_MANIFEST;
  if (manifest === undefined) throw new Error('BENCH_MANIFEST is not set; run this through npm run bench');
  return {
    manifest,
    warmUp: Number(env.BENCH_WARM_UP ?? 0),
    steps: Number(env.BENCH_STEPS ?? 1),
    threads: Number(env.BENCH_THREADS ?? 1),
  };
}

/** Highest and present resident memory of this process in MB (1e6 bytes), from the kernel's own count. */
export function residentMb(): { peak: number; now: number } {
  try {
    const status = readFileSync('/proc/self/status', 'utf8');
    const field = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? Number.NaN) * 1024;
    return { peak: field('VmHWM') / 1e6, now: field('VmRSS') / 1e6 };
  } catch {
    // No /proc: macOS counts maxRSS in kilobytes through Node as well.
    return { peak: (process.resourceUsage().maxRSS * 1024) / 1e6, now: process.memoryUsage().rss / 1e6 };
  }
}

/**
 * Times the steps between the warm-up and the last call: call `begin` at the start of every step. One more step than
 * `warmUp + steps` must run, because the time of a step ends where the next one begins.
 */
export class StepClock {
  private calls = 0;
  private started = 0;
  private stopped = 0;

  constructor(
    private readonly warmUp: number,
    private readonly steps: number,
  ) {}

  /** Steps to run in all. */
  get total(): number {
    return this.warmUp + this.steps + 1;
  }

  begin(): void {
    if (this.calls === this.warmUp) this.started = performance.now();
    if (this.calls === this.warmUp + this.steps) this.stopped = performance.now();
    this.calls += 1;
  }

  get secondsPerStep(): number {
    if (this.calls !== this.total) throw new Error(`expected ${this.total} steps, ran ${this.calls}`);
    return (this.stopped - this.started) / 1000 / this.steps;
  }
}

export function report(result: SideResult): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
