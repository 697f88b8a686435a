import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { warn } from '@lightning-ts/torch';
import { describe } from '../describe.js';
import { LightningError } from '../errors.js';
import { ClusterEnvironment } from './clusterEnvironment.js';

export interface SLURMEnvironmentOptions {
  /** Whether the job is started again when its time is over. Default true. */
  readonly autoRequeue?: boolean;
  /** The signal that SLURM was told to send before the end (`#SBATCH --signal=SIGUSR1@90`). Default `'SIGUSR1'`. */
  readonly requeueSignal?: NodeJS.Signals;
}

/**
 * A job of the SLURM workload manager. When `requeueSignal` comes, the run ends after the batch, `hpc_ckpt_<n>.ckpt` is saved in
 * `defaultRootDir` and the job is queued again; its next start goes on from there by itself.
 */
export class SLURMEnvironment extends ClusterEnvironment {
  override readonly name = 'slurm';
  override readonly requeueSignal: NodeJS.Signals | null;

  /** @throws LightningError OPTION_INVALID */
  constructor({ autoRequeue = true, requeueSignal = 'SIGUSR1' }: SLURMEnvironmentOptions = {}) {
    super();
    if (typeof autoRequeue !== 'boolean' || !/^SIG[A-Z0-9]+$/.test(String(requeueSignal))) {
      throw new LightningError(
        'OPTION_INVALID',
        `SLURMEnvironment: autoRequeue is ${describe(autoRequeue)}, requeueSignal is ${describe(requeueSignal)}. Use true or false, and ` +
          "a signal's name such as 'SIGUSR1'.",
      );
    }
    this.requeueSignal = autoRequeue ? requeueSignal : null;
  }

  /** Whether this process is part of a batch job of SLURM; an interactive shell is not. */
  static detect(env: NodeJS.ProcessEnv = process.env): boolean {
    const { SLURM_JOB_NAME: job, SLURM_NTASKS: tasks } = env;
    return tasks !== undefined && job !== 'bash' && job !== 'interactive';
  }

  /** The job's id, with the task's for a job array; null outside of SLURM. */
  get jobId(): string | null {
    const { SLURM_ARRAY_JOB_ID: array, SLURM_ARRAY_TASK_ID: task, SLURM_JOB_ID: job } = process.env;
    if (array !== undefined && task !== undefined) return `${array}_${task}`;
    return job ?? null;
  }

  override async requeue(): Promise<void> {
    const { jobId } = this;
    if (jobId === null) return;
    try {
      await promisify(execFile)('scontrol', ['requeue', jobId]);
    } catch (error) {
      warn(
        'SLURM_REQUEUE',
        `SLURM did not take job ${jobId} back: ${(error as Error).message.trim()}. Queue it by hand.`,
      );
    }
  }
}
