export type { AugmentationOptions } from './augmentations.js';
export {
  AugMix,
  type AugMixOptions,
  AutoAugment,
  RandAugment,
  type RandAugmentOptions,
  type TrivialAugmentOptions,
  TrivialAugmentWide,
} from './autoAugment.js';
export type { AutoAugmentPolicy } from './autoAugmentPolicies.js';
export { ColorJitter, type ColorJitterOptions } from './colorJitter.js';
export { Compose } from './compose.js';
export { ConvertImageDtype } from './convertImageDtype.js';
export { CenterCrop, FiveCrop, TenCrop } from './crops.js';
export { ElasticTransform, type ElasticTransformOptions } from './elasticTransform.js';
export * as functional from './functional/index.js';
export type { Interpolation, ResizeOptions } from './functional/resize.js';
export type { Fill, RotateOptions, WarpInterpolation, WarpOptions } from './functional/warp.js';
export { GaussianBlur } from './gaussianBlur.js';
export { Grayscale, RandomGrayscale } from './grayscale.js';
export { Lambda } from './lambda.js';
export { CutMix, type MixOptions, MixUp } from './mixUp.js';
export { Normalize } from './normalize.js';
export type { PaddingMode } from './pad.js';
export { Pad } from './padImage.js';
export { RandomApply, RandomChoice, RandomOrder } from './randomChoice.js';
export {
  RandomAdjustSharpness,
  RandomAutocontrast,
  RandomEqualize,
  RandomInvert,
  RandomPosterize,
  RandomSolarize,
} from './randomColor.js';
export { RandomCrop, type RandomCropOptions } from './randomCrop.js';
export { RandomErasing, type RandomErasingOptions } from './randomErasing.js';
export { RandomHorizontalFlip } from './randomHorizontalFlip.js';
export { RandomResizedCrop, type RandomResizedCropOptions } from './randomResizedCrop.js';
export { RandomVerticalFlip } from './randomVerticalFlip.js';
export { RandomAffine, type RandomAffineOptions, RandomPerspective, RandomRotation } from './randomWarps.js';
export { Resize } from './resize.js';
export { type ChannelPlace, PILToTensor, ToTensor } from './toTensor.js';
export { ImageTransform, type Transform } from './transform.js';
