/** The system that started this process and may end it. Give one to `plugins` to choose it; SLURM is found by itself. */
export abstract class ClusterEnvironment {
  abstract readonly name: string;
  /** The signal by which the system says that the job's time is over; null when it does not. */
  readonly requeueSignal: NodeJS.Signals | null = null;

  /** Has the system start the job again, which then goes on from the checkpoint of the first. */
  async requeue(): Promise<void> {}
}
