import { BatchNorm2d, type BatchNormOptions, type UnaryModule } from '@lightning-ts/torch/nn';

/** Makes the normalisation that follows a convolution with so many output channels. */
export type NormLayer = (channels: number) => UnaryModule;

/** Batch normalisation with these options. */
export const batchNorm =
  (options: BatchNormOptions = {}): NormLayer =>
  (channels) =>
    new BatchNorm2d(channels, options);
