import { ones, type Tensor } from '@lightning-ts/torch';
import {
  AdaptiveAvgPool2d,
  Conv2d,
  Flatten,
  GELU,
  init,
  LayerNorm,
  Linear,
  Module,
  Parameter,
  Sequential,
  type UnaryModule,
} from '@lightning-ts/torch/nn';
import { initLayers } from './initLayers.js';
import { Conv2dNormActivation } from './layers/convNormActivation.js';
import type { NormLayer } from './layers/normLayer.js';
import { Permute } from './layers/permute.js';
import { StochasticDepth } from './layers/stochasticDepth.js';
import { type ModelOptions, withWeights } from './weights.js';

/** Layer normalisation over the channels of [batch, channels, h, w]. */
class LayerNorm2d extends LayerNorm {
  override forward(input: Tensor): Tensor {
    return super.forward(input.permute([0, 2, 3, 1])).permute([0, 3, 1, 2]);
  }
}

const layerNorm2d: NormLayer = (channels) => new LayerNorm2d(channels, { eps: 1e-6 });

/** A filter of 7 × 7 for each channel, then two linear layers at every pixel, scaled, and a way around. */
class CNBlock extends Module {
  readonly block: Sequential;
  readonly layerScale: Parameter; // [channels, 1, 1]
  readonly stochasticDepth: StochasticDepth;

  constructor(channels: number, layerScale: number, depthProbability: number) {
    super();
    this.block = new Sequential(
      new Conv2d(channels, channels, 7, { padding: 3, groups: channels }),
      new Permute([0, 2, 3, 1]),
      new LayerNorm(channels, { eps: 1e-6 }),
      new Linear(channels, 4 * channels),
      new GELU(),
      new Linear(4 * channels, channels),
      new Permute([0, 3, 1, 2]),
    );
    this.layerScale = new Parameter(ones([channels, 1, 1]).mul(layerScale));
    this.stochasticDepth = new StochasticDepth(depthProbability, 'row');
  }

  override forward(input: Tensor): Tensor {
    const output = this.layerScale.mul(this.block.forward(input));
    return this.stochasticDepth.forward(output).add_(input);
  }
}

export interface ConvNeXtOptions {
  /** Default 1000. */
  numClasses?: number;
  /** Chance that the last block is left out in training; the first never is, between them it grows evenly. */
  stochasticDepthProb?: number;
  /** First value of the scale of each block; default 1e-6. */
  layerScale?: number;
  /** Between the stages; default layer normalisation over the channels. */
  normLayer?: NormLayer;
}

/** ConvNeXt (Liu et al. 2022): images [batch, 3, h, w], 32 pixels or more → logits [batch, numClasses]. */
export class ConvNeXt extends Module {
  readonly features: Sequential;
  readonly avgpool = new AdaptiveAvgPool2d(1);
  classifier: Sequential;

  /** @param stages channels and number of blocks of each stage. */
  constructor(stages: readonly (readonly [channels: number, blocks: number])[], options: ConvNeXtOptions = {}) {
    super();
    const { numClasses = 1000, stochasticDepthProb = 0, layerScale = 1e-6, normLayer: norm = layerNorm2d } = options;
    const total = stages.reduce((sum, [, blocks]) => sum + blocks, 0);
    const stem = { kernelSize: 4, stride: 4, padding: 0, norm, activation: null, bias: true };
    const steps: UnaryModule[] = [new Conv2dNormActivation(3, stages[0]![0], stem)];
    let done = 0;
    stages.forEach(([channels, blocks], i) => {
      const stage: UnaryModule[] = [];
      while (stage.length < blocks)
        stage.push(new CNBlock(channels, layerScale, (stochasticDepthProb * done++) / (total - 1)));
      steps.push(new Sequential(...stage));
      const next = stages[i + 1]?.[0];
      if (next !== undefined) steps.push(new Sequential(norm(channels), new Conv2d(channels, next, 2, { stride: 2 })));
    });
    this.features = new Sequential(...steps);
    const last = stages.at(-1)![0];
    this.classifier = new Sequential(norm(last), new Flatten(1), new Linear(last, numClasses));
    const small = ({ weight, bias }: Conv2d | Linear) => {
      init.truncNormal_(weight, { std: 0.02 });
      if (bias !== null) init.zeros_(bias);
    };
    initLayers(this, { conv: small, linear: small });
  }

  override forward(input: Tensor): Tensor {
    return this.classifier.forward(this.avgpool.forward(this.features.forward(input)));
  }
}

const convnext =
  (name: string, channels: number, deep: number, stochasticDepthProb: number) =>
  (options: ConvNeXtOptions & ModelOptions = {}): ConvNeXt =>
    withWeights(name, options, (rest) => {
      const stages = [3, 3, deep, 3].map((blocks, i) => [channels * 2 ** i, blocks] as const);
      return new ConvNeXt(stages, { stochasticDepthProb, ...rest });
    });

export const convnextTiny = convnext('convnext_tiny', 96, 9, 0.1);
export const convnextSmall = convnext('convnext_small', 96, 27, 0.4);
export const convnextBase = convnext('convnext_base', 128, 27, 0.5);
export const convnextLarge = convnext('convnext_large', 192, 27, 0.5);
