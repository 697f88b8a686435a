import { warn } from '@lightning-ts/torch';
import { ClusterEnvironment, defaultPort } from '../clusterEnvironment.js';
import { variable, wholeNumber } from './environmentVariables.js';

/** Started by torchrun: `torchrun --no_python --nproc_per_node 2 node train.js`. */
export class TorchElasticEnvironment extends ClusterEnvironment {
  override readonly name = 'torchrun';

  static detect(): boolean {
    return variable('TORCHELASTIC_RUN_ID') !== null;
  }

  override get mainAddress(): string {
    return this.orWarned('MASTER_ADDR', variable('MASTER_ADDR'), '127.0.0.1');
  }

  override get mainPort(): number {
    return this.orWarned('MASTER_PORT', wholeNumber('MASTER_PORT'), defaultPort);
  }

  override nodeRank(): number {
    return wholeNumber('GROUP_RANK') ?? 0;
  }

  override devicesPerNode(): number | null {
    return wholeNumber('LOCAL_WORLD_SIZE');
  }

  private orWarned<Value>(name: string, value: Value | null, fallback: Value): Value {
    if (value === null)
      warn('ENVIRONMENT_DEFAULT', `torchrun did not set ${name}, so it is taken to be ${String(fallback)}.`);
    return value ?? fallback;
  }
}
