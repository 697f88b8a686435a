import { ClusterEnvironment } from '../clusterEnvironment.js';
import { variable } from './environmentVariables.js';

/**
 * Every process is started by somebody who sets RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, as PyTorch reads them; with
 * several processes on a machine also LOCAL_RANK.
 */
export class VariablesEnvironment extends ClusterEnvironment {
  override readonly name = 'the environment variables RANK and WORLD_SIZE';

  static detect(): boolean {
    return variable('RANK') !== null && variable('WORLD_SIZE') !== null && variable('MASTER_PORT') !== null;
  }
}
