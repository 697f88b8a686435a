import { type AnyLightningModule, Callback, TensorBoardLogger, type Trainer } from '@lightning-ts/lightning';
import { noGrad, type Tensor } from '@lightning-ts/torch';

export interface ImageLoggingOptions {
  /** Images of each validation, default 8. */
  numSamples?: number;
}

/** Logs the first images of each validation with what the model says about them. */
export class ImageLoggingCallback extends Callback {
  readonly numSamples: number;

  constructor({ numSamples = 8 }: ImageLoggingOptions = {}) {
    super();
    this.numSamples = numSamples;
  }

  /** Log predictions on first batch of each validation epoch. */
  override onValidationBatchEnd(
    trainer: Trainer,
    plModule: AnyLightningModule,
    _outputs: unknown,
    batch: unknown,
    batchIdx: number,
    _dataloaderIdx = 0,
  ): void {
    if (batchIdx !== 0 || trainer.sanityChecking) return;

    let [images, labels] = batch as [Tensor, Tensor];
    images = images.narrow(0, 0, Math.min(this.numSamples, images.size(0)));
    labels = labels.narrow(0, 0, images.size(0));

    const logits = noGrad(() => (plModule as unknown as { forward(x: Tensor): Tensor }).forward(images));
    const preds = logits.argmax(1);

    // Where a logger can show pictures.
    const logger = trainer.loggers.find((candidate) => candidate instanceof TensorBoardLogger);
    if (logger === undefined) return;
    const { globalStep } = trainer;
    const captions = Array.from(
      { length: images.size(0) },
      (_, i) => `pred=${preds.at(i).item()}, true=${labels.at(i).item()}`,
    );
    logger.experiment.addImages('val/predictions', images, globalStep);
    logger.experiment.addText('val/captions', captions.join('\n\n'), globalStep);
  }
}
