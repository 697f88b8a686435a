import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { warn } from '@lightning-ts/torch';
import { describe } from '../describe.js';
import { LightningError } from '../errors.js';
import { ClusterEnvironment, defaultPort } from './clusterEnvironment.js';
import { neededNumber, variable, wholeNumber } from './environments/environmentVariables.js';

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

  override get mainAddress(): string {
    return variable('MASTER_ADDR') ?? firstHost(variable('SLURM_NODELIST') ?? '') ?? '127.0.0.1';
  }

  /** From the job's number, so that the jobs of one machine differ. */
  override get mainPort(): number {
    const given = wholeNumber('MASTER_PORT');
    if (given !== null) return given;
    const digits = variable('SLURM_JOB_ID')?.slice(-4);
    return digits === undefined || !/^\d+$/.test(digits) ? defaultPort : 15_000 + Number(digits);
  }

  override worldSize(): number {
    return neededNumber('SLURM_NTASKS', 'how many tasks the job has');
  }

  override globalRank(): number {
    return wholeNumber('SLURM_PROCID') ?? 0;
  }

  override localRank(): number {
    return wholeNumber('SLURM_LOCALID') ?? 0;
  }

  override nodeRank(): number {
    return wholeNumber('SLURM_NODEID') ?? 0;
  }

  override devicesPerNode(): number | null {
    const perNode = variable('SLURM_NTASKS_PER_NODE');
    if (perNode !== null) return Number.parseInt(perNode, 10);
    return this.worldSize() === 1 ? 1 : null;
  }

  override validateSettings(numDevices: number, numNodes: number): void {
    const worldSize = this.worldSize();
    if (worldSize > 1 && variable('SLURM_NTASKS_PER_NODE') === null) {
      throw new LightningError(
        'ENVIRONMENT_INVALID',
        `SLURM was asked for --ntasks=${worldSize}, but not how many of them run on a machine. Use --ntasks-per-node=<devices> in the ` +
          'batch file.',
      );
    }
    const nodes = wholeNumber('SLURM_NNODES');
    if (nodes !== null && nodes !== numNodes) {
      throw new LightningError(
        'OPTION_CONFLICT',
        `numNodes is ${numNodes}, but SLURM has given the job ${nodes} machines. Make numNodes and --nodes the same.`,
      );
    }
    if (worldSize > 1 && variable('SLURM_STEP_ID') === null && variable('SLURM_PROCID') === null) {
      warn(
        'SLURM_SRUN',
        `SLURM has room for ${worldSize} tasks, but this one was not started by srun, so the others may never start. Write ` +
          '"srun node train.js" in the batch file.',
      );
    }
    super.validateSettings(numDevices, numNodes);
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

/** The first machine of a list as SLURM writes it: `node[07-09,12],gpu3` begins with `node07`. */
function firstHost(list: string): string | null {
  const match = /^([^,[\s]+)(?:\[(\d+))?/.exec(list);
  return match === null ? null : `${match[1]}${match[2] ?? ''}`;
}
