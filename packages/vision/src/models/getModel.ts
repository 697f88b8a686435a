import type { Module } from '@lightning-ts/torch/nn';
import { VisionError } from '../errors.js';
import { alexnet } from './alexnet.js';
import { convnextBase, convnextLarge, convnextSmall, convnextTiny } from './convnext.js';
import { densenet121, densenet161, densenet169, densenet201 } from './densenet.js';
import * as efficientnet from './efficientnet.js';
import { mobilenetV2 } from './mobilenetV2.js';
import { mobilenetV3Large, mobilenetV3Small } from './mobilenetV3.js';
import * as resnet from './resnet.js';
import { deeplabv3MobilenetV3Large, deeplabv3Resnet50, deeplabv3Resnet101 } from './segmentation/deeplabv3.js';
import { fcnResnet50, fcnResnet101 } from './segmentation/fcn.js';
import { vgg11, vgg11Bn, vgg13, vgg13Bn, vgg16, vgg16Bn, vgg19, vgg19Bn } from './vgg.js';
import { vitB16, vitB32, vitH14, vitL16, vitL32 } from './visionTransformer.js';
import type { ModelOptions } from './weights.js';

/** Every model under torchvision's name. A new family is added here and in index.ts. */
const models = {
  alexnet,
  convnext_base: convnextBase,
  convnext_large: convnextLarge,
  convnext_small: convnextSmall,
  convnext_tiny: convnextTiny,
  deeplabv3_mobilenet_v3_large: deeplabv3MobilenetV3Large,
  deeplabv3_resnet101: deeplabv3Resnet101,
  deeplabv3_resnet50: deeplabv3Resnet50,
  densenet121,
  densenet161,
  densenet169,
  densenet201,
  efficientnet_b0: efficientnet.efficientnetB0,
  efficientnet_b1: efficientnet.efficientnetB1,
  efficientnet_b2: efficientnet.efficientnetB2,
  efficientnet_b3: efficientnet.efficientnetB3,
  efficientnet_b4: efficientnet.efficientnetB4,
  efficientnet_b5: efficientnet.efficientnetB5,
  efficientnet_b6: efficientnet.efficientnetB6,
  efficientnet_b7: efficientnet.efficientnetB7,
  efficientnet_v2_l: efficientnet.efficientnetV2L,
  efficientnet_v2_m: efficientnet.efficientnetV2M,
  efficientnet_v2_s: efficientnet.efficientnetV2S,
  fcn_resnet101: fcnResnet101,
  fcn_resnet50: fcnResnet50,
  mobilenet_v2: mobilenetV2,
  mobilenet_v3_large: mobilenetV3Large,
  mobilenet_v3_small: mobilenetV3Small,
  resnet101: resnet.resnet101,
  resnet152: resnet.resnet152,
  resnet18: resnet.resnet18,
  resnet34: resnet.resnet34,
  resnet50: resnet.resnet50,
  resnext101_32x8d: resnet.resnext101_32x8d,
  resnext101_64x4d: resnet.resnext101_64x4d,
  resnext50_32x4d: resnet.resnext50_32x4d,
  vgg11,
  vgg11_bn: vgg11Bn,
  vgg13,
  vgg13_bn: vgg13Bn,
  vgg16,
  vgg16_bn: vgg16Bn,
  vgg19,
  vgg19_bn: vgg19Bn,
  vit_b_16: vitB16,
  vit_b_32: vitB32,
  vit_h_14: vitH14,
  vit_l_16: vitL16,
  vit_l_32: vitL32,
  wide_resnet101_2: resnet.wideResnet101_2,
  wide_resnet50_2: resnet.wideResnet50_2,
} as const;

export type ModelName = keyof typeof models;

/** The names that `getModel` takes. */
export const listModels = (): ModelName[] => Object.keys(models) as ModelName[];

/** Builds a model by torchvision's name: `getModel('resnet18', { numClasses: 10 })`. */
export function getModel<Name extends ModelName>(
  name: Name,
  options: NonNullable<Parameters<(typeof models)[Name]>[0]> = {},
): ReturnType<(typeof models)[Name]> {
  if (!Object.hasOwn(models, name)) {
    throw new VisionError('MODEL_UNKNOWN', `there is no model '${name}'; there are ${listModels().join(', ')}`);
  }
  const make = models[name] as unknown as (options: ModelOptions) => Module;
  return make(options) as ReturnType<(typeof models)[Name]>;
}
