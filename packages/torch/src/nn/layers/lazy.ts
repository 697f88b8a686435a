import { empty } from '../../creation.js';
import { TorchError } from '../../errors.js';
import type { Parameter } from '../../parameter.js';
import type { Tensor } from '../../tensor.js';
import type { Module } from '../module.js';
import { Conv1d, Conv2d, Conv3d, type ConvOptions } from './conv.js';
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, type ConvTransposeOptions } from './convTranspose.js';
import { type LazyRules, learnsSize } from './lazyLayer.js';
import { Linear } from './linear.js';

function grow(parameter: Parameter | null, shape: number[]): void {
  if (parameter !== null) parameter.data = empty(shape, { dtype: parameter.dtype, device: parameter.device });
}

/** Reads the number of channels from an input of `spatial` dimensions besides channels and, maybe, a batch. */
function channelsOf(layer: Module & { groups: number; kernelSize: readonly number[] }, input: Tensor): number {
  const { shape } = input;
  const spatial = layer.kernelSize.length;
  if (shape.length !== spatial + 1 && shape.length !== spatial + 2)
    throw new TorchError(
      'SHAPE_MISMATCH',
      `${layer.constructor.name} expects ${spatial + 2} dimensions, or ${spatial + 1} without a batch, got [${shape.join(', ')}]`,
    );
  const channels = shape[shape.length - spatial - 1]!;
  if (channels % layer.groups !== 0)
    throw new TorchError(
      'SHAPE_MISMATCH',
      `the input has ${channels} channels, which groups (${layer.groups}) does not divide`,
    );
  return channels;
}

const linearRules: LazyRules<Linear> = {
  field: 'inFeatures',
  sizeOfInput: (_, input) => input.size(-1),
  sizeInState: (_, read) => {
    const weight = read('weight');
    return weight?.dim() === 2 ? weight.size(1) : undefined;
  },
  grow: (layer, size) => grow(layer.weight, [layer.outFeatures, size]),
  defersReset: true,
};

const convRules: LazyRules<Conv1d | Conv2d | Conv3d> = {
  field: 'inChannels',
  sizeOfInput: channelsOf,
  sizeInState: (layer, read) => {
    const weight = read('weight');
    return weight?.dim() === layer.kernelSize.length + 2 ? weight.size(1) * layer.groups : undefined;
  },
  grow: (layer, size) => grow(layer.weight, [layer.outChannels, size / layer.groups, ...layer.kernelSize]),
  defersReset: true,
};

const convTransposeRules: LazyRules<ConvTranspose1d | ConvTranspose2d | ConvTranspose3d> = {
  field: 'inChannels',
  sizeOfInput: channelsOf,
  sizeInState: (layer, read) => {
    const weight = read('weight');
    return weight?.dim() === layer.kernelSize.length + 2 ? weight.size(0) : undefined;
  },
  grow: (layer, size) => grow(layer.weight, [size, layer.outChannels / layer.groups, ...layer.kernelSize]),
  defersReset: true,
};

/** `Linear` with the input size of the first input. */
export class LazyLinear extends Linear {
  static {
    learnsSize(LazyLinear, Linear, linearRules);
  }
  constructor(outFeatures: number, options: { bias?: boolean } = {}) {
    super(0, outFeatures, options);
  }
}

/** `Conv1d` with the channels of the first input. */
export class LazyConv1d extends Conv1d {
  static {
    learnsSize(LazyConv1d, Conv1d, convRules);
  }
  constructor(outChannels: number, kernelSize: number | number[], options: ConvOptions = {}) {
    super(0, outChannels, kernelSize, options);
  }
}
/** `Conv2d` with the channels of the first input. */
export class LazyConv2d extends Conv2d {
  static {
    learnsSize(LazyConv2d, Conv2d, convRules);
  }
  constructor(outChannels: number, kernelSize: number | number[], options: ConvOptions = {}) {
    super(0, outChannels, kernelSize, options);
  }
}
/** `Conv3d` with the channels of the first input. */
export class LazyConv3d extends Conv3d {
  static {
    learnsSize(LazyConv3d, Conv3d, convRules);
  }
  constructor(outChannels: number, kernelSize: number | number[], options: ConvOptions = {}) {
    super(0, outChannels, kernelSize, options);
  }
}

/** `ConvTranspose1d` with the channels of the first input. */
export class LazyConvTranspose1d extends ConvTranspose1d {
  static {
    learnsSize(LazyConvTranspose1d, ConvTranspose1d, convTransposeRules);
  }
  constructor(outChannels: number, kernelSize: number | number[], options: ConvTransposeOptions = {}) {
    super(0, outChannels, kernelSize, options);
  }
}
/** `ConvTranspose2d` with the channels of the first input. */
export class LazyConvTranspose2d extends ConvTranspose2d {
  static {
    learnsSize(LazyConvTranspose2d, ConvTranspose2d, convTransposeRules);
  }
  constructor(outChannels: number, kernelSize: number | number[], options: ConvTransposeOptions = {}) {
    super(0, outChannels, kernelSize, options);
  }
}
/** `ConvTranspose3d` with the channels of the first input. */
export class LazyConvTranspose3d extends ConvTranspose3d {
  static {
    learnsSize(LazyConvTranspose3d, ConvTranspose3d, convTransposeRules);
  }
  constructor(outChannels: number, kernelSize: number | number[], options: ConvTransposeOptions = {}) {
    super(0, outChannels, kernelSize, options);
  }
}
