import { LightningError } from '../../errors.js';
import { ClusterEnvironment } from '../clusterEnvironment.js';
import { variable, wholeNumber } from './environmentVariables.js';

/**
 * No cluster: the script is started once on each machine, and starts the other processes itself. With several machines, each
 * needs NODE_RANK, and all the same MASTER_ADDR and MASTER_PORT. Whoever starts each process by hand sets LOCAL_RANK too.
 */
export class LightningEnvironment extends ClusterEnvironment {
  override readonly name = 'lightning';
  private processes = 1;
  private rank = 0;

  override get createsProcessesExternally(): boolean {
    return variable('LOCAL_RANK') !== null;
  }

  override get mainPort(): number {
    return wholeNumber('MASTER_PORT') ?? wholeNumber('STANDALONE_PORT') ?? 0;
  }

  override worldSize(): number {
    return this.processes;
  }

  override globalRank(): number {
    return this.rank;
  }

  /** Nobody but the Trainer's options knows how many there are. @throws LightningError ENVIRONMENT_INVALID */
  override validateSettings(numDevices: number, numNodes: number): void {
    const problem = (text: string): LightningError => new LightningError('ENVIRONMENT_INVALID', text);
    const [localRank, nodeRank] = [this.localRank(), this.nodeRank()];
    if (localRank >= numDevices)
      throw problem(
        `LOCAL_RANK is ${localRank}, but devices is ${numDevices}: each machine has the local ranks from 0 to ${numDevices - 1}.`,
      );
    if (nodeRank >= numNodes)
      throw problem(
        `NODE_RANK is ${nodeRank}, but numNodes is ${numNodes}. Set numNodes to the number of machines; their ranks count from 0.`,
      );
    if (numNodes > 1 && (variable('MASTER_ADDR') === null || variable('MASTER_PORT') === null))
      throw problem(
        `numNodes is ${numNodes}, but MASTER_ADDR or MASTER_PORT is not set. Start the script on every machine with MASTER_ADDR ` +
          '(the address of the first), MASTER_PORT (a free port there) and NODE_RANK (0, 1, …).',
      );
    if (this.createsProcessesExternally && numDevices > 1 && variable('MASTER_PORT') === null)
      throw problem(
        'LOCAL_RANK is set, so every process is started by hand, but MASTER_PORT is not. Set it for all of them.',
      );
    this.processes = numDevices * numNodes;
    this.rank = nodeRank * numDevices + localRank;
  }
}
