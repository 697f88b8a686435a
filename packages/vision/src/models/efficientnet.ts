import type { Tensor } from '@lightning-ts/torch';
import {
  AdaptiveAvgPool2d,
  Dropout,
  init,
  Linear,
  Module,
  Sequential,
  Sigmoid,
  SiLU,
  type UnaryModule,
} from '@lightning-ts/torch/nn';
import { initLayers, kaimingFanOut } from './initLayers.js';
import { Conv2dNormActivation } from './layers/convNormActivation.js';
import { makeDivisible } from './layers/makeDivisible.js';
import { batchNorm, type NormLayer } from './layers/normLayer.js';
import { SqueezeExcitation } from './layers/squeezeExcitation.js';
import { StochasticDepth } from './layers/stochasticDepth.js';
import { type ModelOptions, withWeights } from './weights.js';

/** A stage of blocks: the first one has the stride, the others keep the shape. */
interface Stage {
  /** Fused blocks have one full convolution where the others have a wide one and a filter for each channel. */
  fused: boolean;
  expandRatio: number;
  kernelSize: number;
  stride: number;
  inChannels: number;
  outChannels: number;
  blocks: number;
}

const silu = () => new SiLU({ inplace: true });

class MBConv extends Module {
  readonly block: Sequential;
  readonly stochasticDepth: StochasticDepth;
  private readonly isResidual: boolean;

  constructor(stage: Stage, depthProbability: number, norm: NormLayer) {
    super();
    const { inChannels, outChannels, stride } = stage;
    this.isResidual = stride === 1 && inChannels === outChannels;
    this.block = new Sequential(...(stage.fused ? fusedSteps(stage, norm) : steps(stage, norm)));
    this.stochasticDepth = new StochasticDepth(depthProbability, 'row');
  }

  override forward(input: Tensor): Tensor {
    const output = this.block.forward(input);
    return this.isResidual ? this.stochasticDepth.forward(output).add_(input) : output;
  }
}

function steps({ inChannels, outChannels, expandRatio, kernelSize, stride }: Stage, norm: NormLayer): UnaryModule[] {
  const expanded = makeDivisible(inChannels * expandRatio);
  const widened =
    expanded === inChannels
      ? []
      : [new Conv2dNormActivation(inChannels, expanded, { kernelSize: 1, norm, activation: silu })];
  return [
    ...widened,
    new Conv2dNormActivation(expanded, expanded, { kernelSize, stride, groups: expanded, norm, activation: silu }),
    new SqueezeExcitation(expanded, Math.max(1, Math.floor(inChannels / 4)), silu(), new Sigmoid()),
    new Conv2dNormActivation(expanded, outChannels, { kernelSize: 1, norm, activation: null }),
  ];
}

function fusedSteps(stage: Stage, norm: NormLayer): UnaryModule[] {
  const { inChannels, outChannels, expandRatio, kernelSize, stride } = stage;
  const expanded = makeDivisible(inChannels * expandRatio);
  if (expanded === inChannels)
    return [new Conv2dNormActivation(inChannels, outChannels, { kernelSize, stride, norm, activation: silu })];
  return [
    new Conv2dNormActivation(inChannels, expanded, { kernelSize, stride, norm, activation: silu }),
    new Conv2dNormActivation(expanded, outChannels, { kernelSize: 1, norm, activation: null }),
  ];
}

export interface EfficientNetOptions {
  /** Default 1000. */
  numClasses?: number;
  /** In the classifier; default what the model was published with. */
  dropout?: number;
  /** Chance that the last block is left out in training; the first never is, between them it grows evenly. Default 0.2. */
  stochasticDepthProb?: number;
  /** Default BatchNorm2d. */
  normLayer?: NormLayer;
}

/** EfficientNet, versions 1 and 2 (Tan and Le 2019, 2021): images [batch, 3, h, w] → logits [batch, numClasses]. */
export class EfficientNet extends Module {
  readonly features: Sequential;
  readonly avgpool = new AdaptiveAvgPool2d(1);
  classifier: Sequential;

  constructor(stages: readonly Stage[], lastChannel: number | null, options: EfficientNetOptions = {}) {
    super();
    const { numClasses = 1000, dropout = 0.2, stochasticDepthProb = 0.2, normLayer: norm = batchNorm() } = options;
    const stem = stages[0]!.inChannels;
    const narrow = stages.at(-1)!.outChannels;
    const wide = lastChannel ?? 4 * narrow;
    const total = stages.reduce((sum, { blocks }) => sum + blocks, 0);
    let done = 0;
    this.features = new Sequential(
      new Conv2dNormActivation(3, stem, { stride: 2, norm, activation: silu }),
      ...stages.map((stage) => {
        const blocks = Array.from({ length: stage.blocks }, (_, i) => {
          const shape = i === 0 ? stage : { ...stage, inChannels: stage.outChannels, stride: 1 };
          return new MBConv(shape, (stochasticDepthProb * done++) / total, norm);
        });
        return new Sequential(...blocks);
      }),
      new Conv2dNormActivation(narrow, wide, { kernelSize: 1, norm, activation: silu }),
    );
    this.classifier = new Sequential(new Dropout(dropout, { inplace: true }), new Linear(wide, numClasses));
    initLayers(this, {
      conv: kaimingFanOut,
      linear: (layer) => {
        const range = 1 / Math.sqrt(layer.outFeatures);
        init.uniform_(layer.weight, -range, range);
        if (layer.bias !== null) init.zeros_(layer.bias);
      },
    });
  }

  override forward(input: Tensor): Tensor {
    return this.classifier.forward(this.avgpool.forward(this.features.forward(input)).flatten(1));
  }
}

type Row = readonly [
  expandRatio: number,
  kernelSize: number,
  stride: number,
  inChannels: number,
  outChannels: number,
  blocks: number,
];
const stageOf =
  (fused: boolean) =>
  (row: Row): Stage => {
    const [expandRatio, kernelSize, stride, inChannels, outChannels, blocks] = row;
    return { fused, expandRatio, kernelSize, stride, inChannels, outChannels, blocks };
  };

/** The paper's table 1: the network of width and depth 1. */
const base = [
  [1, 3, 1, 32, 16, 1],
  [6, 3, 2, 16, 24, 2],
  [6, 5, 2, 24, 40, 2],
  [6, 3, 2, 40, 80, 3],
  [6, 5, 1, 80, 112, 3],
  [6, 5, 2, 112, 192, 4],
  [6, 3, 1, 192, 320, 1],
] as const satisfies readonly Row[];

const scaled = (widthMult: number, depthMult: number): Stage[] =>
  base.map(stageOf(false)).map((stage) => ({
    ...stage,
    inChannels: makeDivisible(stage.inChannels * widthMult),
    outChannels: makeDivisible(stage.outChannels * widthMult),
    blocks: Math.ceil(stage.blocks * depthMult),
  }));

const version2 = (fused: readonly Row[], plain: readonly Row[]): Stage[] => [
  ...fused.map(stageOf(true)),
  ...plain.map(stageOf(false)),
];

const efficientnet =
  (name: string, stages: Stage[], lastChannel: number | null, fixed: EfficientNetOptions) =>
  (options: EfficientNetOptions & ModelOptions = {}): EfficientNet =>
    withWeights(name, options, (rest) => new EfficientNet(stages, lastChannel, { ...fixed, ...rest }));

const slowNorm = batchNorm({ eps: 0.001, momentum: 0.01 });
const version2Norm = batchNorm({ eps: 0.001 });

export const efficientnetB0 = efficientnet('efficientnet_b0', scaled(1, 1), null, { dropout: 0.2 });
export const efficientnetB1 = efficientnet('efficientnet_b1', scaled(1, 1.1), null, { dropout: 0.2 });
export const efficientnetB2 = efficientnet('efficientnet_b2', scaled(1.1, 1.2), null, { dropout: 0.3 });
export const efficientnetB3 = efficientnet('efficientnet_b3', scaled(1.2, 1.4), null, { dropout: 0.3 });
export const efficientnetB4 = efficientnet('efficientnet_b4', scaled(1.4, 1.8), null, { dropout: 0.4 });
export const efficientnetB5 = efficientnet('efficientnet_b5', scaled(1.6, 2.2), null, {
  dropout: 0.4,
  normLayer: slowNorm,
});
export const efficientnetB6 = efficientnet('efficientnet_b6', scaled(1.8, 2.6), null, {
  dropout: 0.5,
  normLayer: slowNorm,
});
export const efficientnetB7 = efficientnet('efficientnet_b7', scaled(2, 3.1), null, {
  dropout: 0.5,
  normLayer: slowNorm,
});

export const efficientnetV2S = efficientnet(
  'efficientnet_v2_s',
  version2(
    [
      [1, 3, 1, 24, 24, 2],
      [4, 3, 2, 24, 48, 4],
      [4, 3, 2, 48, 64, 4],
    ],
    [
      [4, 3, 2, 64, 128, 6],
      [6, 3, 1, 128, 160, 9],
      [6, 3, 2, 160, 256, 15],
    ],
  ),
  1280,
  { dropout: 0.2, normLayer: version2Norm },
);
export const efficientnetV2M = efficientnet(
  'efficientnet_v2_m',
  version2(
    [
      [1, 3, 1, 24, 24, 3],
      [4, 3, 2, 24, 48, 5],
      [4, 3, 2, 48, 80, 5],
    ],
    [
      [4, 3, 2, 80, 160, 7],
      [6, 3, 1, 160, 176, 14],
      [6, 3, 2, 176, 304, 18],
      [6, 3, 1, 304, 512, 5],
    ],
  ),
  1280,
  { dropout: 0.3, normLayer: version2Norm },
);
export const efficientnetV2L = efficientnet(
  'efficientnet_v2_l',
  version2(
    [
      [1, 3, 1, 32, 32, 4],
      [4, 3, 2, 32, 64, 7],
      [4, 3, 2, 64, 96, 7],
    ],
    [
      [4, 3, 2, 96, 192, 10],
      [6, 3, 1, 192, 224, 19],
      [6, 3, 2, 224, 384, 25],
      [6, 3, 1, 384, 640, 7],
    ],
  ),
  1280,
  { dropout: 0.4, normLayer: version2Norm },
);
