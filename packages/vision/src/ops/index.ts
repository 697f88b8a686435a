export { Conv2dNormActivation } from '../models/layers/convNormActivation.js';
export { SqueezeExcitation } from '../models/layers/squeezeExcitation.js';
export { StochasticDepth, type StochasticDepthMode } from '../models/layers/stochasticDepth.js';
export {
  type BoxFormat,
  boxArea,
  boxConvert,
  boxIou,
  clipBoxesToImage,
  generalizedBoxIou,
  removeSmallBoxes,
} from './boxes.js';
export { FrozenBatchNorm2d } from './frozenBatchNorm2d.js';
export { batchedNms, nms } from './nms.js';
export { RoIAlign, RoIPool, type RoiAlignOptions, type RoiOptions, roiAlign, roiPool } from './roi.js';
export { type FocalLossOptions, sigmoidFocalLoss } from './sigmoidFocalLoss.js';
