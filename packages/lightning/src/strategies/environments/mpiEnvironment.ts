import { LightningError } from '../../errors.js';
import { ClusterEnvironment, defaultPort } from '../clusterEnvironment.js';
import { variable, wholeNumber } from './environmentVariables.js';

/** By what names Open MPI, MPICH and Intel MPI, and MVAPICH tell a process its place. */
const dialects = [
  ['OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_LOCAL_RANK', 'OMPI_COMM_WORLD_LOCAL_SIZE'],
  ['PMI_SIZE', 'PMI_RANK', 'MPI_LOCALRANKID', 'MPI_LOCALNRANKS'],
  ['MV2_COMM_WORLD_SIZE', 'MV2_COMM_WORLD_RANK', 'MV2_COMM_WORLD_LOCAL_RANK', 'MV2_COMM_WORLD_LOCAL_SIZE'],
] as const;

const dialect = () =>
  dialects.find(([size, rank]) => variable(size) !== null && variable(rank) !== null) ?? dialects[0];

/**
 * Started by `mpirun`. MPI only starts the processes; they meet at MASTER_ADDR and MASTER_PORT, which several machines need
 * (`mpirun -x MASTER_ADDR=… -x MASTER_PORT=…`).
 */
export class MPIEnvironment extends ClusterEnvironment {
  override readonly name = 'mpi';

  static detect(): boolean {
    return (wholeNumber(dialect()[0]) ?? 1) > 1;
  }

  override get mainAddress(): string {
    const address = variable('MASTER_ADDR');
    if (address !== null) return address;
    const local = this.devicesPerNode();
    if (local === null || local === this.worldSize()) return '127.0.0.1';
    throw new LightningError(
      'ENVIRONMENT_INVALID',
      `mpirun has started ${this.worldSize()} processes, ${local} of them here, but MASTER_ADDR is not set. Give the address of the ` +
        'machine of rank 0: mpirun -x MASTER_ADDR=10.0.0.1.',
    );
  }

  override get mainPort(): number {
    return wholeNumber('MASTER_PORT') ?? defaultPort;
  }

  override worldSize(): number {
    return wholeNumber(dialect()[0]) ?? 1;
  }

  override globalRank(): number {
    return wholeNumber(dialect()[1]) ?? 0;
  }

  override localRank(): number {
    return wholeNumber(dialect()[2]) ?? this.globalRank();
  }

  /** Machines have equally many processes. */
  override nodeRank(): number {
    return Math.floor(this.globalRank() / (this.devicesPerNode() ?? this.worldSize()));
  }

  override devicesPerNode(): number | null {
    return wholeNumber(dialect()[3]);
  }
}
