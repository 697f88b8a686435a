import { LightningModule } from '@lightning-ts/lightning';
import { Accuracy } from '@lightning-ts/metrics';
import type { Tensor } from '@lightning-ts/torch';
import {
  BatchNorm2d,
  Conv2d,
  CrossEntropyLoss,
  Dropout,
  Flatten,
  Linear,
  MaxPool2d,
  ReLU,
  Sequential,
} from '@lightning-ts/torch/nn';
import { AdamW, CosineAnnealingLR } from '@lightning-ts/torch/optim';

/** Images [batch, 1, 28, 28] and labels [batch]. */
export type ImageBatch = [images: Tensor, labels: Tensor];

export interface ImageClassifierOptions {
  /** Number of output classes; default 10. */
  numClasses?: number;
  /** Initial learning rate; default 2e-3. */
  learningRate?: number;
}

/** A small convnet for 28 × 28 grey images. */
export class ImageClassifier extends LightningModule<ImageBatch, Required<ImageClassifierOptions>> {
  readonly model: Sequential;
  readonly lossFn = new CrossEntropyLoss();

  // One metric for each phase, so that none sees another's data.
  readonly trainAcc: Accuracy;
  readonly valAcc: Accuracy;
  readonly testAcc: Accuracy;

  constructor({ numClasses = 10, learningRate = 2e-3 }: ImageClassifierOptions = {}) {
    super();
    this.saveHyperparameters({ numClasses, learningRate });

    this.model = new Sequential(
      ...convBlock(1, 16), // [batch, 16, 14, 14]
      ...convBlock(16, 32), // [batch, 32, 7, 7]
      new Flatten(),
      new Linear(32 * 7 * 7, 128),
      new ReLU(),
      new Dropout(0.25),
      new Linear(128, numClasses),
    );
    this.trainAcc = new Accuracy({ task: 'multiclass', numClasses });
    this.valAcc = new Accuracy({ task: 'multiclass', numClasses });
    this.testAcc = new Accuracy({ task: 'multiclass', numClasses });
  }

  /** Logits [batch, numClasses]. */
  override forward(images: Tensor): Tensor {
    return this.model.forward(images);
  }

  private sharedStep([images, labels]: ImageBatch) {
    const logits = this.forward(images);
    const loss = this.lossFn.forward(logits, labels);
    const preds = logits.argmax(1);
    return { loss, preds, labels };
  }

  override trainingStep(batch: ImageBatch): Tensor {
    const { loss, preds, labels } = this.sharedStep(batch);
    this.trainAcc.update(preds, labels);
    this.log('train/loss', loss, { onStep: true, onEpoch: true, progBar: true });
    this.log('train/acc', this.trainAcc, { onStep: false, onEpoch: true, progBar: true });
    return loss;
  }

  override validationStep(batch: ImageBatch): void {
    const { loss, preds, labels } = this.sharedStep(batch);
    this.valAcc.update(preds, labels);
    this.log('val/loss', loss, { progBar: true });
    this.log('val/acc', this.valAcc, { progBar: true });
  }

  override testStep(batch: ImageBatch): void {
    const { loss, preds, labels } = this.sharedStep(batch);
    this.testAcc.update(preds, labels);
    this.log('test/loss', loss);
    this.log('test/acc', this.testAcc);
  }

  override predictStep([images]: ImageBatch): Tensor {
    return this.forward(images).argmax(1);
  }

  override configureOptimizers() {
    const optimizer = new AdamW(this.parameters(), { lr: this.hparams.learningRate, weightDecay: 1e-2 });
    const scheduler = new CosineAnnealingLR(optimizer, { tMax: this.trainer.maxEpochs ?? 1, etaMin: 1e-5 });
    return { optimizer, lrScheduler: { scheduler, interval: 'epoch' as const } };
  }
}

/** [batch, inChannels, h, w] → [batch, outChannels, h / 2, w / 2] */
const convBlock = (inChannels: number, outChannels: number) => [
  new Conv2d(inChannels, outChannels, 3, { padding: 1, bias: false }),
  new BatchNorm2d(outChannels),
  new ReLU(),
  new MaxPool2d(2),
];
