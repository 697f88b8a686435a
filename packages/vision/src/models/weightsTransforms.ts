import { Compose } from '../transforms/compose.js';
import { CenterCrop } from '../transforms/crops.js';
import { Normalize } from '../transforms/normalize.js';
import { Resize } from '../transforms/resize.js';
import { ToTensor } from '../transforms/toTensor.js';
import { findWeights } from './weights.js';

const imageNet = [
  [0.485, 0.456, 0.406],
  [0.229, 0.224, 0.225],
] as const;
const halves = [
  [0.5, 0.5, 0.5],
  [0.5, 0.5, 0.5],
] as const;

/**
 * What images uint8 [3, h, w] must go through for published weights: resized, the middle cut out (for classification),
 * turned into floats, normalized. It works on batches of images of one size too.
 *
 * @param model torchvision's name, `'resnet50'`.
 * @param weights `'IMAGENET1K_V2'`; default the best ones.
 * @throws VisionError `WEIGHTS_UNKNOWN`
 */
export function weightsTransforms(model: string, weights = 'DEFAULT'): Compose {
  const { resizeSize, cropSize, interpolation } = findWeights(model, weights);
  const [mean, std] = model === 'efficientnet_v2_l' ? halves : imageNet;
  return new Compose([
    new Resize(resizeSize, { interpolation }),
    ...(cropSize === null ? [] : [new CenterCrop(cropSize)]),
    new ToTensor({ channels: 'first' }),
    new Normalize(mean, std),
  ]);
}
