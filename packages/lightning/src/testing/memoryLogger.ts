import { type LoggedParams, Logger, type LoggerStatus } from '../loggers/logger.js';

/** Keeps what it is sent, for tests. */
export class MemoryLogger extends Logger {
  override readonly name = 'memory';
  override readonly version = 0;
  override readonly saveDir = null;
  /** Every row in order, with its position as `step`. */
  readonly rows: Record<string, number>[] = [];
  readonly params: LoggedParams[] = [];
  readonly statuses: LoggerStatus[] = [];

  override logMetrics(metrics: Readonly<Record<string, number>>, step: number): void {
    this.rows.push({ ...metrics, step });
  }

  override logHyperparams(params: LoggedParams): void {
    this.params.push(params);
  }

  override finalize(status: LoggerStatus): void {
    this.statuses.push(status);
  }
}
