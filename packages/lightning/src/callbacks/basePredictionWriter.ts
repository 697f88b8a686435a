import { Device, warn } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';
import type { HookResult, Stage } from '../hooks/trainerHooks.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import { OptionReader } from '../optionReader.js';
import { moveToDevice } from '../strategies/moveToDevice.js';
import type { Trainer } from '../trainer/trainer.js';
import { takeBatchIndices } from './batchIndices.js';
import { Callback } from './callback.js';

const cpu = new Device('cpu');

export type WriteInterval = 'batch' | 'epoch' | 'batchAndEpoch';

export interface PredictionWriterOptions {
  /**
   * `'batch'` (default): each batch is written and forgotten; `'epoch'`: all are kept until the end; `'batchAndEpoch'`: both.
   */
  readonly writeInterval?: WriteInterval;
}

/**
 * Stores predictions: extend it with `writeOnBatchEnd`, `writeOnEpochEnd`, or both. `predict` then returns nothing, so that no
 * more than a batch is in memory, unless it is told `returnPredictions: true`.
 *
 * Each process writes its own part; the indices say which samples these are.
 */
export abstract class BasePredictionWriter extends Callback {
  override readonly writesPredictions = true;
  readonly writeInterval: WriteInterval;
  /** By loader, kept only to be written at the end. */
  private predictions: unknown[][] = [];
  private indices: (number[] | null)[][] = [];

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN */
  constructor(options: PredictionWriterOptions = {}) {
    super();
    const reader = new OptionReader<PredictionWriterOptions>('BasePredictionWriter', options);
    this.writeInterval = reader.choice('writeInterval', ['batch', 'epoch', 'batchAndEpoch'], 'batch');
    reader.done();
  }

  /**
   * Stores what `predictStep` returned for one batch.
   *
   * @param batchIndices the samples' places in the dataset, for this process; null, with a warning, when the loader does not tell
   */
  writeOnBatchEnd?(
    trainer: Trainer,
    module: AnyLightningModule,
    prediction: unknown,
    batchIndices: readonly number[] | null,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): HookResult;

  /**
   * Stores all predictions.
   *
   * @param predictions one for each batch, on the CPU; with several loaders a list of them for each
   * @param batchIndices the indices of each batch, a list for each loader
   */
  writeOnEpochEnd?(
    trainer: Trainer,
    module: AnyLightningModule,
    predictions: readonly unknown[],
    batchIndices: readonly (readonly (readonly number[] | null)[])[],
  ): HookResult;

  override setup(_trainer: Trainer, _module: AnyLightningModule, stage: Stage): void {
    if (stage !== 'predict') return;
    for (const [isNeeded, name] of [
      [this.writesBatches, 'writeOnBatchEnd'],
      [this.writesEpoch, 'writeOnEpochEnd'],
    ] as const) {
      if (!isNeeded || typeof this[name] === 'function') continue;
      throw new LightningError(
        'OPTION_CONFLICT',
        `${this.constructor.name}: writeInterval is '${this.writeInterval}', but there is no ${name}. Write it, or choose another writeInterval.`,
      );
    }
  }

  override onPredictStart(): void {
    this.forget();
  }

  override onPredictBatchEnd(
    trainer: Trainer,
    module: AnyLightningModule,
    outputs: unknown,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): HookResult {
    const indices = takeBatchIndices(trainer.evaluation?.cursors[dataloaderIdx]?.loader, batchIdx);
    if (indices === null) {
      warn(
        'PREDICTION_INDICES',
        `${this.constructor.name} is not told which samples a batch has: that is known of a DataLoader over numbered samples only, ` +
          "with inOrder and without onBadSample: 'skip'. batchIndices is null.",
      );
    }
    if (this.writesEpoch) {
      const loaders = trainer.evaluation!.cursors.length;
      while (this.predictions.length < loaders) {
        this.predictions.push([]);
        this.indices.push([]);
      }
      this.predictions[dataloaderIdx]!.push(moveToDevice(outputs, cpu));
      this.indices[dataloaderIdx]!.push(indices);
    }
    if (!this.writesBatches) return undefined;
    return this.writeOnBatchEnd!(trainer, module, outputs, indices, batch, batchIdx, dataloaderIdx);
  }

  override async onPredictEpochEnd(trainer: Trainer, module: AnyLightningModule): Promise<void> {
    if (!this.writesEpoch) return;
    const { indices, predictions } = this;
    this.forget();
    await this.writeOnEpochEnd!(trainer, module, predictions.length === 1 ? predictions[0]! : predictions, indices);
  }

  override teardown(): void {
    // A run that failed leaves what it kept.
    this.forget();
  }

  private get writesBatches(): boolean {
    return this.writeInterval !== 'epoch';
  }

  private get writesEpoch(): boolean {
    return this.writeInterval !== 'batch';
  }

  private forget(): void {
    this.predictions = [];
    this.indices = [];
  }
}
