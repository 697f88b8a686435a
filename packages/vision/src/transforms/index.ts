export { Compose } from './compose.js';
export { ConvertImageDtype } from './convertImageDtype.js';
export { Lambda } from './lambda.js';
export { Normalize } from './normalize.js';
export type { PaddingMode } from './pad.js';
export { RandomCrop, type RandomCropOptions } from './randomCrop.js';
export { RandomHorizontalFlip } from './randomHorizontalFlip.js';
export { ToTensor } from './toTensor.js';
export { ImageTransform, type Transform } from './transform.js';
