import { hostname } from 'node:os';
import { TorchError } from '@lightning-ts/torch';
import type { DistributedError, FailureReport } from '@lightning-ts/torch/distributed';
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

/**
 * The error that this process ends with because another one failed: it says who, and brings that one's error and stack as `cause`.
 *
 * @param noticed by what this process noticed it
 */
export function rankFailure(report: FailureReport, noticed: DistributedError | null = null): LightningError {
  const { host, message, name, pid, rank, stack } = report;
  const who = rank === null ? 'A process of the job' : `Rank ${rank}`;
  // A process that fell silent said neither.
  const where = host === '' ? '' : ` (process ${pid} on ${host})`;
  const cause = new Error(message);
  cause.name = name;
  if (stack !== null) cause.stack = stack;
  const waited =
    noticed === null || noticed.collective === null
      ? ''
      : ` (rank ${noticed.rank} waited for it in ${noticed.collective} of group '${noticed.group}')`;
  return new LightningError(
    'RANK_FAILED',
    `${who}${where} failed, and a job goes on only as a whole. ${name}: ${message}${waited}`,
    { cause },
  );
}
