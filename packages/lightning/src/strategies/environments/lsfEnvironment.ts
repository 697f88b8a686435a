import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { LightningError } from '../../errors.js';
import { ClusterEnvironment } from '../clusterEnvironment.js';
import { neededNumber, variable, wholeNumber } from './environmentVariables.js';

const needed = ['LSB_JOBID', 'LSB_DJOB_RANKFILE', 'JSM_NAMESPACE_LOCAL_RANK', 'JSM_NAMESPACE_SIZE'] as const;

/** A job of IBM's LSF, whose processes `jsrun` starts. */
export class LSFEnvironment extends ClusterEnvironment {
  override readonly name = 'lsf';
  private readonly hosts = readHosts();

  static detect(): boolean {
    return needed.every((name) => variable(name) !== null);
  }

  override get mainAddress(): string {
    return variable('MASTER_ADDR') ?? this.hosts[0] ?? '127.0.0.1';
  }

  /** From the job's number, so that the jobs of one machine differ. */
  override get mainPort(): number {
    return wholeNumber('MASTER_PORT') ?? (neededNumber('LSB_JOBID', 'the number of the job') % 1000) + 10_000;
  }

  override worldSize(): number {
    return neededNumber('JSM_NAMESPACE_SIZE', 'how many processes the job has');
  }

  override globalRank(): number {
    return neededNumber('JSM_NAMESPACE_RANK', 'which process of the job this is');
  }

  override localRank(): number {
    return neededNumber('JSM_NAMESPACE_LOCAL_RANK', 'which process of the machine this is');
  }

  override nodeRank(): number {
    const at = [...new Set(this.hosts)].indexOf(hostname());
    return Math.max(0, at);
  }
}

/** The machines of the job, one for each process; the first line is the one that the job was sent from. */
function readHosts(): string[] {
  const path = variable('LSB_DJOB_RANKFILE');
  if (path === null) return [];
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new LightningError('ENVIRONMENT_INVALID', `LSB_DJOB_RANKFILE names ${path}, which cannot be read.`, {
      cause: error,
    });
  }
  const hosts = text.split(/\s+/).filter(Boolean).slice(1);
  if (hosts.length > 0) return hosts;
  throw new LightningError(
    'ENVIRONMENT_INVALID',
    `The rank file ${path} names no machine but the one that sent the job.`,
  );
}
