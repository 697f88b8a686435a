/** How often to validate inside an epoch: after a number of batches, at a part of the epoch, or after some time. */
export type CheckInterval =
  | { readonly batches: number }
  | { readonly fraction: number }
  | { readonly milliseconds: number };

/** Decides after each training batch whether validation is due, and runs it. */
export class ValidationSchedule {
  private lastEnd = performance.now();

  /**
   * @param everyBatches batches between two validations; `Infinity`: only at the last batch
   * @param everyNEpoch validate only in every n-th epoch; null: `everyBatches` counts on across epochs
   * @param milliseconds time between two validations in place of batches, or null
   * @param validate runs one validation
   */
  constructor(
    readonly everyBatches: number,
    readonly everyNEpoch: number | null,
    readonly milliseconds: number | null,
    private readonly validate: () => Promise<void>,
    /** Whether an epoch's last batch is always followed by one. */
    private readonly atEpochEnd = false,
  ) {}

  /** Starts the clock of a schedule by time. */
  start(): void {
    this.lastEnd = performance.now();
  }

  /**
   * Whether validation follows a batch.
   *
   * @param batchesDone batches done over the whole run, this one included
   * @param isStopping whether the run ends with this batch because somebody asked
   */
  isDue(batchIdx: number, isLast: boolean, epoch: number, batchesDone: number, isStopping: boolean): boolean {
    const { everyBatches, everyNEpoch, milliseconds } = this;
    if (everyNEpoch !== null && (epoch + 1) % everyNEpoch !== 0) return false;
    if (isStopping || (isLast && this.atEpochEnd)) return true;
    if (milliseconds !== null) return performance.now() - this.lastEnd >= milliseconds;
    if (everyBatches === Number.POSITIVE_INFINITY) return isLast;
    return (everyNEpoch === null ? batchesDone : batchIdx + 1) % everyBatches === 0;
  }

  async run(): Promise<void> {
    await this.validate();
    this.lastEnd = performance.now();
  }
}
