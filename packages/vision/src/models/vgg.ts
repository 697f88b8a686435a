import type { Tensor } from '@lightning-ts/torch';
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
  type UnaryModule,
} from '@lightning-ts/torch/nn';
import { initLayers, kaimingFanOut, normalLinear } from './initLayers.js';
import { type ModelOptions, withWeights } from './weights.js';

export interface VGGOptions {
  /** Default 1000. */
  numClasses?: number;
  /** In the classifier; default 0.5. */
  dropout?: number;
}

/** Output channels of the convolutions; 'M' halves the size. Letters as in the paper's table 1. */
const plans = {
  A: [64, 'M', 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M'],
  B: [64, 64, 'M', 128, 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M'],
  D: [64, 64, 'M', 128, 128, 'M', 256, 256, 256, 'M', 512, 512, 512, 'M', 512, 512, 512, 'M'],
  E: [64, 64, 'M', 128, 128, 'M', 256, 256, 256, 256, 'M', 512, 512, 512, 512, 'M', 512, 512, 512, 512, 'M'],
} as const;

const relu = () => new ReLU({ inplace: true });

function convolutions(plan: readonly (number | 'M')[], normalised: boolean): Sequential {
  const steps: UnaryModule[] = [];
  let inChannels = 3;
  for (const channels of plan) {
    if (channels === 'M') {
      steps.push(new MaxPool2d(2, { stride: 2 }));
      continue;
    }
    steps.push(new Conv2d(inChannels, channels, 3, { padding: 1 }));
    if (normalised) steps.push(new BatchNorm2d(channels));
    steps.push(relu());
    inChannels = channels;
  }
  return new Sequential(...steps);
}

/** Plain deep network of 3 × 3 convolutions (Simonyan and Zisserman 2015): images [batch, 3, h, w] → [batch, numClasses]. */
export class VGG extends Module {
  readonly features: Sequential;
  readonly avgpool = new AdaptiveAvgPool2d(7);
  classifier: Sequential;

  constructor(features: Sequential, { numClasses = 1000, dropout = 0.5 }: VGGOptions = {}) {
    super();
    this.features = features;
    this.classifier = new Sequential(
      new Linear(512 * 7 * 7, 4096),
      relu(),
      new Dropout(dropout),
      new Linear(4096, 4096),
      relu(),
      new Dropout(dropout),
      new Linear(4096, numClasses),
    );
    initLayers(this, { conv: kaimingFanOut, linear: normalLinear(0.01) });
  }

  override forward(input: Tensor): Tensor {
    return this.classifier.forward(this.avgpool.forward(this.features.forward(input)).flatten(1));
  }
}

const vgg =
  (name: string, plan: keyof typeof plans, normalised: boolean) =>
  (options: VGGOptions & ModelOptions = {}): VGG =>
    withWeights(name, options, (rest) => new VGG(convolutions(plans[plan], normalised), rest));

export const vgg11 = vgg('vgg11', 'A', false);
export const vgg11Bn = vgg('vgg11_bn', 'A', true);
export const vgg13 = vgg('vgg13', 'B', false);
export const vgg13Bn = vgg('vgg13_bn', 'B', true);
export const vgg16 = vgg('vgg16', 'D', false);
export const vgg16Bn = vgg('vgg16_bn', 'D', true);
export const vgg19 = vgg('vgg19', 'E', false);
export const vgg19Bn = vgg('vgg19_bn', 'E', true);
