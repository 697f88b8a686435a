import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isPromise } from '../hooks/hookTable.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import { OptionReader } from '../optionReader.js';

export interface ProfilerOptions {
  /** Folder of the report. Default: the Trainer's log folder. */
  readonly dirpath?: string | null;
  /** Name of the report's file, which becomes `<stage>-<filename>.txt`. Default null: the report is printed. */
  readonly filename?: string | null;
}

/** What a profiler learns of the run it measures. */
export interface ProfilerSetup {
  /** `fit`, `validate`, `test` or `predict`. */
  readonly stage: string;
  /** The process, null when there is one only. */
  readonly localRank: number | null;
  readonly logDir: string;
  /** The model of the run. */
  readonly module: AnyLightningModule | null;
  /** Where a report without a file goes. */
  readonly print: (text: string) => void;
}

/**
 * Measures the actions of a run: hooks, steps, loading, saving. Extend it with `start`, `stop` and `summary`, and give it to
 * the Trainer: `new Trainer({ profiler: new MyProfiler() })`.
 *
 * ```ts
 * const labels = this.trainer.profiler.profile('make_labels', () => makeLabels(batch));
 * ```
 */
export abstract class Profiler {
  /** The stage that is measured, null before the first. */
  protected stage: string | null = null;
  protected localRank: number | null = null;
  private readonly directory: string | null;
  private readonly file: string | null;
  private logDir: string | null = null;
  private print: (text: string) => void = console.log;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN */
  constructor(options: ProfilerOptions = {}) {
    const reader = new OptionReader<ProfilerOptions>(this.constructor.name, options);
    this.directory = reader.text('dirpath', null);
    this.file = reader.text('filename', null);
    reader.done();
  }

  /** An action begins. */
  abstract start(action: string): void;

  /** An action ends. */
  abstract stop(action: string): void;

  /** What was measured, as text; `''` for nothing. */
  abstract summary(): string;

  /** Measures `body`, also when it is async or throws. */
  profile<T>(action: string, body: () => T): T {
    this.start(action);
    let result: T;
    try {
      result = body();
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

  /** A run begins. */
  setup({ localRank, logDir, print, stage }: ProfilerSetup): void {
    this.stage = stage;
    this.localRank = localRank;
    this.logDir = logDir;
    this.print = print;
  }

  /** Writes the report: into the file when there is one, else to where the Trainer prints. */
  async describe(): Promise<void> {
    const summary = this.summary();
    if (summary === '') return;
    if (this.file === null) {
      if (this.localRank === null || this.localRank === 0) this.print(summary);
      return;
    }
    await this.writeFile('.txt', summary.endsWith('\n') ? summary : `${summary}\n`);
  }

  /** A run has ended, its report is written. */
  teardown(_stage: string): void | Promise<void> {}

  /** The folder of the files: `dirpath`, or the log folder of the run; null outside of runs. */
  get dirpath(): string | null {
    return this.directory ?? this.logDir;
  }

  get filename(): string | null {
    return this.file;
  }

  /** A file's name: `<stage>-<filename>-<rank>-<action><extension>`, without the parts that are not there. */
  protected fileName(extension: string, action: string | null = null): string {
    const parts = [this.stage, this.file, this.localRank, action].filter((part) => part !== null && part !== '');
    return `${parts.map((part) => safeName(String(part))).join('-')}${extension}`;
  }

  /** Appends text to a file of this profiler. */
  protected async writeFile(extension: string, text: string, action: string | null = null): Promise<void> {
    const directory = this.dirpath ?? '.';
    await mkdir(directory, { recursive: true });
    await appendFile(join(directory, this.fileName(extension, action)), text);
  }
}

/** Replaces what a file name had better not contain by `_`. */
function safeName(name: string): string {
  return name.replace(/[^\w.=-]+/g, '_');
}
