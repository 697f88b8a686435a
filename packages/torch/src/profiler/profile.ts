import { gzipSync } from 'node:zlib';
import { TorchError } from '../errors.js';
import { native } from '../native.js';
import { writeFileAtomicSync } from '../serialize/atomicWrite.js';
import { callerStack } from './callerStack.js';
import { chromeTrace } from './chromeTrace.js';
import { type ProfilerEvent, readEvents } from './event.js';
import { KeyAverages, type KeyAveragesOptions } from './keyAverages.js';
import { recording } from './recordFunction.js';
import type { ProfilerAction, ProfilerSchedule } from './schedule.js';

export type ProfilerActivity = 'cpu';

export interface ProfileOptions {
  /** What to watch; only the CPU side can be, which is the default. Work on a device shows as the calls that start it. */
  activities?: readonly ProfilerActivity[];
  /** Keep the shapes of operators' arguments; default false. */
  recordShapes?: boolean;
  /** Show the CPU memory that operators take and give back; default false. */
  profileMemory?: boolean;
  /** Keep the JavaScript stack of each operator called from JavaScript; slow, default false. */
  withStack?: boolean;
  /** Which steps to record, between calls of `step()`; default everything from start to stop. */
  schedule?: ProfilerSchedule;
  /** Called with each finished recording: at the end of each cycle of a schedule, else by `stop()`. */
  onTraceReady?: (profile: Profile) => void;
}

interface Recording {
  events: ProfilerEvent[];
  startMicroseconds: number;
}

/**
 * Records which operators run on this thread and for how long, backward steps included. One profiler at a time.
 *
 * ```ts
 * const profiler = new Profile({ schedule: schedule({ wait: 1, warmup: 1, active: 2 }) }).start();
 * for (const batch of loader) {
 *   trainStep(batch);
 *   profiler.step();
 * }
 * profiler.stop();
 * console.log(profiler.keyAverages().table({ sortBy: 'selfCpuTimeTotal', rowLimit: 10 }));
 * ```
 */
export class Profile {
  /** How often `step()` was called. */
  stepNumber = 0;
  private action: ProfilerAction = 'none';
  private isStarted = false;
  private stepRange = 0;
  private last: Recording | null = null;
  private readonly options: ProfileOptions;

  constructor(options: ProfileOptions = {}) {
    for (const activity of options.activities ?? [])
      if (activity !== 'cpu')
        throw new TorchError(
          'PROFILER',
          `the activity '${String(activity)}' cannot be watched; this profiler knows 'cpu'`,
        );
    this.options = options;
  }

  /** @throws TorchError `PROFILER` when this or another profiler of this thread runs already */
  start(): this {
    if (this.isStarted) throw new TorchError('PROFILER', 'this profiler was started already; stop() it first');
    const action = this.actionAt(0);
    if (action !== 'none') this.record();
    this.stepNumber = 0;
    this.action = action;
    this.isStarted = true;
    this.openStep();
    return this;
  }

  /** Ends the recording; events and tables can then be read. */
  stop(): void {
    this.requireStarted('stop');
    this.closeStep();
    this.isStarted = false;
    const { action } = this;
    this.action = 'none';
    if (action === 'none') return;
    this.collect(action !== 'warmup');
    if (action !== 'warmup') this.options.onTraceReady?.(this);
  }

  /** Says that one step of the schedule is over. */
  step(): void {
    this.requireStarted('step');
    this.closeStep();
    const before = this.action;
    this.stepNumber += 1;
    const next = this.actionAt(this.stepNumber);
    const continues = before === 'record' && next !== 'none' && next !== 'warmup';
    this.action = 'none'; // should a callback throw, nothing is being recorded
    if (before !== 'none' && !continues && !(before === 'warmup' && next === 'warmup')) {
      this.collect(before !== 'warmup');
      if (before === 'recordAndSave') this.options.onTraceReady?.(this);
    }
    if (next !== 'none' && !recording.isOn) this.record();
    this.action = next;
    this.openStep();
  }

  /** The events of the last finished recording, in order of their starts. */
  events(): ProfilerEvent[] {
    return this.finished().events;
  }

  /** What the last finished recording spent on each name. */
  keyAverages(options: KeyAveragesOptions = {}): KeyAverages {
    if (options.groupByInputShape && !this.options.recordShapes)
      throw new TorchError('PROFILER', 'groupByInputShape needs shapes; profile with recordShapes: true');
    if (options.groupByStackN && !this.options.withStack)
      throw new TorchError('PROFILER', 'groupByStackN needs stacks; profile with withStack: true');
    return new KeyAverages(this.events(), options, this.options.profileMemory ?? false);
  }

  /**
   * Writes the last finished recording as JSON that Perfetto, chrome://tracing and TensorBoard open, packed when the
   * path ends in `.gz`. The path holds the old file until the new one is complete.
   *
   * @throws SerializeError `DISK_FULL`, `WRITE_FAILED`
   */
  exportChromeTrace(path: string): void {
    const { events, startMicroseconds } = this.finished();
    const text = chromeTrace(events, { startMicroseconds, showsMemory: this.options.profileMemory ?? false });
    const bytes = Buffer.from(text);
    writeFileAtomicSync(path, [path.endsWith('.gz') ? gzipSync(bytes) : bytes]);
  }

  [Symbol.dispose](): void {
    if (this.isStarted) this.stop();
  }

  private actionAt(step: number): ProfilerAction {
    return this.options.schedule === undefined ? 'record' : this.options.schedule(step);
  }
  private record(): void {
    native.profilerStart(this.options.recordShapes ?? false, this.options.withStack ? callerStack : null);
    recording.isOn = true;
  }
  private collect(keep: boolean): void {
    recording.isOn = false;
    const records = native.profilerStop();
    if (keep) this.last = { events: readEvents(records), startMicroseconds: records.startMicroseconds };
  }
  /** With a schedule, each step is a range of its own in the trace. */
  private openStep(): void {
    if (this.options.schedule !== undefined && recording.isOn)
      this.stepRange = native.profilerEnter(`ProfilerStep#${this.stepNumber}`);
  }
  private closeStep(): void {
    if (this.stepRange > 0) native.profilerExit(this.stepRange);
    this.stepRange = 0;
  }
  private requireStarted(what: string): void {
    if (!this.isStarted)
      throw new TorchError('PROFILER', `${what}() on a profiler that does not run; start() it first`);
  }
  private finished(): Recording {
    if (this.last === null)
      throw new TorchError(
        'PROFILER',
        'nothing was recorded yet; stop() the profiler, or let its schedule reach an active step',
      );
    return this.last;
  }
}

/** Profiles what `fn` does; a promise is awaited. The profiler that comes back holds the events. */
export function profile(options: ProfileOptions, fn: (profile: Profile) => Promise<unknown>): Promise<Profile>;
export function profile(options: ProfileOptions, fn: (profile: Profile) => unknown): Profile;
export function profile(options: ProfileOptions, fn: (profile: Profile) => unknown): Profile | Promise<Profile> {
  const profiler = new Profile(options).start();
  let result: unknown;
  try {
    result = fn(profiler);
  } catch (error) {
    profiler[Symbol.dispose]();
    throw error;
  }
  if (result instanceof Promise) return result.finally(() => profiler[Symbol.dispose]()).then(() => profiler);
  profiler[Symbol.dispose]();
  return profiler;
}
