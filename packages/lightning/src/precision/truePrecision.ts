import { type DType, getDefaultDType, setDefaultDType } from '@lightning-ts/torch';
import { mapTensors } from '../mapTensors.js';
import type { LightningModule } from '../module/lightningModule.js';
import { Precision } from './precision.js';
import { refuseAsync } from './refuseAsync.js';

/** Everything in one element type: parameters, float inputs, and the tensors that a step makes. */
abstract class TruePrecision extends Precision {
  protected abstract readonly dtype: DType;

  override convertModule(module: LightningModule): void {
    module.to(this.dtype);
  }

  override convertInput<Batch>(batch: Batch): Batch {
    const { dtype } = this;
    return mapTensors(batch, (tensor) => (tensor.isFloatingPoint() ? tensor.to(dtype) : tensor));
  }

  override initModule<T>(create: () => T): T {
    return this.inDType(create);
  }

  override runStep<T>(step: () => T): T {
    return refuseAsync(this.inDType(step), this.name);
  }

  private inDType<T>(fn: () => T): T {
    const before = getDefaultDType();
    setDefaultDType(this.dtype);
    try {
      return fn();
    } finally {
      setDefaultDType(before);
    }
  }
}

/** `'64-true'`: float64 throughout. */
export class DoublePrecision extends TruePrecision {
  override readonly name = '64-true';
  protected override readonly dtype = 'float64';
}

/** `'16-true'` or `'bf16-true'`: float16 or bfloat16 throughout, weights included. Half the memory, less exact updates. */
export class HalfPrecision extends TruePrecision {
  override readonly name: '16-true' | 'bf16-true';
  protected override readonly dtype: 'float16' | 'bfloat16';

  /** @param name default `'16-true'` */
  constructor(name: '16-true' | 'bf16-true' = '16-true') {
    super();
    this.name = name;
    this.dtype = name === '16-true' ? 'float16' : 'bfloat16';
  }
}
