import { launchedBy } from '../../launchers/launchVariables.js';
import type { ClusterEnvironment } from '../clusterEnvironment.js';
import { SLURMEnvironment } from '../slurmEnvironment.js';
import { LightningEnvironment } from './lightningEnvironment.js';
import { LSFEnvironment } from './lsfEnvironment.js';
import { MPIEnvironment } from './mpiEnvironment.js';
import { TorchElasticEnvironment } from './torchElasticEnvironment.js';
import { VariablesEnvironment } from './variablesEnvironment.js';

/** What started this process: torchrun, SLURM, LSF, MPI, somebody who sets the variables, else nobody but the user. */
export function detectEnvironment(): ClusterEnvironment {
  // A process that our launcher started inherits the variables of whatever started the first one.
  if (launchedBy() !== null) return new LightningEnvironment();
  const found = [TorchElasticEnvironment, SLURMEnvironment, LSFEnvironment, MPIEnvironment, VariablesEnvironment].find(
    (kind) => kind.detect(),
  );
  return found === undefined ? new LightningEnvironment() : new found();
}
