export { type PaddingMode, pad } from '../pad.js';
export * from './color.js';
export { convertImageDtype, normalize, pilToTensor, toTensor } from './convert.js';
export { erase } from './erase.js';
export { adjustSharpness, gaussianBlur } from './filter.js';
export { centerCrop, crop, fiveCrop, hflip, tenCrop, vflip } from './geometry.js';
export { type Interpolation, type ResizeOptions, resize, resizedCrop } from './resize.js';
export {
  type AffineOptions,
  affine,
  elasticTransform,
  type Fill,
  perspective,
  type RotateOptions,
  rotate,
  type WarpInterpolation,
  type WarpOptions,
} from './warp.js';
