/** One set of published weights. */
export interface PublishedWeights {
  /** The file's name holds the first eight digits of its SHA-256. */
  readonly url: string;
  /** What the images were prepared with: shorter side, centre crop, interpolation. */
  readonly resizeSize: number;
  readonly cropSize: number | null;
  readonly interpolation: 'bilinear' | 'bicubic';
  /** Options that the model must be built with for these weights. */
  readonly modelOptions?: Readonly<Record<string, unknown>>;
}

const files = 'https://download.pytorch.org/models/';
const set = (
  file: string,
  cropSize: number | null = 224,
  resizeSize = 256,
  interpolation: PublishedWeights['interpolation'] = 'bilinear',
  modelOptions?: PublishedWeights['modelOptions'],
): PublishedWeights => ({
  url: `${files}${file}.pth`,
  cropSize,
  resizeSize,
  interpolation,
  ...(modelOptions === undefined ? {} : { modelOptions }),
});

/** Weights by torchvision's names of models and weights; the best ones last (`DEFAULT`). */
export const publishedWeights: Readonly<Record<string, Readonly<Record<string, PublishedWeights>>>> = {
  resnet18: {
    IMAGENET1K_V1: set('resnet18-f37072fd'),
  },
  resnet34: {
    IMAGENET1K_V1: set('resnet34-b627a593'),
  },
  resnet50: {
    IMAGENET1K_V1: set('resnet50-0676ba61'),
    IMAGENET1K_V2: set('resnet50-11ad3fa6', 224, 232),
  },
  resnet101: {
    IMAGENET1K_V1: set('resnet101-63fe2227'),
    IMAGENET1K_V2: set('resnet101-cd907fc2', 224, 232),
  },
  resnet152: {
    IMAGENET1K_V1: set('resnet152-394f9c45'),
    IMAGENET1K_V2: set('resnet152-f82ba261', 224, 232),
  },
  resnext50_32x4d: {
    IMAGENET1K_V1: set('resnext50_32x4d-7cdf4587'),
    IMAGENET1K_V2: set('resnext50_32x4d-1a0047aa', 224, 232),
  },
  resnext101_32x8d: {
    IMAGENET1K_V1: set('resnext101_32x8d-8ba56ff5'),
    IMAGENET1K_V2: set('resnext101_32x8d-110c445d', 224, 232),
  },
  resnext101_64x4d: {
    IMAGENET1K_V1: set('resnext101_64x4d-173b62eb', 224, 232),
  },
  wide_resnet50_2: {
    IMAGENET1K_V1: set('wide_resnet50_2-95faca4d'),
    IMAGENET1K_V2: set('wide_resnet50_2-9ba9bcbe', 224, 232),
  },
  wide_resnet101_2: {
    IMAGENET1K_V1: set('wide_resnet101_2-32ee1156'),
    IMAGENET1K_V2: set('wide_resnet101_2-d733dc28', 224, 232),
  },
  alexnet: {
    IMAGENET1K_V1: set('alexnet-owt-7be5be79'),
  },
  vgg11: {
    IMAGENET1K_V1: set('vgg11-8a719046'),
  },
  vgg11_bn: {
    IMAGENET1K_V1: set('vgg11_bn-6002323d'),
  },
  vgg13: {
    IMAGENET1K_V1: set('vgg13-19584684'),
  },
  vgg13_bn: {
    IMAGENET1K_V1: set('vgg13_bn-abd245e5'),
  },
  vgg16: {
    IMAGENET1K_V1: set('vgg16-397923af'),
  },
  vgg16_bn: {
    IMAGENET1K_V1: set('vgg16_bn-6c64b313'),
  },
  vgg19: {
    IMAGENET1K_V1: set('vgg19-dcbb9e9d'),
  },
  vgg19_bn: {
    IMAGENET1K_V1: set('vgg19_bn-c79401a0'),
  },
  densenet121: {
    IMAGENET1K_V1: set('densenet121-a639ec97'),
  },
  densenet161: {
    IMAGENET1K_V1: set('densenet161-8d451a50'),
  },
  densenet169: {
    IMAGENET1K_V1: set('densenet169-b2777c0a'),
  },
  densenet201: {
    IMAGENET1K_V1: set('densenet201-c1103571'),
  },
  mobilenet_v2: {
    IMAGENET1K_V1: set('mobilenet_v2-b0353104'),
    IMAGENET1K_V2: set('mobilenet_v2-7ebf99e0', 224, 232),
  },
  mobilenet_v3_large: {
    IMAGENET1K_V1: set('mobilenet_v3_large-8738ca79'),
    IMAGENET1K_V2: set('mobilenet_v3_large-5c1a4163', 224, 232),
  },
  mobilenet_v3_small: {
    IMAGENET1K_V1: set('mobilenet_v3_small-047dcff4'),
  },
  efficientnet_b0: {
    IMAGENET1K_V1: set('efficientnet_b0_rwightman-3dd342df', 224, 256, 'bicubic'),
  },
  efficientnet_b1: {
    IMAGENET1K_V1: set('efficientnet_b1_rwightman-533bc792', 240, 256, 'bicubic'),
    IMAGENET1K_V2: set('efficientnet_b1-c27df63c', 240, 255),
  },
  efficientnet_b2: {
    IMAGENET1K_V1: set('efficientnet_b2_rwightman-bcdf34b7', 288, 288, 'bicubic'),
  },
  efficientnet_b3: {
    IMAGENET1K_V1: set('efficientnet_b3_rwightman-cf984f9c', 300, 320, 'bicubic'),
  },
  efficientnet_b4: {
    IMAGENET1K_V1: set('efficientnet_b4_rwightman-7eb33cd5', 380, 384, 'bicubic'),
  },
  efficientnet_b5: {
    IMAGENET1K_V1: set('efficientnet_b5_lukemelas-b6417697', 456, 456, 'bicubic'),
  },
  efficientnet_b6: {
    IMAGENET1K_V1: set('efficientnet_b6_lukemelas-c76e70fd', 528, 528, 'bicubic'),
  },
  efficientnet_b7: {
    IMAGENET1K_V1: set('efficientnet_b7_lukemelas-dcc49843', 600, 600, 'bicubic'),
  },
  efficientnet_v2_s: {
    IMAGENET1K_V1: set('efficientnet_v2_s-dd5fe13b', 384, 384),
  },
  efficientnet_v2_m: {
    IMAGENET1K_V1: set('efficientnet_v2_m-dc08266a', 480, 480),
  },
  efficientnet_v2_l: {
    IMAGENET1K_V1: set('efficientnet_v2_l-59c71312', 480, 480, 'bicubic'),
  },
  convnext_tiny: {
    IMAGENET1K_V1: set('convnext_tiny-983f1562', 224, 236),
  },
  convnext_small: {
    IMAGENET1K_V1: set('convnext_small-0c510722', 224, 230),
  },
  convnext_base: {
    IMAGENET1K_V1: set('convnext_base-6075fbad', 224, 232),
  },
  convnext_large: {
    IMAGENET1K_V1: set('convnext_large-ea097f82', 224, 232),
  },
  vit_b_16: {
    IMAGENET1K_SWAG_E2E_V1: set('vit_b_16_swag-9ac1b537', 384, 384, 'bicubic', { imageSize: 384 }),
    IMAGENET1K_SWAG_LINEAR_V1: set('vit_b_16_lc_swag-4e70ced5', 224, 224, 'bicubic'),
    IMAGENET1K_V1: set('vit_b_16-c867db91'),
  },
  vit_b_32: {
    IMAGENET1K_V1: set('vit_b_32-d86f8d99'),
  },
  vit_l_16: {
    IMAGENET1K_SWAG_E2E_V1: set('vit_l_16_swag-4f3808c9', 512, 512, 'bicubic', { imageSize: 512 }),
    IMAGENET1K_SWAG_LINEAR_V1: set('vit_l_16_lc_swag-4d563306', 224, 224, 'bicubic'),
    IMAGENET1K_V1: set('vit_l_16-852ce7e3', 224, 242),
  },
  vit_l_32: {
    IMAGENET1K_V1: set('vit_l_32-c7638314'),
  },
  vit_h_14: {
    IMAGENET1K_SWAG_LINEAR_V1: set('vit_h_14_lc_swag-c1eb923e', 224, 224, 'bicubic'),
    IMAGENET1K_SWAG_E2E_V1: set('vit_h_14_swag-80465313', 518, 518, 'bicubic', { imageSize: 518 }),
  },
  fcn_resnet50: {
    COCO_WITH_VOC_LABELS_V1: set('fcn_resnet50_coco-1167a1af', null, 520, 'bilinear', { auxLoss: true }),
  },
  fcn_resnet101: {
    COCO_WITH_VOC_LABELS_V1: set('fcn_resnet101_coco-7ecb50ca', null, 520, 'bilinear', { auxLoss: true }),
  },
  deeplabv3_resnet50: {
    COCO_WITH_VOC_LABELS_V1: set('deeplabv3_resnet50_coco-cd0a2569', null, 520, 'bilinear', { auxLoss: true }),
  },
  deeplabv3_resnet101: {
    COCO_WITH_VOC_LABELS_V1: set('deeplabv3_resnet101_coco-586e9e4e', null, 520, 'bilinear', { auxLoss: true }),
  },
  deeplabv3_mobilenet_v3_large: {
    COCO_WITH_VOC_LABELS_V1: set('deeplabv3_mobilenet_v3_large-fc3c493d', null, 520, 'bilinear', { auxLoss: true }),
  },
};
