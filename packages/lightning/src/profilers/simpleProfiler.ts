import { LightningError } from '../errors.js';
import { OptionReader } from '../optionReader.js';
import { pythonFormat } from '../pythonText.js';
import { Profiler, type ProfilerOptions, type ProfilerSetup } from './profiler.js';

export interface SimpleProfilerOptions extends ProfilerOptions {
  /** Also shows calls and shares, the largest first; false: means and totals only. Default true. */
  readonly extended?: boolean;
}

/** What an action took so far. Times in seconds. */
interface Recorded {
  calls: number;
  total: number;
}

/**
 * How long each action takes, and how often it ran. Actions that contain others count their time too, so that the shares sum
 * to more than 100 %.
 */
export class SimpleProfiler extends Profiler {
  private readonly extended: boolean;
  private readonly running = new Map<string, number>();
  private readonly recorded = new Map<string, Recorded>();
  private startedAt = now();
  /** Whether the report of what was recorded so far has been written. */
  private isReported = false;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN */
  constructor(options: SimpleProfilerOptions = {}) {
    const { extended, ...others } = options;
    super(others);
    const reader = new OptionReader<{ extended?: boolean }>(
      'SimpleProfiler',
      extended === undefined ? {} : { extended },
    );
    this.extended = reader.boolean('extended', true);
  }

  /** @throws LightningError PROFILER_ACTION for an action that is running already */
  override start(action: string): void {
    if (this.running.has(action)) {
      throw new LightningError(
        'PROFILER_ACTION',
        `Attempted to start ${action} which has already started. Stop it first.`,
      );
    }
    this.running.set(action, now());
  }

  /** @throws LightningError PROFILER_ACTION for an action that was not started */
  override stop(action: string): void {
    const end = now();
    const start = this.running.get(action);
    if (start === undefined) {
      throw new LightningError('PROFILER_ACTION', `Attempting to stop recording ${action} which was never started.`);
    }
    this.running.delete(action);
    const recorded = this.recorded.get(action);
    if (recorded === undefined) this.recorded.set(action, { calls: 1, total: end - start });
    else {
      recorded.calls += 1;
      recorded.total += end - start;
    }
  }

  /** Seconds and calls of each action so far. */
  get durations(): ReadonlyMap<string, Readonly<Recorded>> {
    return this.recorded;
  }

  override setup(run: ProfilerSetup): void {
    super.setup(run);
    if (!this.isReported) return;
    // Another run of the same Trainer: its report is about itself.
    this.recorded.clear();
    this.startedAt = now();
    this.isReported = false;
  }

  override async describe(): Promise<void> {
    await super.describe();
    this.isReported = true;
  }

  override summary(): string {
    const title = `${this.stage === null ? '' : `${this.stage.toUpperCase()} `}Profiler Report\n`;
    if (this.recorded.size === 0) return title;
    return title + (this.extended ? this.extendedTable() : this.shortTable());
  }

  private extendedTable(): string {
    const elapsed = now() - this.startedAt;
    const rows = [...this.recorded]
      .map(([action, { calls, total }]) => ({ action, calls, total, share: (100 * total) / elapsed }))
      .sort((a, b) => b.share - a.share);
    const calls = rows.reduce((sum, row) => sum + row.calls, 0);
    return this.table(
      ['Action', 'Mean duration (s)', 'Num calls', 'Total time (s)', 'Percentage %'],
      [
        [['Total', '-', String(calls), fiveDigits(elapsed), '100 %']],
        rows.map((row) => [
          row.action,
          fiveDigits(row.total / row.calls),
          String(row.calls),
          fiveDigits(row.total),
          fiveDigits(row.share),
        ]),
      ],
    );
  }

  private shortTable(): string {
    const rows = [...this.recorded]
      .map(([action, { calls, total }]) => ({ action, mean: total / calls, total }))
      .sort((a, b) => b.mean - a.mean);
    return this.table(
      ['Action', 'Mean duration (s)', 'Total time (s)'],
      [rows.map((row) => [row.action, fiveDigits(row.mean), fiveDigits(row.total)])],
    );
  }

  /** A header and groups of rows, with a rule around each. */
  private table(header: readonly string[], groups: readonly (readonly (readonly string[])[])[]): string {
    const width = Math.max(...[...this.recorded.keys()].map((action) => action.length));
    const line = ([action, ...cells]: readonly string[]): string =>
      `\n|  ${action!.padEnd(width)}\t|  ${cells.map((cell) => `${cell.padEnd(15)}\t|`).join('  ')}`;
    const rule = `\n${'-'.repeat(expandedLength(line(header)))}`;
    const body = groups.map((rows) => rows.map(line).join('') + rule).join('');
    return `${rule}${line(header)}${rule}${body}\n`;
  }
}

function fiveDigits(value: number): string {
  return pythonFormat(value, '.5', false);
}

/** Characters of a line whose tabs go to the next multiple of eight; the reference counts the line's end as well. */
function expandedLength(line: string): number {
  let length = 0;
  for (const character of line.slice(1)) length += character === '\t' ? 8 - (length % 8) : 1;
  return length + 1;
}

function now(): number {
  return performance.now() / 1000;
}
