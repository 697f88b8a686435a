import { ClusterEnvironment } from '../clusterEnvironment.js';
import { neededNumber } from './environmentVariables.js';

/** A PyTorchJob of Kubeflow: one process in each pod. It is not found by itself; give it to `plugins`. */
export class KubeflowEnvironment extends ClusterEnvironment {
  override readonly name = 'kubeflow';

  override get mainPort(): number {
    return neededNumber('MASTER_PORT', 'the port of the first pod');
  }

  override worldSize(): number {
    return neededNumber('WORLD_SIZE', 'how many pods the job has');
  }

  override localRank(): number {
    return 0;
  }

  override nodeRank(): number {
    return this.globalRank();
  }

  override devicesPerNode(): number {
    return 1;
  }
}
