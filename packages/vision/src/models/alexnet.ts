import type { Tensor } from '@lightning-ts/torch';
import {
  AdaptiveAvgPool2d,
  Conv2d,
  Dropout,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
} from '@lightning-ts/torch/nn';
import { type ModelOptions, withWeights } from './weights.js';

export interface AlexNetOptions {
  /** Default 1000. */
  numClasses?: number;
  /** In the classifier; default 0.5. */
  dropout?: number;
}

const relu = () => new ReLU({ inplace: true });

/** AlexNet in its one-tower form (Krizhevsky 2014): images [batch, 3, h, w], 63 pixels or more → [batch, numClasses]. */
export class AlexNet extends Module {
  readonly features: Sequential;
  readonly avgpool = new AdaptiveAvgPool2d(6);
  classifier: Sequential;

  constructor({ numClasses = 1000, dropout = 0.5 }: AlexNetOptions = {}) {
    super();
    this.features = new Sequential(
      new Conv2d(3, 64, 11, { stride: 4, padding: 2 }),
      relu(),
      new MaxPool2d(3, { stride: 2 }),
      new Conv2d(64, 192, 5, { padding: 2 }),
      relu(),
      new MaxPool2d(3, { stride: 2 }),
      new Conv2d(192, 384, 3, { padding: 1 }),
      relu(),
      new Conv2d(384, 256, 3, { padding: 1 }),
      relu(),
      new Conv2d(256, 256, 3, { padding: 1 }),
      relu(),
      new MaxPool2d(3, { stride: 2 }),
    );
    this.classifier = new Sequential(
      new Dropout(dropout),
      new Linear(256 * 6 * 6, 4096),
      relu(),
      new Dropout(dropout),
      new Linear(4096, 4096),
      relu(),
      new Linear(4096, numClasses),
    );
  }

  override forward(input: Tensor): Tensor {
    return this.classifier.forward(this.avgpool.forward(this.features.forward(input)).flatten(1));
  }
}

export const alexnet = (options: AlexNetOptions & ModelOptions = {}): AlexNet =>
  withWeights('alexnet', options, (rest) => new AlexNet(rest));
