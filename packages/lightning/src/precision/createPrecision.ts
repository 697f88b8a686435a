import { getDefaultDType, setDefaultDType } from '@lightning-ts/torch';
import { mapTensors } from '../strategies/moveToDevice.js';
import type { Precision, PrecisionName } from './precision.js';

/** Single precision: what tensors are anyway. */
const single: Precision = { name: '32-true' };

/** Double precision: parameters, float inputs, and tensors made in a step. */
const double: Precision = {
  name: '64-true',
  convertModule(module) {
    module.to('float64');
  },
  convertInput<Batch>(batch: Batch): Batch {
    return mapTensors(batch, (tensor) => (tensor.isFloatingPoint() ? tensor.to('float64') : tensor));
  },
  runStep<T>(step: () => T): T {
    const before = getDefaultDType();
    setDefaultDType('float64');
    try {
      return step();
    } finally {
      setDefaultDType(before);
    }
  },
};

export function createPrecision(name: PrecisionName): Precision {
  return name === '64-true' ? double : single;
}
