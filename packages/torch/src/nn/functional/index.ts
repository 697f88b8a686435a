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
  dropout,
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
  maxPool2d,
  maxPool3d,
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
export * from './loss.js';
export * from './marginLoss.js';
export * from './normalization.js';
export * from './pooling.js';
export * from './fold.js';
export * from './gridSample.js';
export * from './interpolate.js';
export {
  type BagMode,
  type EmbeddingBagLookupOptions,
  type EmbeddingLookupOptions,
  embedding,
  embeddingBag,
} from './embedding.js';
