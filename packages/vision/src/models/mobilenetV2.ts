import type { Tensor } from '@lightning-ts/torch';
import { Conv2d, Dropout, Linear, Module, ReLU6, Sequential, type UnaryModule } from '@lightning-ts/torch/nn';
import * as F from '@lightning-ts/torch/nn/functional';
import { VisionError } from '../errors.js';
import { initLayers, kaimingFanOut, normalLinear } from './initLayers.js';
import { Conv2dNormActivation } from './layers/convNormActivation.js';
import { makeDivisible } from './layers/makeDivisible.js';
import { batchNorm, type NormLayer } from './layers/normLayer.js';
import { type ModelOptions, withWeights } from './weights.js';

const activation = () => new ReLU6({ inplace: true });

/** Widens, filters each channel by itself, narrows again; with a way around when the shape stays. */
class InvertedResidual extends Module {
  readonly conv: Sequential;
  private readonly isResidual: boolean;

  constructor(inChannels: number, outChannels: number, stride: number, expandRatio: number, norm: NormLayer) {
    super();
    const hidden = Math.round(inChannels * expandRatio);
    this.isResidual = stride === 1 && inChannels === outChannels;
    const steps: UnaryModule[] = [];
    if (expandRatio !== 1)
      steps.push(new Conv2dNormActivation(inChannels, hidden, { kernelSize: 1, norm, activation }));
    steps.push(
      new Conv2dNormActivation(hidden, hidden, { stride, groups: hidden, norm, activation }),
      new Conv2d(hidden, outChannels, 1, { bias: false }),
      norm(outChannels),
    );
    this.conv = new Sequential(...steps);
  }

  override forward(input: Tensor): Tensor {
    const output = this.conv.forward(input);
    return this.isResidual ? input.add(output) : output;
  }
}

/** A stage: how much its blocks widen, its channels, how many blocks, and the stride of the first. */
export type InvertedResidualStage = readonly [expandRatio: number, channels: number, blocks: number, stride: number];

export interface MobileNetV2Options {
  /** Default 1000. */
  numClasses?: number;
  /** Multiplies the channels of every layer; default 1. */
  widthMult?: number;
  /** Default the paper's table 2. */
  invertedResidualSetting?: readonly InvertedResidualStage[];
  /** Channels are multiples of this; default 8. */
  roundNearest?: number;
  /** Default BatchNorm2d. */
  normLayer?: NormLayer;
  /** In the classifier; default 0.2. */
  dropout?: number;
}

const standardStages: readonly InvertedResidualStage[] = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];

/** MobileNet version 2 (Sandler et al. 2018): images [batch, 3, h, w] → logits [batch, numClasses]. */
export class MobileNetV2 extends Module {
  readonly lastChannel: number;
  readonly features: Sequential;
  classifier: Sequential;

  constructor(options: MobileNetV2Options = {}) {
    super();
    const { numClasses = 1000, widthMult = 1, roundNearest = 8, dropout = 0.2 } = options;
    const { invertedResidualSetting: stages = standardStages, normLayer: norm = batchNorm() } = options;
    if (stages.length === 0 || stages.some((stage) => stage.length !== 4)) {
      throw new VisionError(
        'OPTION_INVALID',
        `invertedResidualSetting takes [expandRatio, channels, blocks, stride] for one stage or more, and got ${JSON.stringify(stages)}`,
      );
    }
    let inChannels = makeDivisible(32 * widthMult, roundNearest);
    this.lastChannel = makeDivisible(1280 * Math.max(1, widthMult), roundNearest);
    const steps: UnaryModule[] = [new Conv2dNormActivation(3, inChannels, { stride: 2, norm, activation })];
    for (const [expandRatio, channels, blocks, firstStride] of stages) {
      const outChannels = makeDivisible(channels * widthMult, roundNearest);
      for (let i = 0; i < blocks; i++) {
        steps.push(new InvertedResidual(inChannels, outChannels, i === 0 ? firstStride : 1, expandRatio, norm));
        inChannels = outChannels;
      }
    }
    steps.push(new Conv2dNormActivation(inChannels, this.lastChannel, { kernelSize: 1, norm, activation }));
    this.features = new Sequential(...steps);
    this.classifier = new Sequential(new Dropout(dropout), new Linear(this.lastChannel, numClasses));
    initLayers(this, { conv: kaimingFanOut, linear: normalLinear(0.01) });
  }

  override forward(input: Tensor): Tensor {
    const features = F.adaptiveAvgPool2d(this.features.forward(input), [1, 1]);
    return this.classifier.forward(features.flatten(1));
  }
}

export const mobilenetV2 = (options: MobileNetV2Options & ModelOptions = {}): MobileNetV2 =>
  withWeights('mobilenet_v2', options, (rest) => new MobileNetV2(rest));
