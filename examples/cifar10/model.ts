import { LightningModule } from '@lightning-ts/lightning';
import { Accuracy } from '@lightning-ts/metrics';
import type { Tensor } from '@lightning-ts/torch';
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Dropout2d,
  Flatten,
  init,
  Linear,
  MaxPool2d,
  ReLU,
  Sequential,
} from '@lightning-ts/torch/nn';
import * as F from '@lightning-ts/torch/nn/functional';
import { Adam, CosineAnnealingLR } from '@lightning-ts/torch/optim';

/** Images [batch, 3, 32, 32] and labels [batch]. */
export type ImageBatch = [images: Tensor, labels: Tensor];

export interface LightningCNNOptions {
  /** Default 10. */
  numClasses?: number;
  /** Default 1e-3. */
  learningRate?: number;
  /** Default 0.3. */
  dropoutRate?: number;
}

/** Convnet for CIFAR-10. */
export class LightningCNN extends LightningModule<ImageBatch, Required<LightningCNNOptions>> {
  features: Sequential;
  classifier: Sequential;

  // Metrics for tracking
  trainAccuracy: Accuracy;
  valAccuracy: Accuracy;
  testAccuracy: Accuracy;

  constructor({ numClasses = 10, learningRate = 1e-3, dropoutRate = 0.3 }: LightningCNNOptions = {}) {
    super();

    // Save hyperparameters for automatic logging
    this.saveHyperparameters({ numClasses, learningRate, dropoutRate });

    this.features = new Sequential(
      ...convBlock(3, 32), // [batch, 32, 16, 16]
      ...convBlock(32, 64), // [batch, 64, 8, 8]
      ...convBlock(64, 128), // [batch, 128, 4, 4]
    );

    // Classifier head
    this.classifier = new Sequential(
      new AdaptiveAvgPool2d([1, 1]),
      new Flatten(),
      new Linear(128, 256),
      new ReLU({ inplace: true }),
      new Dropout(dropoutRate),
      new Linear(256, numClasses),
    );

    this.initializeWeights();

    this.trainAccuracy = new Accuracy({ task: 'multiclass', numClasses });
    this.valAccuracy = new Accuracy({ task: 'multiclass', numClasses });
    this.testAccuracy = new Accuracy({ task: 'multiclass', numClasses });
  }

  /** Initialize network weights. */
  private initializeWeights(): void {
    for (const m of this.modules()) {
      if (m instanceof Conv2d) {
        init.kaimingNormal_(m.weight, { mode: 'fan_out', nonlinearity: 'relu' });
        if (m.bias !== null) init.constant_(m.bias, 0);
      } else if (m instanceof BatchNorm2d) {
        init.constant_(m.weight!, 1);
        init.constant_(m.bias!, 0);
      } else if (m instanceof Linear) {
        init.normal_(m.weight, 0, 0.01);
        init.constant_(m.bias!, 0);
      }
    }
  }

  /** Logits [batch, numClasses]. */
  override forward(x: Tensor): Tensor {
    return this.classifier.forward(this.features.forward(x));
  }

  override trainingStep([x, y]: ImageBatch): Tensor {
    const logits = this.forward(x);
    const loss = F.crossEntropy(logits, y);

    // Log metrics
    this.trainAccuracy.forward(logits.argmax(1), y);
    this.log('train_loss', loss, { onStep: true, onEpoch: true, progBar: true });
    this.log('train_acc', this.trainAccuracy, { onStep: true, onEpoch: true, progBar: true });
    return loss;
  }

  override validationStep([x, y]: ImageBatch): Tensor {
    const logits = this.forward(x);
    const loss = F.crossEntropy(logits, y);

    this.valAccuracy.forward(logits.argmax(1), y);
    this.log('val_loss', loss, { onStep: false, onEpoch: true, progBar: true });
    this.log('val_acc', this.valAccuracy, { onStep: false, onEpoch: true, progBar: true });
    return loss;
  }

  override testStep([x, y]: ImageBatch) {
    const logits = this.forward(x);
    const loss = F.crossEntropy(logits, y);
    const preds = logits.argmax(1);

    this.testAccuracy.forward(preds, y);
    this.log('test_loss', loss, { onStep: false, onEpoch: true });
    this.log('test_acc', this.testAccuracy, { onStep: false, onEpoch: true });
    return { test_loss: loss, preds, targets: y };
  }

  override configureOptimizers() {
    const optimizer = new Adam(this.parameters(), { lr: this.hparams.learningRate, weightDecay: 1e-4 });
    const scheduler = new CosineAnnealingLR(optimizer, { tMax: 100, etaMin: 1e-6 });
    return { optimizer, lrScheduler: { scheduler, monitor: 'val_loss', interval: 'epoch' as const, frequency: 1 } };
  }
}

/** [batch, inChannels, h, w] → [batch, outChannels, h / 2, w / 2] */
const convBlock = (inChannels: number, outChannels: number) => [
  new Conv2d(inChannels, outChannels, 3, { padding: 1 }),
  new BatchNorm2d(outChannels),
  new ReLU({ inplace: true }),
  new Conv2d(outChannels, outChannels, 3, { padding: 1 }),
  new BatchNorm2d(outChannels),
  new ReLU({ inplace: true }),
  new MaxPool2d(2, { stride: 2 }),
  new Dropout2d(0.25),
];
