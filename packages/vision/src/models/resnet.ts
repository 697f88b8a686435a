import type { Tensor } from '@lightning-ts/torch';
import {
  AdaptiveAvgPool2d,
  Conv2d,
  init,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
  type UnaryModule,
} from '@lightning-ts/torch/nn';
import { VisionError } from '../errors.js';
import { initLayers, kaimingFanOut } from './initLayers.js';
import { batchNorm, type NormLayer } from './layers/normLayer.js';
import { type ModelOptions, withWeights } from './weights.js';

interface BlockOptions {
  stride: number;
  downsample: Sequential | null;
  groups: number;
  widthPerGroup: number;
  dilation: number;
  norm: NormLayer;
}

const conv3x3 = (inChannels: number, outChannels: number, stride = 1, groups = 1, dilation = 1) =>
  new Conv2d(inChannels, outChannels, 3, { stride, padding: dilation, groups, bias: false, dilation });
const conv1x1 = (inChannels: number, outChannels: number, stride = 1) =>
  new Conv2d(inChannels, outChannels, 1, { stride, bias: false });

/** Two convolutions of 3 × 3 and a way around them. */
export class BasicBlock extends Module {
  static readonly expansion = 1;
  readonly conv1: Conv2d;
  readonly bn1: UnaryModule;
  readonly relu = new ReLU({ inplace: true });
  readonly conv2: Conv2d;
  readonly bn2: UnaryModule;
  readonly downsample: Sequential | null;

  constructor(inChannels: number, channels: number, options: BlockOptions) {
    super();
    const { stride, downsample, groups, widthPerGroup, dilation, norm } = options;
    if (groups !== 1 || widthPerGroup !== 64 || dilation > 1) {
      throw new VisionError(
        'OPTION_INVALID',
        `a ResNet of basic blocks has groups 1, widthPerGroup 64 and no dilation; got ${groups}, ${widthPerGroup} and ${dilation}. Use one of bottlenecks (50 layers and more).`,
      );
    }
    this.conv1 = conv3x3(inChannels, channels, stride);
    this.bn1 = norm(channels);
    this.conv2 = conv3x3(channels, channels);
    this.bn2 = norm(channels);
    this.downsample = downsample;
  }

  override forward(input: Tensor): Tensor {
    const inner = this.relu.forward(this.bn1.forward(this.conv1.forward(input)));
    const output = this.bn2.forward(this.conv2.forward(inner));
    return this.relu.forward(output.add_(this.downsample?.forward(input) ?? input));
  }

  /** The last normalisation of the block. */
  get lastNorm(): UnaryModule {
    return this.bn2;
  }
}

/** 1 × 1, 3 × 3 and 1 × 1 convolutions and a way around them; the stride is in the middle one (version 1.5). */
export class Bottleneck extends Module {
  static readonly expansion = 4;
  readonly conv1: Conv2d;
  readonly bn1: UnaryModule;
  readonly conv2: Conv2d;
  readonly bn2: UnaryModule;
  readonly conv3: Conv2d;
  readonly bn3: UnaryModule;
  readonly relu = new ReLU({ inplace: true });
  readonly downsample: Sequential | null;

  constructor(inChannels: number, channels: number, options: BlockOptions) {
    super();
    const { stride, downsample, groups, widthPerGroup, dilation, norm } = options;
    const width = Math.floor(channels * (widthPerGroup / 64)) * groups;
    this.conv1 = conv1x1(inChannels, width);
    this.bn1 = norm(width);
    this.conv2 = conv3x3(width, width, stride, groups, dilation);
    this.bn2 = norm(width);
    this.conv3 = conv1x1(width, channels * Bottleneck.expansion);
    this.bn3 = norm(channels * Bottleneck.expansion);
    this.downsample = downsample;
  }

  override forward(input: Tensor): Tensor {
    const narrow = this.relu.forward(this.bn1.forward(this.conv1.forward(input)));
    const middle = this.relu.forward(this.bn2.forward(this.conv2.forward(narrow)));
    const output = this.bn3.forward(this.conv3.forward(middle));
    return this.relu.forward(output.add_(this.downsample?.forward(input) ?? input));
  }

  /** The last normalisation of the block. */
  get lastNorm(): UnaryModule {
    return this.bn3;
  }
}

type Block = typeof BasicBlock | typeof Bottleneck;

export interface ResNetOptions {
  /** Default 1000. */
  numClasses?: number;
  /** Starts each block as the identity by a zero scale in its last normalisation (Goyal et al. 2017); default false. */
  zeroInitResidual?: boolean;
  /** Default 1; 32 or 64 in ResNeXt. */
  groups?: number;
  /** Default 64. */
  widthPerGroup?: number;
  /** For the last three stages: keep the size and dilate instead of halving; default none. */
  replaceStrideWithDilation?: readonly [boolean, boolean, boolean];
  /** Default BatchNorm2d. */
  normLayer?: NormLayer;
}

/** Residual network (He et al. 2016): images [batch, 3, h, w] → logits [batch, numClasses]. */
export class ResNet extends Module {
  readonly conv1: Conv2d;
  readonly bn1: UnaryModule;
  readonly relu = new ReLU({ inplace: true });
  readonly maxpool = new MaxPool2d(3, { stride: 2, padding: 1 });
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly layer4: Sequential;
  readonly avgpool = new AdaptiveAvgPool2d(1);
  /** The classifier. Replace it for classes of your own: `model.fc = new Linear(model.fc.inFeatures, 5)`. */
  fc: Linear;

  constructor(block: Block, layers: readonly [number, number, number, number], options: ResNetOptions = {}) {
    super();
    const { numClasses = 1000, zeroInitResidual = false, groups = 1, widthPerGroup = 64 } = options;
    const { replaceStrideWithDilation = [false, false, false], normLayer: norm = batchNorm() } = options;
    this.conv1 = new Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false });
    this.bn1 = norm(64);

    let inChannels = 64;
    let dilation = 1;
    const stage = (channels: number, blocks: number, stride: number, dilate: boolean): Sequential => {
      const firstDilation = dilation;
      if (dilate) dilation *= stride;
      const step = dilate ? 1 : stride;
      const outChannels = channels * block.expansion;
      const downsample =
        step !== 1 || inChannels !== outChannels
          ? new Sequential(conv1x1(inChannels, outChannels, step), norm(outChannels))
          : null;
      const shared = { groups, widthPerGroup, norm };
      const steps = [new block(inChannels, channels, { ...shared, stride: step, downsample, dilation: firstDilation })];
      inChannels = outChannels;
      while (steps.length < blocks) {
        steps.push(new block(inChannels, channels, { ...shared, stride: 1, downsample: null, dilation }));
      }
      return new Sequential(...steps);
    };
    this.layer1 = stage(64, layers[0], 1, false);
    this.layer2 = stage(128, layers[1], 2, replaceStrideWithDilation[0]);
    this.layer3 = stage(256, layers[2], 2, replaceStrideWithDilation[1]);
    this.layer4 = stage(512, layers[3], 2, replaceStrideWithDilation[2]);
    this.fc = new Linear(512 * block.expansion, numClasses);

    initLayers(this, { conv: kaimingFanOut });
    if (zeroInitResidual) {
      for (const module of this.modules()) {
        if (!(module instanceof BasicBlock || module instanceof Bottleneck)) continue;
        const [scale] = module.lastNorm.parameters();
        if (scale !== undefined) init.zeros_(scale);
      }
    }
  }

  override forward(input: Tensor): Tensor {
    const stem = this.maxpool.forward(this.relu.forward(this.bn1.forward(this.conv1.forward(input))));
    const deep = this.layer4.forward(this.layer3.forward(this.layer2.forward(this.layer1.forward(stem))));
    return this.fc.forward(this.avgpool.forward(deep).flatten(1));
  }
}

const resnet =
  (name: string, block: Block, layers: readonly [number, number, number, number], fixed: ResNetOptions = {}) =>
  (options: ResNetOptions & ModelOptions = {}): ResNet =>
    withWeights(name, options, (rest) => new ResNet(block, layers, { ...fixed, ...rest }));

export const resnet18 = resnet('resnet18', BasicBlock, [2, 2, 2, 2]);
export const resnet34 = resnet('resnet34', BasicBlock, [3, 4, 6, 3]);
export const resnet50 = resnet('resnet50', Bottleneck, [3, 4, 6, 3]);
export const resnet101 = resnet('resnet101', Bottleneck, [3, 4, 23, 3]);
export const resnet152 = resnet('resnet152', Bottleneck, [3, 8, 36, 3]);
/** ResNeXt (Xie et al. 2017): 32 groups of 4 channels. */
export const resnext50_32x4d = resnet('resnext50_32x4d', Bottleneck, [3, 4, 6, 3], { groups: 32, widthPerGroup: 4 });
export const resnext101_32x8d = resnet('resnext101_32x8d', Bottleneck, [3, 4, 23, 3], { groups: 32, widthPerGroup: 8 });
export const resnext101_64x4d = resnet('resnext101_64x4d', Bottleneck, [3, 4, 23, 3], { groups: 64, widthPerGroup: 4 });
/** Wide ResNet (Zagoruyko and Komodakis 2016): twice the channels inside the blocks. */
export const wideResnet50_2 = resnet('wide_resnet50_2', Bottleneck, [3, 4, 6, 3], { widthPerGroup: 128 });
export const wideResnet101_2 = resnet('wide_resnet101_2', Bottleneck, [3, 4, 23, 3], { widthPerGroup: 128 });
