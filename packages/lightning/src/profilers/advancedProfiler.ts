import { mkdir, writeFile } from 'node:fs/promises';
import { type Profiler as InspectorProfiler, Session } from 'node:inspector';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LightningError } from '../errors.js';
import { OptionReader } from '../optionReader.js';
import { type CallNode, CallTree, cpuProfileOf, type Frame, functionTimes, type Spent } from './cpuProfile.js';
import { Profiler, type ProfilerOptions, type ProfilerSetup } from './profiler.js';

export interface AdvancedProfilerOptions extends ProfilerOptions {
  /** How many functions an action's table has: a part from 0 to 1, or a whole number from 2 up. Default 1: all. */
  readonly lineCountRestriction?: number;
  /** Also writes each action's profile as a `.cpuprofile` file, which Chrome and VS Code open. Default false. */
  readonly dumpStats?: boolean;
  /** Microseconds between two looks at what is running. Default 1000. */
  readonly samplingInterval?: number;
}

/** What was seen of one action. */
interface Action {
  calls: number;
  /** Seconds. */
  duration: number;
  readonly spent: Spent;
}

/** A start or an end, in microseconds on the clock of the profiles. */
interface Mark {
  readonly time: number;
  readonly action: string;
  readonly isStart: boolean;
}

/** After so many marks what was gathered is worked up, so that a long run takes no more memory than a short one. */
const marksPerPart = 20_000;

/**
 * Which functions each action spends its time in, by V8's sampling profiler: it looks every millisecond at what is running, so
 * that short functions cost nothing extra and show up by their share. Actions inside actions count for both.
 */
export class AdvancedProfiler extends Profiler {
  private readonly lineCountRestriction: number;
  private readonly dumpStats: boolean;
  private readonly samplingInterval: number;
  private readonly actions = new Map<string, Action>();
  private readonly running = new Map<string, number>();
  private readonly tree = new CallTree();
  private session: Session | null = null;
  private marks: Mark[] = [];
  /** Running actions when the marks in memory begin. */
  private runningBefore: string[] = [];
  private clockBeforeStart = 0;
  private clockAfterStart = 0;
  private isReported = false;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN */
  constructor(options: AdvancedProfilerOptions = {}) {
    const { dumpStats, lineCountRestriction, samplingInterval, ...others } = options;
    super(others);
    const own = { dumpStats, lineCountRestriction, samplingInterval };
    const reader = new OptionReader<AdvancedProfilerOptions>('AdvancedProfiler', own);
    this.dumpStats = reader.boolean('dumpStats', false);
    this.lineCountRestriction = reader.number('lineCountRestriction', 1, { least: 0 });
    this.samplingInterval = reader.integer('samplingInterval', 1000, 50);
    if (this.lineCountRestriction > 1 && !Number.isInteger(this.lineCountRestriction))
      throw reader.invalid('lineCountRestriction', 'a part from 0 to 1, or a whole number of functions');
  }

  /** @throws LightningError PROFILER_ACTION for an action that is running already */
  override start(action: string): void {
    if (this.running.has(action)) {
      throw new LightningError(
        'PROFILER_ACTION',
        `Attempted to start ${action} which has already started. Stop it first.`,
      );
    }
    if (this.session === null) this.open();
    else if (this.marks.length >= marksPerPart) this.workUp(true);
    const time = clock();
    this.running.set(action, time);
    this.marks.push({ time, action, isStart: true });
  }

  /** @throws LightningError PROFILER_ACTION for an action that was not started */
  override stop(action: string): void {
    const time = clock();
    const start = this.running.get(action);
    if (start === undefined) {
      throw new LightningError('PROFILER_ACTION', `Attempting to stop recording ${action} which was never started.`);
    }
    this.running.delete(action);
    this.marks.push({ time, action, isStart: false });
    const entry = this.actionOf(action);
    entry.calls += 1;
    entry.duration += (time - start) / 1e6;
  }

  override setup(run: ProfilerSetup): void {
    super.setup(run);
    // Another run of the same Trainer: its report is about itself.
    if (this.isReported) this.actions.clear();
    this.isReported = false;
  }

  override summary(): string {
    this.workUp(true);
    const rank = this.localRank === null ? '' : ` rank: ${this.localRank}`;
    return [...this.actions]
      .sort(([, a], [, b]) => b.duration - a.duration)
      .map(([name, action]) => `Profile stats for: ${name}${rank}\n${this.table(action)}`)
      .join('\n');
  }

  override async describe(): Promise<void> {
    await super.describe();
    this.isReported = true;
    if (!this.dumpStats || this.dirpath === null) return;
    await mkdir(this.dirpath, { recursive: true });
    for (const [name, { spent }] of this.actions) {
      if (spent.size === 0) continue;
      await writeFile(join(this.dirpath, this.fileName('.cpuprofile', name)), JSON.stringify(cpuProfileOf(spent)));
    }
  }

  override teardown(): void {
    this.workUp(false);
    this.session?.disconnect();
    this.session = null;
    this.running.clear();
    this.runningBefore = [];
  }

  private table({ calls, duration, spent }: Action): string {
    const functions = functionTimes(spent).filter(({ frame, total }) => total > 0 && !isOurs(frame));
    const { lineCountRestriction } = this;
    const shown = lineCountRestriction <= 1 ? Math.ceil(functions.length * lineCountRestriction) : lineCountRestriction;
    const samples = [...spent.values()].reduce((sum, entry) => sum + entry.samples, 0);
    const head = `   ${calls} ${calls === 1 ? 'call' : 'calls'} in ${duration.toFixed(3)} seconds, ${samples} samples\n`;
    if (functions.length === 0) return `${head}   too short to be seen\n`;
    const rows = functions
      .slice(0, shown)
      .map(({ frame, samples: own, self, total }) => [
        String(own),
        (self / 1e6).toFixed(3),
        (total / 1e6).toFixed(3),
        `${Math.min(100, (100 * total) / 1e6 / Math.max(duration, 1e-9)).toFixed(1)}%`,
        frame.name.startsWith('(') ? frame.name : `${locationOf(frame)}(${frame.name})`,
      ]);
    const columns = ['samples', 'tottime', 'cumtime', 'share', 'location(function)'];
    const line = (cells: readonly string[]): string =>
      cells.map((cell, index) => (index === columns.length - 1 ? cell : cell.padStart(9))).join('  ');
    const left = functions.length > rows.length ? `   ... and ${functions.length - rows.length} more functions\n` : '';
    return `${head}\n${[columns, ...rows].map((cells) => `${line(cells)}\n`).join('')}${left}`;
  }

  private actionOf(name: string): Action {
    let action = this.actions.get(name);
    if (action === undefined) {
      action = { calls: 0, duration: 0, spent: new Map() };
      this.actions.set(name, action);
    }
    return action;
  }

  private open(): void {
    this.session = new Session();
    this.session.connect();
    this.session.post('Profiler.enable');
    this.session.post('Profiler.setSamplingInterval', { interval: this.samplingInterval });
    this.begin();
  }

  private begin(): void {
    this.clockBeforeStart = clock();
    this.session!.post('Profiler.start');
    this.clockAfterStart = clock();
    this.marks = [];
    this.runningBefore = [...this.running.keys()];
  }

  /** Takes in what was sampled so far. @param goesOn whether sampling continues */
  private workUp(goesOn: boolean): void {
    const { session } = this;
    if (session === null) return;
    // In the thread that is profiled, the answer is there when `post` returns.
    session.post('Profiler.stop', (error, answer) => {
      if (error === null) this.take(answer.profile);
    });
    if (goesOn) this.begin();
  }

  private take(profile: InspectorProfiler.Profile): void {
    const { clockAfterStart, clockBeforeStart, marks } = this;
    const isSameClock = profile.startTime >= clockBeforeStart - 1000 && profile.startTime <= clockAfterStart + 1000;
    const offset = isSameClock ? 0 : profile.startTime - (clockBeforeStart + clockAfterStart) / 2;
    const running = [...this.runningBefore];
    let next = 0;
    for (const { duration, node, time } of this.tree.add(profile)) {
      for (; next < marks.length && marks[next]!.time + offset <= time; next += 1) {
        const { action, isStart } = marks[next]!;
        if (isStart) running.push(action);
        else running.splice(running.lastIndexOf(action), 1);
      }
      if (running.length === 0) continue;
      const entries = entryPoints(node);
      // What was started by hand has no entry point, and lies outside of what has one.
      const byHand = running.length - entries.length;
      for (const [index, action] of running.entries()) {
        const { spent } = this.actionOf(action);
        const known = spent.get(node);
        if (known === undefined)
          spent.set(node, { time: duration, samples: 1, calledFrom: entries[index - byHand] ?? null });
        else {
          known.time += duration;
          known.samples += 1;
        }
      }
    }
  }
}

/** Where `Profiler.profile` runs actions, the outermost first: what lies above is not the action's. */
function entryPoints(node: CallNode): CallNode[] {
  const places: CallNode[] = [];
  for (let place: CallNode | null = node; place !== null; place = place.parent) {
    if (place.frame.name === 'profile' && place.frame.url.includes('/profilers/profiler.')) places.push(place);
  }
  return places.reverse();
}

/** What measuring itself takes part in every action. */
function isOurs({ url }: Frame): boolean {
  return url.includes('/profilers/profiler.') || url.includes('/trainer/profiling.');
}

function locationOf({ column, line, url }: Frame): string {
  if (url === '') return '';
  const path = url.startsWith('file:') ? fileURLToPath(url) : url;
  return `${path}:${line + 1}:${column + 1}`;
}

/** Microseconds on the clock that V8 uses where it can. */
function clock(): number {
  return Number(process.hrtime.bigint()) / 1000;
}
