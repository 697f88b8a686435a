import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { warn } from '@lightning-ts/torch';
import { pythonFloat } from '../pythonText.js';

/** Whole numbers by meaning; every other value is a float, and prints as Python prints one. */
const countColumns = new Set(['step', 'epoch', 'batches', 'global_step']);

/** Requests that come faster than this (in ms) are written together. */
const writeInterval = 200;

/** Files with rows that are not written yet; a process that ends in the meantime writes them on its way out. */
const pendingFiles = new Set<MetricsFile>();

function writePendingFiles(): void {
  for (const file of pendingFiles) file.write();
}

/**
 * A growing `metrics.csv`: one line for each row, columns in code-point order, empty cells for what a row lacks.
 *
 * Rows wait in memory until `write`. A row with only known columns is appended; a new column rewrites the file once, through a
 * temporary file. When the disk is full the rows stay in memory and are tried again with the next write.
 */
export class MetricsFile {
  private rows: Readonly<Record<string, number>>[] = [];
  private columns: string[] = [];
  private descriptor: number | null = null;
  private lastWrite = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | null = null;

  constructor(readonly path: string) {}

  /** How many rows have not reached the file. */
  get pending(): number {
    return this.rows.length;
  }

  /** @param row values by column; kept as it is, so it must not be changed afterwards */
  add(row: Readonly<Record<string, number>>): void {
    this.rows.push(row);
  }

  /** Has the pending rows written within 0.2 s, at once when the last write is longer ago than that. */
  requestWrite(): void {
    if (this.rows.length === 0 || this.timer !== null) return;
    const wait = this.lastWrite + writeInterval - performance.now();
    if (wait <= 0) {
      this.write();
      return;
    }
    this.timer = setTimeout(() => this.write(), wait);
    this.timer.unref();
    if (pendingFiles.size === 0) process.once('exit', writePendingFiles);
    pendingFiles.add(this);
  }

  /** Brings all pending rows into the file. */
  write(): void {
    this.forgetRequest();
    if (this.rows.length === 0) return;
    this.lastWrite = performance.now();
    try {
      if (this.addColumns()) this.rewrite();
      else this.append();
      this.rows = [];
    } catch (error) {
      warn(
        'METRICS_NOT_WRITTEN',
        `${this.path} could not be written: ${(error as Error).message}. The rows are kept in memory and tried again.`,
      );
    }
  }

  /** Writes what is pending and closes the file; a later row opens it again. */
  close(): void {
    this.write();
    this.closeDescriptor();
  }

  private forgetRequest(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (pendingFiles.delete(this) && pendingFiles.size === 0) process.removeListener('exit', writePendingFiles);
  }

  private addColumns(): boolean {
    const known = new Set(this.columns);
    const before = known.size;
    for (const row of this.rows) for (const key in row) known.add(key);
    return known.size > before;
  }

  private append(): void {
    this.descriptor ??= openSync(this.path, 'a');
    const text = this.rows.map((row) => this.line(row, this.columns)).join('');
    const { size } = fstatSync(this.descriptor);
    try {
      writeAll(this.descriptor, text);
    } catch (error) {
      // Half a line would spoil the file for every reader.
      ftruncateSync(this.descriptor, size);
      throw error;
    }
  }

  private rewrite(): void {
    const keys = this.rows.flatMap((row) => Object.keys(row));
    const columns = [...new Set([...this.columns, ...keys])].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    const written = this.columns.length === 0 ? [] : readFileSync(this.path, 'utf8').trimEnd().split('\n').slice(1);
    const places = columns.map((column) => this.columns.indexOf(column));
    const old = written.map((line) => {
      const cells = line.split(',');
      return `${places.map((place) => (place < 0 ? '' : cells[place])).join(',')}\n`;
    });
    const header = `${columns.map(quoted).join(',')}\n`;
    const fresh = this.rows.map((row) => this.line(row, columns));
    const temporary = `${this.path}.${process.pid}.tmp`;
    try {
      writeFileSync(temporary, header + old.join('') + fresh.join(''));
      renameSync(temporary, this.path);
    } finally {
      rmSync(temporary, { force: true });
    }
    this.closeDescriptor();
    this.columns = columns;
  }

  private line(row: Readonly<Record<string, number>>, columns: readonly string[]): string {
    let text = '';
    for (let index = 0; index < columns.length; index += 1) {
      const column = columns[index]!;
      const value = row[column];
      if (index > 0) text += ',';
      if (value !== undefined) text += countColumns.has(column) ? String(value) : pythonFloat(value);
    }
    return `${text}\n`;
  }

  private closeDescriptor(): void {
    if (this.descriptor !== null) closeSync(this.descriptor);
    this.descriptor = null;
  }
}

function writeAll(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
}

function quoted(column: string): string {
  return /[",\r\n]/.test(column) ? `"${column.replaceAll('"', '""')}"` : column;
}
