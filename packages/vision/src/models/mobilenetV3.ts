import type { Tensor } from '@lightning-ts/torch';
import {
  AdaptiveAvgPool2d,
  Dropout,
  Hardsigmoid,
  Hardswish,
  Linear,
  Module,
  ReLU,
  Sequential,
  type UnaryModule,
} from '@lightning-ts/torch/nn';
import { initLayers, kaimingFanOut, normalLinear } from './initLayers.js';
import { Conv2dNormActivation } from './layers/convNormActivation.js';
import { makeDivisible } from './layers/makeDivisible.js';
import { batchNorm, type NormLayer } from './layers/normLayer.js';
import { SqueezeExcitation } from './layers/squeezeExcitation.js';
import { type ModelOptions, withWeights } from './weights.js';

/** A row of the paper's tables 1 and 2, with the channels that a width of 1 has. */
type Row = readonly [
  inChannels: number,
  kernelSize: number,
  expandedChannels: number,
  outChannels: number,
  squeezes: boolean,
  activation: 'RE' | 'HS',
  stride: number,
  dilation: number,
];

const hardswish = () => new Hardswish({ inplace: true });
const relu = () => new ReLU({ inplace: true });

/** Widens, filters each channel by itself, weighs the channels, narrows; with a way around when the shape stays. */
class InvertedResidual extends Module {
  readonly block: Sequential;
  private readonly isResidual: boolean;

  constructor(row: Row, widthMult: number, norm: NormLayer) {
    super();
    const [inChannels, expanded, outChannels] = [row[0], row[2], row[3]].map((n) => makeDivisible(n * widthMult)) as [
      number,
      number,
      number,
    ];
    const [, kernelSize, , , squeezes, kind, stride, dilation] = row;
    const activation = kind === 'HS' ? hardswish : relu;
    this.isResidual = stride === 1 && inChannels === outChannels;
    const steps: UnaryModule[] = [];
    if (expanded !== inChannels)
      steps.push(new Conv2dNormActivation(inChannels, expanded, { kernelSize: 1, norm, activation }));
    const filter = { kernelSize, stride: dilation > 1 ? 1 : stride, dilation, groups: expanded, norm, activation };
    steps.push(new Conv2dNormActivation(expanded, expanded, filter));
    if (squeezes) {
      const squeezed = makeDivisible(Math.floor(expanded / 4));
      steps.push(new SqueezeExcitation(expanded, squeezed, new ReLU(), new Hardsigmoid()));
    }
    steps.push(new Conv2dNormActivation(expanded, outChannels, { kernelSize: 1, norm, activation: null }));
    this.block = new Sequential(...steps);
  }

  override forward(input: Tensor): Tensor {
    const output = this.block.forward(input);
    return this.isResidual ? output.add_(input) : output;
  }
}

export interface MobileNetV3Options {
  /** Default 1000. */
  numClasses?: number;
  /** Multiplies the channels of every layer; default 1. */
  widthMult?: number;
  /** Halves the channels of the last layers, as for detection and segmentation; default false. */
  reducedTail?: boolean;
  /** Dilates the last layers instead of halving the size; default false. */
  dilated?: boolean;
  /** Default BatchNorm2d with eps 0.001 and momentum 0.01. */
  normLayer?: NormLayer;
  /** In the classifier; default 0.2. */
  dropout?: number;
}

const rows = {
  large: (tail: number, dilation: number): Row[] => [
    [16, 3, 16, 16, false, 'RE', 1, 1],
    [16, 3, 64, 24, false, 'RE', 2, 1],
    [24, 3, 72, 24, false, 'RE', 1, 1],
    [24, 5, 72, 40, true, 'RE', 2, 1],
    [40, 5, 120, 40, true, 'RE', 1, 1],
    [40, 5, 120, 40, true, 'RE', 1, 1],
    [40, 3, 240, 80, false, 'HS', 2, 1],
    [80, 3, 200, 80, false, 'HS', 1, 1],
    [80, 3, 184, 80, false, 'HS', 1, 1],
    [80, 3, 184, 80, false, 'HS', 1, 1],
    [80, 3, 480, 112, true, 'HS', 1, 1],
    [112, 3, 672, 112, true, 'HS', 1, 1],
    [112, 5, 672, 160 / tail, true, 'HS', 2, dilation],
    [160 / tail, 5, 960 / tail, 160 / tail, true, 'HS', 1, dilation],
    [160 / tail, 5, 960 / tail, 160 / tail, true, 'HS', 1, dilation],
  ],
  small: (tail: number, dilation: number): Row[] => [
    [16, 3, 16, 16, true, 'RE', 2, 1],
    [16, 3, 72, 24, false, 'RE', 2, 1],
    [24, 3, 88, 24, false, 'RE', 1, 1],
    [24, 5, 96, 40, true, 'HS', 2, 1],
    [40, 5, 240, 40, true, 'HS', 1, 1],
    [40, 5, 240, 40, true, 'HS', 1, 1],
    [40, 5, 120, 48, true, 'HS', 1, 1],
    [48, 5, 144, 48, true, 'HS', 1, 1],
    [48, 5, 288, 96 / tail, true, 'HS', 2, dilation],
    [96 / tail, 5, 576 / tail, 96 / tail, true, 'HS', 1, dilation],
    [96 / tail, 5, 576 / tail, 96 / tail, true, 'HS', 1, dilation],
  ],
};
const lastChannels = { large: 1280, small: 1024 };

/** MobileNet version 3 (Howard et al. 2019): images [batch, 3, h, w] → logits [batch, numClasses]. */
export class MobileNetV3 extends Module {
  readonly features: Sequential;
  readonly avgpool = new AdaptiveAvgPool2d(1);
  classifier: Sequential;

  constructor(size: 'large' | 'small', options: MobileNetV3Options = {}) {
    super();
    const { numClasses = 1000, widthMult = 1, reducedTail = false, dilated = false, dropout = 0.2 } = options;
    const norm = options.normLayer ?? batchNorm({ eps: 0.001, momentum: 0.01 });
    const tail = reducedTail ? 2 : 1;
    const table = rows[size](tail, dilated ? 2 : 1);
    const stem = makeDivisible(table[0]![0] * widthMult);
    const narrow = makeDivisible(table.at(-1)![3] * widthMult);
    const last = makeDivisible((lastChannels[size] / tail) * widthMult);
    this.features = new Sequential(
      new Conv2dNormActivation(3, stem, { stride: 2, norm, activation: hardswish }),
      ...table.map((row) => new InvertedResidual(row, widthMult, norm)),
      new Conv2dNormActivation(narrow, 6 * narrow, { kernelSize: 1, norm, activation: hardswish }),
    );
    this.classifier = new Sequential(
      new Linear(6 * narrow, last),
      hardswish(),
      new Dropout(dropout, { inplace: true }),
      new Linear(last, numClasses),
    );
    initLayers(this, { conv: kaimingFanOut, linear: normalLinear(0.01) });
  }

  override forward(input: Tensor): Tensor {
    return this.classifier.forward(this.avgpool.forward(this.features.forward(input)).flatten(1));
  }
}

export const mobilenetV3Large = (options: MobileNetV3Options & ModelOptions = {}): MobileNetV3 =>
  withWeights('mobilenet_v3_large', options, (rest) => new MobileNetV3('large', rest));
export const mobilenetV3Small = (options: MobileNetV3Options & ModelOptions = {}): MobileNetV3 =>
  withWeights('mobilenet_v3_small', options, (rest) => new MobileNetV3('small', rest));
