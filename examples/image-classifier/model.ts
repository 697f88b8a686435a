import { LightningModule } from '@lightning-ts/lightning';
import { Accuracy } from '@lightning-ts/metrics';
import type { Tensor } from '@lightning-ts/torch';
import { CrossEntropyLoss, Linear } from '@lightning-ts/torch/nn';
import { AdamW, CosineAnnealingLR } from '@lightning-ts/torch/optim';
import { type ResNet, resnet18, resnet34, resnet50 } from '@lightning-ts/vision/models';

const backbones = { resnet18, resnet34, resnet50 };

/** Images [batch, 3, h, w] and labels [batch]. */
export type ImageBatch = [images: Tensor, labels: Tensor];

export interface ImageClassifierOptions {
  /** Number of output classes. */
  numClasses: number;
  /** Initial learning rate for the optimizer, default 1e-3. */
  learningRate?: number;
  /** Name of the backbone architecture, default `resnet50`. */
  backbone?: keyof typeof backbones;
  /** Whether to start from published weights, which `downloadWeights` has brought. Default true. */
  pretrained?: boolean;
}

/** Image classification model using Lightning. */
export class ImageClassifier extends LightningModule<ImageBatch, Required<ImageClassifierOptions>> {
  model: ResNet;
  lossFn = new CrossEntropyLoss();

  // Metrics - one instance per phase to avoid cross-contamination
  trainAcc: Accuracy;
  valAcc: Accuracy;
  testAcc: Accuracy;

  constructor({ numClasses, learningRate = 1e-3, backbone = 'resnet50', pretrained = true }: ImageClassifierOptions) {
    super();
    this.saveHyperparameters({ numClasses, learningRate, backbone, pretrained });

    this.model = this.buildBackbone();
    this.trainAcc = new Accuracy({ task: 'multiclass', numClasses });
    this.valAcc = new Accuracy({ task: 'multiclass', numClasses });
    this.testAcc = new Accuracy({ task: 'multiclass', numClasses });
  }

  /** Build the backbone network. */
  private buildBackbone(): ResNet {
    const { backbone, numClasses, pretrained } = this.hparams;
    const model = backbones[backbone](pretrained ? { weights: 'DEFAULT' } : {});
    model.fc = new Linear(model.fc.inFeatures, numClasses);
    return model;
  }

  /** Forward pass - only used for inference. Logits [batch, numClasses]. */
  override forward(x: Tensor): Tensor {
    return this.model.forward(x);
  }

  /** Shared computation for train/val/test steps. */
  private sharedStep([images, labels]: ImageBatch) {
    const logits = this.forward(images);
    const loss = this.lossFn.forward(logits, labels);
    const preds = logits.argmax(1);
    return { loss, preds, labels };
  }

  override trainingStep(batch: ImageBatch): Tensor {
    const { loss, preds, labels } = this.sharedStep(batch);
    this.trainAcc.forward(preds, labels);
    this.log('train/loss', loss, { onStep: true, onEpoch: true, progBar: true });
    this.log('train/acc', this.trainAcc, { onStep: false, onEpoch: true, progBar: true });
    return loss;
  }

  override validationStep(batch: ImageBatch): void {
    const { loss, preds, labels } = this.sharedStep(batch);
    this.valAcc.forward(preds, labels);
    this.log('val/loss', loss, { onStep: false, onEpoch: true, progBar: true });
    this.log('val/acc', this.valAcc, { onStep: false, onEpoch: true, progBar: true });
  }

  override testStep(batch: ImageBatch): void {
    const { loss, preds, labels } = this.sharedStep(batch);
    this.testAcc.forward(preds, labels);
    this.log('test/loss', loss);
    this.log('test/acc', this.testAcc);
  }

  /** Configure optimizer and scheduler. */
  override configureOptimizers() {
    const optimizer = new AdamW(this.parameters(), { lr: this.hparams.learningRate, weightDecay: 1e-2 });
    const scheduler = new CosineAnnealingLR(optimizer, { tMax: this.trainer.maxEpochs ?? 1, etaMin: 1e-6 });
    return { optimizer, lrScheduler: { scheduler, interval: 'epoch' as const, monitor: 'val/loss' } };
  }
}
