import { Conv2d, ReLU, Sequential, type UnaryModule } from '@lightning-ts/torch/nn';
import { batchNorm, type NormLayer } from './normLayer.js';

export interface ConvNormActivationOptions {
  /** Height and width of the kernel; default 3. */
  kernelSize?: number;
  /** Default 1. */
  stride?: number;
  /** Default: what keeps the size at stride 1. */
  padding?: number;
  /** Default 1. */
  groups?: number;
  /** Default 1. */
  dilation?: number;
  /** Makes the normalisation for a number of channels, or null for none; default BatchNorm2d. */
  norm?: NormLayer | null;
  /** Makes the activation, or null for none; default an in-place ReLU. */
  activation?: (() => UnaryModule) | null;
  /** Default: only without a normalisation. */
  bias?: boolean;
}

/** Convolution, normalisation and activation in a row: [batch, inChannels, h, w] → [batch, outChannels, h′, w′]. */
export class Conv2dNormActivation extends Sequential {
  constructor(
    inChannels: number,
    readonly outChannels: number,
    options: ConvNormActivationOptions = {},
  ) {
    const { kernelSize = 3, stride = 1, groups = 1, dilation = 1, norm = batchNorm() } = options;
    const { activation = () => new ReLU({ inplace: true }), bias = norm === null } = options;
    const padding = options.padding ?? Math.floor((kernelSize - 1) / 2) * dilation;
    const steps: UnaryModule[] = [
      new Conv2d(inChannels, outChannels, kernelSize, { stride, padding, dilation, groups, bias }),
    ];
    if (norm !== null) steps.push(norm(outChannels));
    if (activation !== null) steps.push(activation());
    super(...steps);
  }
}
