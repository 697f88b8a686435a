export { Parameter } from '../parameter.js';
export type { FullBackwardHook } from './backwardHooks.js';
export { ModuleDict, ModuleList, Sequential, type UnaryModule } from './containers.js';
export type { ForwardHook, ForwardPreHook, HookHandle } from './forwardHooks.js';
export * as init from './init.js';
export { skipInit } from './init.js';
export * from './layers/activation.js';
export * from './layers/adaptivePooling.js';
export * from './layers/adaptiveSoftmax.js';
export { MultiheadAttention, type MultiheadAttentionOptions } from './layers/attention.js';
export { Conv1d, Conv2d, Conv3d, type ConvOptions, type PaddingMode } from './layers/conv.js';
export {
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  type ConvTransposeOptions,
} from './layers/convTranspose.js';
export { CrossMapLRN2d } from './layers/crossMapLRN.js';
export * from './layers/distance.js';
export * from './layers/distributionLoss.js';
export * from './layers/dropout.js';
export { Embedding, EmbeddingBag, type EmbeddingBagOptions, type PretrainedOptions } from './layers/embedding.js';
export * from './layers/flatten.js';
export * from './layers/fold.js';
export * from './layers/fractionalPooling.js';
export {
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  type InstanceNormLayerOptions,
} from './layers/instanceNorm.js';
export * from './layers/layerNorm.js';
export * from './layers/lazy.js';
export * from './layers/lazyNorm.js';
export * from './layers/linear.js';
export * from './layers/loss.js';
export * from './layers/lpPooling.js';
export * from './layers/marginLoss.js';
export { BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormOptions } from './layers/norm.js';
export * from './layers/padding.js';
export * from './layers/pooling.js';
export * from './layers/rectifiers.js';
export * from './layers/recurrent.js';
export * from './layers/recurrentCell.js';
export * from './layers/smoothActivation.js';
export * from './layers/transformer.js';
export * from './layers/transformerLayer.js';
export * from './layers/unpooling.js';
export * from './layers/upsample.js';
export { type LoadResult, Module, type StateDict } from './module.js';
export { ParameterDict, ParameterList } from './parameterContainers.js';
export { stateKeyOf } from './stateKey.js';
export { type CheckpointOptions, checkpoint, checkpointSequential } from './utils/checkpoint.js';
export { clipGradNorm_, clipGradValue_ } from './utils/clipGrad.js';
export { fuseConvBnEval, fuseLinearBnEval } from './utils/fusion.js';
export * from './utils/packedSequence.js';
export { parametersToVector, vectorToParameters } from './utils/parameterVector.js';
export * as parametrizations from './utils/parametrizations.js';
export * as parametrize from './utils/parametrize.js';
export * as prune from './utils/prune.js';
export { removeSpectralNorm, type SpectralNormOptions, spectralNorm } from './utils/spectralNorm.js';
export { removeWeightNorm, weightNorm } from './utils/weightNorm.js';
