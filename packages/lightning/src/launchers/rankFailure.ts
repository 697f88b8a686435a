import { hostname } from 'node:os';
import { TorchError } from '@lightning-ts/torch';
import type { FailureReport } from '@lightning-ts/torch/distributed';
import { LightningError } from '../errors.js';

/** An error as it is told to other processes. */
export function reportOf(rank: number | null, error: unknown): FailureReport {
  const isError = error instanceof Error;
  return {
    rank,
    name: isError ? error.name : 'Error',
    message: isError ? error.message : String(error),
    code: error instanceof TorchError || error instanceof LightningError ? error.code : null,
    stack: isError ? (error.stack ?? null) : null,
    host: hostname(),
    pid: process.pid,
    time: Date.now(),
  };
}

/** The error that this process ends with because another one failed: it says who, and brings that one's error and stack as `cause`. */
export function rankFailure(report: FailureReport): LightningError {
  const who = report.rank === null ? 'A process of the job' : `Rank ${report.rank}`;
  const cause = new Error(report.message);
  cause.name = report.name;
  if (report.stack !== null) cause.stack = report.stack;
  return new LightningError(
    'RANK_FAILED',
    `${who} (process ${report.pid} on ${report.host}) failed, and a job goes on only as a whole. ${report.name}: ${report.message}`,
    { cause },
  );
}
