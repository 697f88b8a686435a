import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { warn } from '@lightning-ts/torch';
import type { Module } from '@lightning-ts/torch/nn';
import { Profile, type ProfilerSchedule, recordFunction, type SortKey, schedule } from '@lightning-ts/torch/profiler';
import { isPromise } from '../hooks/hookTable.js';
import { OptionReader } from '../optionReader.js';
import { Profiler, type ProfilerOptions, type ProfilerSetup } from './profiler.js';

export interface PyTorchProfilerOptions extends ProfilerOptions {
  /** Operators with different input shapes are different rows; records shapes. Default false. */
  readonly groupByInputShapes?: boolean;
  /** Writes each recording as a trace that Perfetto, chrome://tracing and TensorBoard open. Default true. */
  readonly exportToChrome?: boolean;
  /** Rows of the table. Default 20. */
  readonly rowLimit?: number;
  /** The column that the table is sorted by. Default `cpuTimeTotal`. */
  readonly sortByKey?: SortKey | null;
  /** Shows the forwards of submodules, as `[pl][module]Linear: layer`. Default true. */
  readonly recordModuleNames?: boolean;
  /** Keeps the shapes of operators' inputs. Default false. */
  readonly recordShapes?: boolean;
  /** Shows the memory that operators take. Default false. */
  readonly profileMemory?: boolean;
  /** Keeps the JavaScript stack of each operator; slow. Default false. */
  readonly withStack?: boolean;
  /**
   * Which batches are recorded, counted apart for training, validation, test and prediction. Default: one is skipped, one warms
   * up, three count, and so on; null records the whole run, which takes memory.
   */
  readonly schedule?: ProfilerSchedule | null;
}

/** The actions whose batches a schedule counts. */
const batchActions: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/^run_training_batch$/, 'training_step'],
  [/\.validation_step$/, 'validation_step'],
  [/\.test_step$/, 'test_step'],
  [/\.predict_step$/, 'predict_step'],
];

const sortKeys: readonly SortKey[] = [
  'count',
  'cpuTime',
  'cpuTimeTotal',
  'selfCpuTimeTotal',
  'cpuMemoryUsage',
  'selfCpuMemoryUsage',
];

/**
 * Which operators of the engine run and for how long, for a few batches now and then. Actions of the run appear in the traces as
 * `[pl][profile]<action>`.
 */
export class PyTorchProfiler extends Profiler {
  private readonly settings;
  private readonly counts = new Map<string, number>();
  private recording: Profile | null = null;
  private recordedBy = '';
  private finished: Profile | null = null;
  private traces = 0;
  private undo: (() => void)[] = [];
  private batches = 0;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN */
  constructor(options: PyTorchProfilerOptions = {}) {
    const { dirpath, filename, ...own } = options;
    super({ ...(dirpath === undefined ? {} : { dirpath }), ...(filename === undefined ? {} : { filename }) });
    const reader = new OptionReader<PyTorchProfilerOptions>('PyTorchProfiler', own);
    const groupByInputShapes = reader.boolean('groupByInputShapes', false);
    const given = reader.value('schedule');
    if (given !== undefined && given !== null && typeof given !== 'function')
      throw reader.invalid(
        'schedule',
        "schedule({ wait, warmup, active }) from '@lightning-ts/torch/profiler', or null",
      );
    this.settings = {
      groupByInputShapes,
      exportToChrome: reader.boolean('exportToChrome', true),
      rowLimit: reader.integer('rowLimit', 20, 1),
      sortByKey: reader.choice<SortKey>('sortByKey', sortKeys, null) ?? 'cpuTimeTotal',
      recordModuleNames: reader.boolean('recordModuleNames', true),
      recordShapes: reader.boolean('recordShapes', groupByInputShapes) || groupByInputShapes,
      profileMemory: reader.boolean('profileMemory', false),
      withStack: reader.boolean('withStack', false),
      schedule: given === undefined ? schedule({ wait: 1, warmup: 1, active: 3 }) : given,
    };
    reader.done();
  }

  override setup(run: ProfilerSetup): void {
    super.setup(run);
    this.counts.clear();
    this.batches = 0;
    this.finished = null;
    if (this.settings.recordModuleNames && run.module !== null) this.undo = nameModules(run.module);
    if (this.settings.schedule === null) this.record('run');
  }

  override profile<T>(action: string, body: () => T): T {
    const batch = batchActions.find(([pattern]) => pattern.test(action))?.[1];
    if (batch === undefined) return recordFunction(`[pl][profile]${action}`, body);
    this.start(action);
    let result: T;
    try {
      result = recordFunction(`[pl][profile]${action}`, body);
    } catch (error) {
      this.stop(action);
      throw error;
    }
    if (!isPromise(result)) {
      this.stop(action);
      return result;
    }
    return result.finally(() => this.stop(action)) as T;
  }

  /** Begins a batch; other actions are recorded only by `profile`. */
  override start(action: string): void {
    const batch = this.batchOf(action);
    const { schedule } = this.settings;
    if (batch === null || schedule === null) return;
    const planned = schedule(this.counts.get(batch) ?? 0);
    if (planned === 'none' || this.recording !== null) return;
    this.record(batch);
  }

  override stop(action: string): void {
    const batch = this.batchOf(action);
    if (batch === null) return;
    this.batches += 1;
    const count = this.counts.get(batch) ?? 0;
    this.counts.set(batch, count + 1);
    const { schedule } = this.settings;
    // A recording goes on through batches of another kind, until its own are done.
    if (schedule === null || this.recordedBy !== batch) return;
    const planned = schedule(count);
    if (planned === 'warmup') this.drop();
    else if (planned === 'recordAndSave') this.finish();
  }

  override summary(): string {
    if (this.recording !== null) this.finish();
    if (this.finished === null) {
      if (this.batches > 0) {
        warn(
          'PROFILER_TOO_SHORT',
          `PyTorchProfiler recorded nothing: its schedule counts later batches than the ${this.batches} there were. Give it another ` +
            'schedule, or null to record everything.',
        );
      }
      return '';
    }
    const { groupByInputShapes, rowLimit, sortByKey } = this.settings;
    const table = this.finished
      .keyAverages({ groupByInputShape: groupByInputShapes })
      .table({ sortBy: sortByKey, rowLimit });
    return `Profile stats for: records\n${table}`;
  }

  override teardown(): void {
    this.drop();
    for (const restore of this.undo) restore();
    this.undo = [];
  }

  private batchOf(action: string): string | null {
    return batchActions.find(([pattern]) => pattern.test(action))?.[1] ?? null;
  }

  private record(batch: string): void {
    const { profileMemory, recordShapes, withStack } = this.settings;
    this.recording = new Profile({ profileMemory, recordShapes, withStack }).start();
    this.recordedBy = batch;
  }

  private drop(): void {
    this.recording?.stop();
    this.recording = null;
    this.recordedBy = '';
  }

  private finish(): void {
    const { recording, recordedBy } = this;
    if (recording === null) return;
    this.drop();
    this.finished = recording;
    if (!this.settings.exportToChrome || this.dirpath === null) return;
    mkdirSync(this.dirpath, { recursive: true });
    const number = this.traces === 0 ? '' : `.${this.traces}`;
    this.traces += 1;
    recording.exportChromeTrace(join(this.dirpath, this.fileName(`${number}.pt.trace.json`, recordedBy)));
  }
}

/** Gives every submodule a `forward` of its own that says its name in recordings. */
function nameModules(model: Module): (() => void)[] {
  return model
    .namedModules()
    .slice(1)
    .map(([name, module]) => {
      const label = `[pl][module]${module.constructor.name}: ${name}`;
      const own = Object.getOwnPropertyDescriptor(module, 'forward');
      const original = (module.forward as (...inputs: unknown[]) => unknown).bind(module);
      const named = (...inputs: unknown[]): unknown => recordFunction(label, () => original(...inputs));
      Object.defineProperty(module, 'forward', { value: named, configurable: true, enumerable: false, writable: true });
      return () => {
        // A hook that was registered meanwhile has wrapped ours, and stays.
        if (Object.getOwnPropertyDescriptor(module, 'forward')?.value !== named) return;
        if (own === undefined) delete (module as { forward?: unknown }).forward;
        else Object.defineProperty(module, 'forward', own);
      };
    });
}
