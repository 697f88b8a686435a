import { empty, zeros } from '../../creation.js';
import type { Tensor } from '../../tensor.js';
import { fieldsOf } from '../utils/computedFields.js';
import { InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, type InstanceNormLayerOptions } from './instanceNorm.js';
import { BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormOptions } from './norm.js';

// Normalisations that learn their number of features from the first input (or from the state they load) and are then
// the plain layer. Their parameters exist from the start, without elements, so that an optimizer can have them.

type AnyNorm = BatchNorm1d | BatchNorm2d | BatchNorm3d | InstanceNorm1d | InstanceNorm2d | InstanceNorm3d;

function settle(layer: AnyNorm, plain: { prototype: object }, numFeatures: number): void {
  if (layer.numFeatures !== 0) return;
  const fields = fieldsOf(layer);
  fields.numFeatures = numFeatures;
  for (const parameter of [layer.weight, layer.bias])
    if (parameter !== null) parameter.data = empty([numFeatures], { dtype: parameter.dtype, device: parameter.device });
  for (const name of ['runningMean', 'runningVar'] as const) {
    const before = layer[name];
    if (before !== null) fields[name] = zeros([numFeatures], { dtype: before.dtype, device: before.device });
  }
  layer.resetParameters();
  Object.setPrototypeOf(layer, plain.prototype);
}

function load(layer: AnyNorm, plain: { prototype: object }, read: (key: string) => Tensor | undefined): void {
  const known = read('weight') ?? read('running_mean');
  if (known?.dim() === 1) settle(layer, plain, known.size(0));
}

/** `BatchNorm1d` with the channels of the first input. */
export class LazyBatchNorm1d extends BatchNorm1d {
  constructor(options: BatchNormOptions = {}) {
    super(0, options);
  }
  protected override prepareToLoad(read: (key: string) => Tensor | undefined): void {
    load(this, BatchNorm1d, read);
  }
  override forward(input: Tensor): Tensor {
    settle(this, BatchNorm1d, input.size(1));
    return super.forward(input);
  }
}

/** `BatchNorm2d` with the channels of the first input. */
export class LazyBatchNorm2d extends BatchNorm2d {
  constructor(options: BatchNormOptions = {}) {
    super(0, options);
  }
  protected override prepareToLoad(read: (key: string) => Tensor | undefined): void {
    load(this, BatchNorm2d, read);
  }
  override forward(input: Tensor): Tensor {
    settle(this, BatchNorm2d, input.size(1));
    return super.forward(input);
  }
}

/** `BatchNorm3d` with the channels of the first input. */
export class LazyBatchNorm3d extends BatchNorm3d {
  constructor(options: BatchNormOptions = {}) {
    super(0, options);
  }
  protected override prepareToLoad(read: (key: string) => Tensor | undefined): void {
    load(this, BatchNorm3d, read);
  }
  override forward(input: Tensor): Tensor {
    settle(this, BatchNorm3d, input.size(1));
    return super.forward(input);
  }
}

/** `InstanceNorm1d` with the channels of the first input. */
export class LazyInstanceNorm1d extends InstanceNorm1d {
  constructor(options: InstanceNormLayerOptions = {}) {
    super(0, options);
  }
  protected override prepareToLoad(read: (key: string) => Tensor | undefined): void {
    load(this, InstanceNorm1d, read);
  }
  override forward(input: Tensor): Tensor {
    settle(this, InstanceNorm1d, input.size(-2));
    return super.forward(input);
  }
}

/** `InstanceNorm2d` with the channels of the first input. */
export class LazyInstanceNorm2d extends InstanceNorm2d {
  constructor(options: InstanceNormLayerOptions = {}) {
    super(0, options);
  }
  protected override prepareToLoad(read: (key: string) => Tensor | undefined): void {
    load(this, InstanceNorm2d, read);
  }
  override forward(input: Tensor): Tensor {
    settle(this, InstanceNorm2d, input.size(-3));
    return super.forward(input);
  }
}

/** `InstanceNorm3d` with the channels of the first input. */
export class LazyInstanceNorm3d extends InstanceNorm3d {
  constructor(options: InstanceNormLayerOptions = {}) {
    super(0, options);
  }
  protected override prepareToLoad(read: (key: string) => Tensor | undefined): void {
    load(this, InstanceNorm3d, read);
  }
  override forward(input: Tensor): Tensor {
    settle(this, InstanceNorm3d, input.size(-4));
    return super.forward(input);
  }
}
