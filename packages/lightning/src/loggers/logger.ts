import type { AnyLightningModule } from '../module/lightningModule.js';
import type { XAxis } from '../module/log.js';

/** How a run ended, as loggers are told. */
export type LoggerStatus = 'success' | 'failed' | 'finished';

/** Options and hyperparameters as a logger receives them: plain data. */
export type LoggedParams = Readonly<Record<string, unknown>>;

/** When a row was made, in every unit: for loggers that record more than the row's position. */
export interface RowMoment {
  /** Whole epochs done. */
  readonly epoch: number;
  /** Training batches done. */
  readonly batches: number;
  /** Optimizer steps done. */
  readonly globalStep: number;
  /** Seconds since the run began. */
  readonly seconds: number;
  /** The position by steps: what `step` is for a row on no other axis. */
  readonly step: number;
  /** What the row is shown over, and what its position counts. */
  readonly xAxis: XAxis;
}

/** Where metrics and hyperparameters of a run go. Numbers arrive already reduced and read from their tensors. */
export abstract class Logger {
  /** The experiment's name: a folder below `saveDir` for loggers that write files. */
  abstract readonly name: string;
  /** Which run of the experiment this is. */
  abstract readonly version: number | string;
  /** Folder given by the user, or null for loggers that write no files. */
  abstract readonly saveDir: string | null;

  /** In all but the first of several processes: the version that the first one's logger chose. */
  takeVersion?(version: number | string): void;

  /** Folder that holds all versions, or null. */
  get rootDir(): string | null {
    return null;
  }

  /** Folder of this version, or null. */
  get logDir(): string | null {
    return null;
  }

  /** The logger's own object, for what this interface does not cover; opened when first asked for. */
  get experiment(): unknown {
    return null;
  }

  /** What joins the parts of a nested name. */
  get groupSeparator(): string {
    return '/';
  }

  /**
   * Records one row.
   *
   * @param metrics names and values
   * @param step the row's position: batches after which an optimizer stepped, counted from 0; on the axis of `log`'s `xAxis`, which
   *   may be a fraction, for rows that have another
   * @param moment the same moment in other units
   */
  abstract logMetrics(
    metrics: Readonly<Record<string, number>>,
    step: number,
    moment?: RowMoment,
  ): void | Promise<void>;

  /** Records the hyperparameters of the model and its data, once for each run. */
  abstract logHyperparams(params: LoggedParams): void | Promise<void>;

  /** Records the model's structure. */
  logGraph(_model: AnyLightningModule, _input?: unknown): void | Promise<void> {}

  /** Writes out what is buffered. Called after every row. */
  save(): void | Promise<void> {}

  /** Ends the run's records. */
  finalize(_status: LoggerStatus): void | Promise<void> {
    return this.save();
  }

  /** Told about each checkpoint a callback has written. */
  afterSaveCheckpoint(_callback: unknown): void | Promise<void> {}
}
