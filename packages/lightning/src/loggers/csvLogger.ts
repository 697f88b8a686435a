import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { warn } from '@lightning-ts/torch';
import { describe } from '../describe.js';
import { LightningError } from '../errors.js';
import { OptionReader } from '../optionReader.js';
import { readHparams, writeHparams } from './hparamsYaml.js';
import { Logger, type RowMoment } from './logger.js';
import { MetricsFile } from './metricsFile.js';
import { nextVersion, readVersion } from './versionScan.js';

export interface CSVLoggerOptions {
  /** Folder of the experiment inside `saveDir`, default `lightning_logs`; null or `''` for none. */
  readonly name?: string | null;
  /** A number gives the folder `version_<n>`, a string the folder of that name. Default: the next free number. */
  readonly version?: number | string | null;
  /** Put before every metric's name, joined by `-`. Default none. */
  readonly prefix?: string;
  /** Rows reach the file when (step + 1) is a multiple of this, and soon after every `save`. Default 100. */
  readonly flushLogsEveryNSteps?: number;
  /**
   * Adds to each row when it was made in other units: `epoch`, `batches` (training batches done), `global_step` (optimizer steps
   * done) and `seconds` since the run began. Default false.
   */
  readonly logMoments?: boolean;
}

const axisColumns = { epoch: 'epoch', batches: 'batches', globalStep: 'global_step', seconds: 'seconds' } as const;

/**
 * Logs to `<saveDir>/<name>/version_<n>/metrics.csv`, and hyperparameters to `hparams.yaml` beside it.
 *
 * Every call of `logMetrics` is a row of its own; a file left there by an earlier run is replaced.
 */
export class CSVLogger extends Logger {
  readonly name: string;
  private readonly directory: string;
  private readonly prefix: string;
  private readonly flushLogsEveryNSteps: number;
  private readonly logsMoments: boolean;
  private chosenVersion: number | string | null;
  private file: MetricsFile | null = null;
  private hparams: Record<string, unknown> | null = null;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN */
  constructor(saveDir: string, options: CSVLoggerOptions = {}) {
    super();
    if (typeof saveDir !== 'string') {
      throw new LightningError(
        'OPTION_INVALID',
        `CSVLogger: saveDir is ${describe(saveDir)}. Give the path of a folder.`,
      );
    }
    const reader = new OptionReader<CSVLoggerOptions>('CSVLogger', options);
    this.directory = saveDir;
    this.name = reader.value('name') === null ? '' : reader.text('name', 'lightning_logs');
    this.prefix = reader.text('prefix', '');
    this.chosenVersion = readVersion(reader);
    this.flushLogsEveryNSteps = reader.integer('flushLogsEveryNSteps', 100, 1);
    this.logsMoments = reader.boolean('logMoments', false);
    reader.done();
  }

  override get saveDir(): string {
    return this.directory;
  }

  /** The folder of all versions. */
  override get rootDir(): string {
    return join(this.saveDir, this.name);
  }

  /** Looked up once, when first asked for. */
  override get version(): number | string {
    this.chosenVersion ??= nextVersion(this.rootDir);
    return this.chosenVersion;
  }

  override takeVersion(version: number | string): void {
    this.chosenVersion = version;
  }

  override get logDir(): string {
    const { version } = this;
    return join(this.rootDir, typeof version === 'number' ? `version_${version}` : version);
  }

  /** The file of this run; made, with its folder, when first asked for. */
  override get experiment(): MetricsFile {
    this.file ??= this.openFile();
    return this.file;
  }

  /** @param step default: the number of rows not yet written */
  logMetrics(metrics: Readonly<Record<string, number>>, step: number | null = null, moment?: RowMoment): void {
    const file = this.experiment;
    const axis = moment?.xAxis ?? 'step';
    // Positions on other axes have columns of their own.
    const rowStep = (axis === 'step' ? step : moment!.step) ?? file.pending;
    const row: Record<string, number> = {};
    for (const key in metrics) row[this.columnOf(key)] = this.checked(key, metrics[key]);
    if (axis !== 'step' && step !== null) {
      row[typeof axis === 'string' ? axisColumns[axis] : this.columnOf(axis.metric)] = step;
      row.epoch ??= moment!.epoch;
    }
    if (this.logsMoments && moment !== undefined) {
      row.epoch ??= moment.epoch;
      row.batches = moment.batches;
      row.global_step = moment.globalStep;
      row.seconds = moment.seconds;
    }
    row.step = rowStep;
    file.add(row);
    if ((rowStep + 1) % this.flushLogsEveryNSteps === 0) file.write();
  }

  /** Merges `params` into what was logged before; they reach `hparams.yaml` with the next `save`. */
  logHyperparams(params: Readonly<Record<string, unknown>>): void {
    this.hparams = { ...(this.hparams ?? readHparams(this.hparamsPath)), ...params };
    this.save();
  }

  /** Rows reach the file within 0.2 s, hyperparameters at once. */
  override save(): void {
    this.file?.requestWrite();
    if (this.hparams === null) return;
    mkdirSync(this.logDir, { recursive: true });
    writeHparams(this.hparamsPath, this.hparams);
    this.hparams = null;
  }

  override finalize(_status: string): void {
    this.save();
    this.file?.close();
  }

  private get hparamsPath(): string {
    return join(this.logDir, 'hparams.yaml');
  }

  private openFile(): MetricsFile {
    const { logDir } = this;
    const path = join(logDir, 'metrics.csv');
    if (existsSync(logDir) && readdirSync(logDir).length > 0) {
      warn(
        'LOG_DIRECTORY_NOT_EMPTY',
        `Log directory ${logDir} exists and is not empty; an existing metrics.csv in it is replaced.`,
      );
    }
    mkdirSync(logDir, { recursive: true });
    rmSync(path, { force: true });
    return new MetricsFile(path);
  }

  private columnOf(key: string): string {
    return this.prefix === '' ? key : `${this.prefix}-${key}`;
  }

  private checked(key: string, value: number | undefined): number {
    if (typeof value === 'number') return value;
    throw new LightningError(
      'LOGGER_VALUE',
      `CSVLogger: '${key}' is ${value === null ? 'null' : typeof value}, but only numbers fit in metrics.csv. Pass a number.`,
    );
  }
}
