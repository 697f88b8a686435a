export {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  batchNorm,
  bilinear,
  celu,
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  cosineSimilarity,
  elu,
  gelu,
  glu,
  groupNorm,
  hardsigmoid,
  hardswish,
  hardtanh,
  layerNorm,
  leakyRelu,
  linear,
  logSigmoid,
  maxPool1d,
  maxPool1dWithIndices,
  maxPool2d,
  maxPool2dWithIndices,
  maxPool3d,
  maxPool3dWithIndices,
  mish,
  oneHot,
  pad,
  pairwiseDistance,
  pdist,
  pixelShuffle,
  pixelUnshuffle,
  prelu,
  relu,
  relu6,
  selu,
  sigmoid,
  silu,
  softplus,
  tanh,
} from '../../functions.js';
export * from './activation.js';
export * from './attention.js';
export * from './distributionLoss.js';
export * from './dropout.js';
export {
  type BagMode,
  type EmbeddingBagLookupOptions,
  type EmbeddingLookupOptions,
  embedding,
  embeddingBag,
} from './embedding.js';
export * from './fold.js';
export * from './gridSample.js';
export * from './interpolate.js';
export * from './loss.js';
export * from './marginLoss.js';
export * from './normalization.js';
export * from './pooling.js';
export * from './shuffle.js';
