import { cat, type Tensor } from '@lightning-ts/torch';
import {
  AvgPool2d,
  BatchNorm2d,
  Conv2d,
  init,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
  type UnaryModule,
} from '@lightning-ts/torch/nn';
import * as F from '@lightning-ts/torch/nn/functional';
import { initLayers } from './initLayers.js';
import { type ModelOptions, withWeights } from './weights.js';

const relu = () => new ReLU({ inplace: true });

/** Makes `growthRate` new channels out of all that came before it in its block. */
class DenseLayer extends Module {
  readonly norm1: BatchNorm2d;
  readonly relu1 = relu();
  readonly conv1: Conv2d;
  readonly norm2: BatchNorm2d;
  readonly relu2 = relu();
  readonly conv2: Conv2d;

  constructor(
    inChannels: number,
    growthRate: number,
    bottleneck: number,
    private readonly dropRate: number,
  ) {
    super();
    this.norm1 = new BatchNorm2d(inChannels);
    this.conv1 = new Conv2d(inChannels, bottleneck * growthRate, 1, { bias: false });
    this.norm2 = new BatchNorm2d(bottleneck * growthRate);
    this.conv2 = new Conv2d(bottleneck * growthRate, growthRate, 3, { padding: 1, bias: false });
  }

  override forward(earlier: readonly Tensor[]): Tensor {
    const joined = cat([...earlier], 1);
    const narrow = this.conv1.forward(this.relu1.forward(this.norm1.forward(joined)));
    const features = this.conv2.forward(this.relu2.forward(this.norm2.forward(narrow)));
    return this.dropRate > 0 ? F.dropout(features, this.dropRate, this.training) : features;
  }
}

class DenseBlock extends Module {
  private readonly layers: DenseLayer[];

  constructor(count: number, inChannels: number, growthRate: number, bottleneck: number, dropRate: number) {
    super();
    this.layers = Array.from(
      { length: count },
      (_, i) => new DenseLayer(inChannels + i * growthRate, growthRate, bottleneck, dropRate),
    );
  }

  protected override entries(): [string, unknown][] {
    return this.layers.map((layer, i) => [`denselayer${i + 1}`, layer]);
  }

  override forward(input: Tensor): Tensor {
    const features = [input];
    for (const layer of this.layers) features.push(layer.forward(features));
    return cat(features, 1);
  }
}

const transition = (inChannels: number, outChannels: number) =>
  new Sequential({
    norm: new BatchNorm2d(inChannels),
    relu: relu(),
    conv: new Conv2d(inChannels, outChannels, 1, { bias: false }),
    pool: new AvgPool2d(2, { stride: 2 }),
  });

export interface DenseNetOptions {
  /** New channels a layer; default 32. */
  growthRate?: number;
  /** Layers in each block; default [6, 12, 24, 16]. */
  blockConfig?: readonly number[];
  /** Channels after the first convolution; default 64. */
  numInitFeatures?: number;
  /** Channels inside a layer, as a multiple of growthRate; default 4. */
  bnSize?: number;
  /** Dropout after each layer; default 0. */
  dropRate?: number;
  /** Default 1000. */
  numClasses?: number;
}

/** Densely connected network (Huang et al. 2017): images [batch, 3, h, w], 29 pixels or more → [batch, numClasses]. */
export class DenseNet extends Module {
  readonly features: Sequential;
  classifier: Linear;

  constructor(options: DenseNetOptions = {}) {
    super();
    const { growthRate = 32, blockConfig = [6, 12, 24, 16], numInitFeatures = 64, bnSize = 4 } = options;
    const { dropRate = 0, numClasses = 1000 } = options;
    const steps: Record<string, UnaryModule> = {
      conv0: new Conv2d(3, numInitFeatures, 7, { stride: 2, padding: 3, bias: false }),
      norm0: new BatchNorm2d(numInitFeatures),
      relu0: relu(),
      pool0: new MaxPool2d(3, { stride: 2, padding: 1 }),
    };
    let channels = numInitFeatures;
    blockConfig.forEach((count, i) => {
      steps[`denseblock${i + 1}`] = new DenseBlock(count, channels, growthRate, bnSize, dropRate);
      channels += count * growthRate;
      if (i === blockConfig.length - 1) return;
      const halved = Math.floor(channels / 2);
      steps[`transition${i + 1}`] = transition(channels, halved);
      channels = halved;
    });
    steps.norm5 = new BatchNorm2d(channels);
    this.features = new Sequential(steps);
    this.classifier = new Linear(channels, numClasses);
    initLayers(this, {
      conv: (layer) => init.kaimingNormal_(layer.weight),
      linear: (layer) => layer.bias && init.zeros_(layer.bias),
    });
  }

  override forward(input: Tensor): Tensor {
    const features = this.features.forward(input).relu_();
    return this.classifier.forward(F.adaptiveAvgPool2d(features, [1, 1]).flatten(1));
  }
}

const densenet =
  (name: string, growthRate: number, blockConfig: readonly number[], numInitFeatures: number) =>
  (options: DenseNetOptions & ModelOptions = {}): DenseNet =>
    withWeights(name, options, (rest) => new DenseNet({ growthRate, blockConfig, numInitFeatures, ...rest }));

export const densenet121 = densenet('densenet121', 32, [6, 12, 24, 16], 64);
export const densenet161 = densenet('densenet161', 48, [6, 12, 36, 24], 96);
export const densenet169 = densenet('densenet169', 32, [6, 12, 32, 32], 64);
export const densenet201 = densenet('densenet201', 32, [6, 12, 48, 32], 64);
