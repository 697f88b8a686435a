import { empty } from '../../creation.js';
import { TorchError } from '../../errors.js';
import type { Parameter } from '../../parameter.js';
import type { Tensor } from '../../tensor.js';
import type { Module } from '../module.js';
import { fieldsOf } from '../utils/computedFields.js';
import { Conv1d, Conv2d, Conv3d, type ConvOptions } from './conv.js';
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, type ConvTransposeOptions } from './convTranspose.js';
import { Linear } from './linear.js';

// Layers that learn their input size from the first input (or from the state they load) and are then the plain layer.
// Their parameters exist from the start, without elements, so that an optimizer can have them.

function grow(parameter: Parameter | null, shape: number[]): void {
  if (parameter !== null) parameter.data = empty(shape, { dtype: parameter.dtype, device: parameter.device });
}

/** Reads the number of channels from an input of `spatial` dimensions besides channels and, maybe, a batch. */
function channelsOf(layer: Module, input: Tensor, spatial: number): number {
  const { shape } = input;
  if (shape.length !== spatial + 1 && shape.length !== spatial + 2)
    throw new TorchError(
      'SHAPE_MISMATCH',
      `${layer.constructor.name} expects ${spatial + 2} dimensions, or ${spatial + 1} without a batch, got [${shape.join(', ')}]`,
    );
  return shape[shape.length - spatial - 1]!;
}

function become(layer: Module, plain: { prototype: object }, field: string, size: number, fill: () => void): void {
  fieldsOf(layer)[field] = size;
  fill();
  Object.setPrototypeOf(layer, plain.prototype);
}

/** `Linear` with the input size of the first input. */
export class LazyLinear extends Linear {
  constructor(outFeatures: number, options: { bias?: boolean } = {}) {
    super(0, outFeatures, options);
  }
  override resetParameters(): void {
    if (this.inFeatures !== 0) super.resetParameters();
  }
  private settle(inFeatures: number): void {
    if (this.inFeatures !== 0) return;
    become(this, Linear, 'inFeatures', inFeatures, () => {
      grow(this.weight, [this.outFeatures, inFeatures]);
      this.resetParameters();
    });
  }
  protected override prepareToLoad(read: (key: string) => Tensor | undefined): void {
    const weight = read('weight');
    if (weight?.dim() === 2) this.settle(weight.size(1));
  }
  override forward(input: Tensor): Tensor {
    this.settle(input.size(-1));
    return super.forward(input);
  }
}

type AnyConv = (Conv1d | Conv2d | Conv3d) & { resetParameters(): void };

function settleConv(layer: AnyConv, plain: { prototype: object }, inChannels: number): void {
  if (layer.inChannels !== 0) return;
  if (inChannels % layer.groups !== 0)
    throw new TorchError(
      'SHAPE_MISMATCH',
      `the input has ${inChannels} channels, which groups (${layer.groups}) does not divide`,
    );
  become(layer, plain, 'inChannels', inChannels, () => {
    grow(layer.weight, [layer.outChannels, inChannels / layer.groups, ...layer.kernelSize]);
    layer.resetParameters();
  });
}

const loadConv = (layer: AnyConv, plain: { prototype: object }, weight: Tensor | undefined): void => {
  if (weight?.dim() === layer.kernelSize.length + 2) settleConv(layer, plain, weight.size(1) * layer.groups);
};

/** `Conv1d` with the channels of the first input. */
export class LazyConv1d extends Conv1d {
  constructor(outChannels: number, kernelSize: number | number[], options: ConvOptions = {}) {
    super(0, outChannels, kernelSize, options);
  }
  override resetParameters(): void {
    if (this.inChannels !== 0) super.resetParameters();
  }
  protected override prepareToLoad(read: (key: string) => Tensor | undefined): void {
    loadConv(this, Conv1d, read('weight'));
  }
  override forward(input: Tensor): Tensor {
    settleConv(this, Conv1d, channelsOf(this, input, 1));
    return super.forward(input);
  }
}
/** `Conv2d` with the channels of the first input. */
export class LazyConv2d extends Conv2d {
  constructor(outChannels: number, kernelSize: number | number[], options: ConvOptions = {}) {
    super(0, outChannels, kernelSize, options);
  }
  override resetParameters(): void {
    if (this.inChannels !== 0) super.resetParameters();
  }
  protected override prepareToLoad(read: (key: string) => Tensor | undefined): void {
    loadConv(this, Conv2d, read('weight'));
  }
  override forward(input: Tensor): Tensor {
    settleConv(this, Conv2d, channelsOf(this, input, 2));
    return super.forward(input);
  }
}
/** `Conv3d` with the channels of the first input. */
export class LazyConv3d extends Conv3d {
  constructor(outChannels: number, kernelSize: number | number[], options: ConvOptions = {}) {
    super(0, outChannels, kernelSize, options);
  }
  override resetParameters(): void {
    if (this.inChannels !== 0) super.resetParameters();
  }
  protected override prepareToLoad(read: (key: string) => Tensor | undefined): void {
    loadConv(this, Conv3d, read('weight'));
  }
  override forward(input: Tensor): Tensor {
    settleConv(this, Conv3d, channelsOf(this, input, 3));
    return super.forward(input);
  }
}

type AnyConvTranspose = ConvTranspose1d | ConvTranspose2d | ConvTranspose3d;

function settleConvTranspose(layer: AnyConvTranspose, plain: { prototype: object }, inChannels: number): void {
  if (layer.inChannels !== 0) return;
  if (inChannels % layer.groups !== 0)
    throw new TorchError(
      'SHAPE_MISMATCH',
      `the input has ${inChannels} channels, which groups (${layer.groups}) does not divide`,
    );
  become(layer, plain, 'inChannels', inChannels, () => {
    grow(layer.weight, [inChannels, layer.outChannels / layer.groups, ...layer.kernelSize]);
    layer.resetParameters();
  });
}

const loadConvTranspose = (layer: AnyConvTranspose, plain: { prototype: object }, weight: Tensor | undefined): void => {
  if (weight?.dim() === layer.kernelSize.length + 2) settleConvTranspose(layer, plain, weight.size(0));
};

/** `ConvTranspose1d` with the channels of the first input. */
export class LazyConvTranspose1d extends ConvTranspose1d {
  constructor(outChannels: number, kernelSize: number | number[], options: ConvTransposeOptions = {}) {
    super(0, outChannels, kernelSize, options);
  }
  override resetParameters(): void {
    if (this.inChannels !== 0) super.resetParameters();
  }
  protected override prepareToLoad(read: (key: string) => Tensor | undefined): void {
    loadConvTranspose(this, ConvTranspose1d, read('weight'));
  }
  override forward(input: Tensor, options: { outputSize?: number[] } = {}): Tensor {
    settleConvTranspose(this, ConvTranspose1d, channelsOf(this, input, 1));
    return super.forward(input, options);
  }
}
/** `ConvTranspose2d` with the channels of the first input. */
export class LazyConvTranspose2d extends ConvTranspose2d {
  constructor(outChannels: number, kernelSize: number | number[], options: ConvTransposeOptions = {}) {
    super(0, outChannels, kernelSize, options);
  }
  override resetParameters(): void {
    if (this.inChannels !== 0) super.resetParameters();
  }
  protected override prepareToLoad(read: (key: string) => Tensor | undefined): void {
    loadConvTranspose(this, ConvTranspose2d, read('weight'));
  }
  override forward(input: Tensor, options: { outputSize?: number[] } = {}): Tensor {
    settleConvTranspose(this, ConvTranspose2d, channelsOf(this, input, 2));
    return super.forward(input, options);
  }
}
/** `ConvTranspose3d` with the channels of the first input. */
export class LazyConvTranspose3d extends ConvTranspose3d {
  constructor(outChannels: number, kernelSize: number | number[], options: ConvTransposeOptions = {}) {
    super(0, outChannels, kernelSize, options);
  }
  override resetParameters(): void {
    if (this.inChannels !== 0) super.resetParameters();
  }
  protected override prepareToLoad(read: (key: string) => Tensor | undefined): void {
    loadConvTranspose(this, ConvTranspose3d, read('weight'));
  }
  override forward(input: Tensor, options: { outputSize?: number[] } = {}): Tensor {
    settleConvTranspose(this, ConvTranspose3d, channelsOf(this, input, 3));
    return super.forward(input, options);
  }
}
