/** One batch's outputs, as `predictStream` gives them. */
export interface Prediction<Output = unknown> {
  readonly output: Output;
  readonly batchIdx: number;
  readonly dataloaderIdx: number;
}

/** Unwinds a prediction whose reader has left. */
export class ReaderLeft extends Error {}

/**
 * Hands predictions from the loop to whoever reads them, one at a time: the loop goes on when the next one is asked for, so
 * no more than one is ever held.
 */
export class PredictionStream implements AsyncIterableIterator<Prediction> {
  private waiting: Prediction | null = null;
  private resumeLoop: (() => void) | null = null;
  private wakeReader: (() => void) | null = null;
  private running: Promise<void> | null = null;
  private failure: unknown = null;
  private isOver = false;
  private hasLeft = false;

  /** @param run predicts, giving each output to `put`; begun when the first prediction is asked for */
  constructor(private readonly run: (put: (prediction: Prediction) => Promise<void>) => Promise<void>) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Prediction, undefined>> {
    this.running ??= this.begin();
    this.resumeLoop?.();
    this.resumeLoop = null;
    if (this.waiting === null && !this.isOver) {
      await new Promise<void>((resolve) => {
        this.wakeReader = resolve;
      });
    }
    const prediction = this.waiting;
    this.waiting = null;
    if (prediction !== null) return { done: false, value: prediction };
    if (this.failure !== null) {
      const { failure } = this;
      this.failure = null;
      throw failure;
    }
    return { done: true, value: undefined };
  }

  /** The reader leaves: the run ends after the batch in progress. */
  async return(): Promise<IteratorResult<Prediction, undefined>> {
    this.hasLeft = true;
    this.waiting = null;
    this.resumeLoop?.();
    await this.running;
    return { done: true, value: undefined };
  }

  private async begin(): Promise<void> {
    try {
      await this.run((prediction) => this.put(prediction));
    } catch (error) {
      if (!(error instanceof ReaderLeft)) this.failure = error;
    }
    this.isOver = true;
    this.wakeReader?.();
  }

  private async put(prediction: Prediction): Promise<void> {
    this.waiting = prediction;
    this.wakeReader?.();
    this.wakeReader = null;
    await new Promise<void>((resolve) => {
      this.resumeLoop = resolve;
    });
    if (this.hasLeft) throw new ReaderLeft('The reader of predictStream has left.');
  }
}
