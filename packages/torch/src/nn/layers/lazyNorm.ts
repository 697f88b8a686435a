import { empty, zeros } from '../../creation.js';
import type { Tensor } from '../../tensor.js';
import { fieldsOf } from '../utils/computedFields.js';
import { InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, type InstanceNormLayerOptions } from './instanceNorm.js';
import { type LazyRules, learnsSize } from './lazyLayer.js';
import { BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormOptions } from './norm.js';

type AnyNorm = BatchNorm1d | BatchNorm2d | BatchNorm3d | InstanceNorm1d | InstanceNorm2d | InstanceNorm3d;

/** `dim` is where the features are in the input. */
const normRules = (dim: number): LazyRules<AnyNorm> => ({
  field: 'numFeatures',
  sizeOfInput: (_, input) => input.size(dim),
  sizeInState: (_, read: (key: string) => Tensor | undefined) => {
    const known = read('weight') ?? read('running_mean');
    return known?.dim() === 1 ? known.size(0) : undefined;
  },
  grow: (layer, size) => {
    for (const parameter of [layer.weight, layer.bias])
      if (parameter !== null) parameter.data = empty([size], { dtype: parameter.dtype, device: parameter.device });
    for (const name of ['runningMean', 'runningVar'] as const) {
      const before = layer[name];
      if (before !== null) fieldsOf(layer)[name] = zeros([size], { dtype: before.dtype, device: before.device });
    }
  },
  defersReset: false,
});

/** `BatchNorm1d` with the channels of the first input. */
export class LazyBatchNorm1d extends BatchNorm1d {
  static {
    learnsSize(LazyBatchNorm1d, BatchNorm1d, normRules(1));
  }
  constructor(options: BatchNormOptions = {}) {
    super(0, options);
  }
}

/** `BatchNorm2d` with the channels of the first input. */
export class LazyBatchNorm2d extends BatchNorm2d {
  static {
    learnsSize(LazyBatchNorm2d, BatchNorm2d, normRules(1));
  }
  constructor(options: BatchNormOptions = {}) {
    super(0, options);
  }
}

/** `BatchNorm3d` with the channels of the first input. */
export class LazyBatchNorm3d extends BatchNorm3d {
  static {
    learnsSize(LazyBatchNorm3d, BatchNorm3d, normRules(1));
  }
  constructor(options: BatchNormOptions = {}) {
    super(0, options);
  }
}

/** `InstanceNorm1d` with the channels of the first input. */
export class LazyInstanceNorm1d extends InstanceNorm1d {
  static {
    learnsSize(LazyInstanceNorm1d, InstanceNorm1d, normRules(-2));
  }
  constructor(options: InstanceNormLayerOptions = {}) {
    super(0, options);
  }
}

/** `InstanceNorm2d` with the channels of the first input. */
export class LazyInstanceNorm2d extends InstanceNorm2d {
  static {
    learnsSize(LazyInstanceNorm2d, InstanceNorm2d, normRules(-3));
  }
  constructor(options: InstanceNormLayerOptions = {}) {
    super(0, options);
  }
}

/** `InstanceNorm3d` with the channels of the first input. */
export class LazyInstanceNorm3d extends InstanceNorm3d {
  static {
    learnsSize(LazyInstanceNorm3d, InstanceNorm3d, normRules(-4));
  }
  constructor(options: InstanceNormLayerOptions = {}) {
    super(0, options);
  }
}
