import { LightningError } from '../errors.js';
import { neededNumber, variable, wholeNumber } from './environments/environmentVariables.js';

/** The port that is taken where nobody named one. */
export const defaultPort = 12_910;

/**
 * What started this process, and what it says of the job: how many processes there are, which one this is, and where they
 * meet. Give one to `plugins` to choose it; those that can tell are found by themselves.
 *
 * Without overrides everything is read from RANK, WORLD_SIZE, LOCAL_RANK, NODE_RANK (or GROUP_RANK), MASTER_ADDR and
 * MASTER_PORT. Ranks count from 0.
 */
export abstract class ClusterEnvironment {
  abstract readonly name: string;
  /** The signal by which the system says that the job's time is over; null when it does not. */
  readonly requeueSignal: NodeJS.Signals | null = null;

  /** Has the system start the job again, which then goes on from the checkpoint of the first. */
  async requeue(): Promise<void> {}

  /** Whether the system starts every process of the job. Otherwise the first one on each machine starts the others there. */
  get createsProcessesExternally(): boolean {
    return true;
  }

  /** The machine of rank 0, as the others reach it. */
  get mainAddress(): string {
    return variable('MASTER_ADDR') ?? '127.0.0.1';
  }

  /** The port there; 0: any free one, which rank 0 tells the processes that it starts. */
  get mainPort(): number {
    return wholeNumber('MASTER_PORT') ?? defaultPort;
  }

  /** Processes of the job. */
  worldSize(): number {
    return wholeNumber('WORLD_SIZE') ?? 1;
  }

  /** Which of them this one is. */
  globalRank(): number {
    return this.worldSize() === 1 ? 0 : neededNumber('RANK', 'which process of the job this is, from 0');
  }

  /** Which of those on this machine. */
  localRank(): number {
    return wholeNumber('LOCAL_RANK') ?? 0;
  }

  /** Which machine. */
  nodeRank(): number {
    return wholeNumber('NODE_RANK') ?? wholeNumber('GROUP_RANK') ?? 0;
  }

  /** Processes on a machine, where the system says it: what `devices: 'auto'` means then. */
  devicesPerNode(): number | null {
    return null;
  }

  /**
   * Compares the Trainer's options with what was started.
   *
   * @throws LightningError OPTION_CONFLICT
   */
  validateSettings(numDevices: number, numNodes: number): void {
    const worldSize = this.worldSize();
    if (!this.createsProcessesExternally || numDevices * numNodes === worldSize) return;
    throw new LightningError(
      'OPTION_CONFLICT',
      `devices ${numDevices} and numNodes ${numNodes} make ${numDevices * numNodes} processes, but ${this.name} has started ` +
        `${worldSize}. Make their product the same, or leave devices out.`,
    );
  }

  /** The run is over. */
  teardown(): void {}
}
